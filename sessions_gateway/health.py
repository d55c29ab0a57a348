"""`operator.health`: the operator's state over all binds and replicas (docs/contract.md §4).

The replica that speaks for an operator (`Neighbours.speaks`) says each change at once and repeats itself every 20 s.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from ghasi.bus import Bus, BusError, Publication
from ghasi.contracts import subjects
from ghasi.contracts.events import HealthStatus, OperatorHealthEvent, encode_event
from ghasi.contracts.sessions import SessionRecord, State
from ghasi.contracts.timers import HEALTH_REPEAT
from ghasi.logs import get_logger
from ghasi.tasks import end_task, lasting
from sessions_gateway.metrics import Metrics
from sessions_gateway.neighbours import Neighbours
from sessions_gateway.operator import STOPPING, Operator

LOOK_EVERY = 1.0
FIRST_REPEAT = (0.5, 1.0)
"""The first repetition comes after this share of the time: operators bound together are not repeated together."""

log = get_logger()


@dataclass(slots=True)
class _Said:
    """What was last published of an operator."""

    status: HealthStatus | None = None
    repeat_at: float = 0.0
    look_at: float = 0.0
    """When time alone may have changed something; a change calls by itself."""
    trouble: bool = False
    """Whether it said what keeps the backup from carrying: told when that begins or ends, not at each retry."""


def overall(records: list[SessionRecord]) -> tuple[HealthStatus | None, str | None]:
    """One status out of all replicas' records; None while every one of them is still at its first attempt."""
    newest = max((record.failover_term for record in records), default=0)
    # A replica that has not heard of the last failover yet knows less than one that has.
    records = [record for record in records if record.failover_term == newest]
    if any(record.state is State.BOUND for record in records):
        return HealthStatus.BOUND, None
    failback = [record for record in records if record.state is State.FAILBACK]
    if failback:
        return HealthStatus.FAILBACK, next((record.reason for record in failback if record.reason), None)
    unbound = [record for record in records if record.state is State.UNBOUND]
    if not unbound:
        return None, None
    return HealthStatus.UNBOUND, next((record.reason for record in unbound if record.reason), None)


@dataclass(frozen=True, slots=True)
class _Word:
    """What is to be published of an operator now."""

    operator_id: str
    said: _Said
    status: HealthStatus
    reason: str | None
    trouble: bool = False


class Health:
    """Publishes for the operators this replica speaks for."""

    def __init__(
        self,
        bus: Bus,
        operators: Mapping[str, Operator],
        neighbours: Neighbours,
        metrics: Metrics,
    ) -> None:
        self._bus = bus
        self._operators = operators
        self._neighbours = neighbours
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._said: dict[str, _Said] = {}
        self._changed: set[str] = set()
        self._round_at = 0.0
        self._wake = asyncio.Event()
        self._saying = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def changed(self, operator_id: str) -> None:
        self._changed.add(operator_id)
        self._wake.set()

    def start(self) -> None:
        self._task = lasting(self._run, "health")

    async def stop(self) -> None:
        """The last word where nobody is left to speak for an operator that was bound."""
        async with self._saying:
            # Cut off in the middle, a change would be said again as the last word.
            await end_task(self._task)
        for operator_id in self._said:
            await self._last_word(operator_id)

    async def _last_word(self, operator_id: str) -> bool:
        """True once there is nothing left to say."""
        said = self._said[operator_id]
        if said.status in (None, HealthStatus.UNBOUND) or self._neighbours.peers(operator_id):
            return True
        return await self._say([_Word(operator_id, said, HealthStatus.UNBOUND, STOPPING)])

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            words = [word for operator_id in self._due() if (word := self._look(operator_id)) is not None]
            if words:
                async with self._saying:
                    await self._say(words)
            for operator_id in self._said.keys() - self._operators.keys():
                async with self._saying:
                    if await self._last_word(operator_id):
                        del self._said[operator_id]
            try:
                async with asyncio.timeout(max(0.0, self._round_at - self._loop.time())):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _due(self) -> list[str]:
        """Operators that changed, and once a second those for which time may have changed something."""
        due, self._changed = self._changed, set()
        now = self._loop.time()
        if now >= self._round_at:
            self._round_at = now + LOOK_EVERY
            new = _Said()
            due |= {one for one in self._operators if self._said.get(one, new).look_at <= now}
        return [operator_id for operator_id in due if operator_id in self._operators]

    def _look(self, operator_id: str) -> _Word | None:
        operator, now = self._operators[operator_id], self._loop.time()
        said = self._said.setdefault(operator_id, _Said())
        said.look_at = now + LOOK_EVERY / 2
        if not self._neighbours.speaks(operator_id):
            # Slots that are given back by a stop take the voice with them, not what there is left to say.
            said.status = said.status if operator.stopping else None
            return None
        status, reason = overall([operator.record(), *self._neighbours.records(operator_id)])
        trouble = bool(operator.diversion.trouble)
        if status is None:
            return None
        if status is not said.status or now >= said.repeat_at or trouble is not said.trouble:
            return _Word(operator_id, said, status, reason, trouble)
        if operator.is_bound:
            said.look_at = said.repeat_at
        return None

    async def _say(self, words: list[_Word]) -> bool:
        """False where it was not stored, all or in part."""
        try:
            await self._bus.publish_many([self._publication(word) for word in words])
        except BusError:
            # Said again at the next look, because what counts is what was stored.
            self._metrics.health_failed.inc(len(words))
            return False
        for word in words:
            self._note(word)
        return True

    def _publication(self, word: _Word) -> Publication:
        operator = self._operators.get(word.operator_id)
        settings = operator.settings if operator is not None else None
        event = OperatorHealthEvent(
            event_id=str(uuid.uuid4()),
            occurred_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            operator_id=word.operator_id,
            operator_name=settings.operator_name if settings else "",
            status=word.status,
            previous_status=word.said.status,
            reason=word.reason if word.reason and word.status is not HealthStatus.BOUND else msgspec.UNSET,
            version="1.0",
        )
        return Publication(subjects.OPERATOR_HEALTH, encode_event(event), msg_id=event.event_id)

    def _note(self, word: _Word) -> None:
        said, now = word.said, self._loop.time()
        repeat = HEALTH_REPEAT
        if word.status is not said.status:
            repeat *= random.uniform(*FIRST_REPEAT)  # noqa: S311 - spread
            log.info(
                "operator.health",
                operatorId=word.operator_id,
                state=word.status.value,
                previousState=said.status.value if said.status else None,
                reason=word.reason,
            )
        said.status, said.repeat_at, said.trouble = word.status, now + repeat, word.trouble
        operator = self._operators.get(word.operator_id)
        if operator is not None and operator.is_bound:
            said.look_at = said.repeat_at
