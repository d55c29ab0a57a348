"""`operator.health`: the operator's state over all binds and replicas (docs/contract.md §4).

One replica speaks for an operator: the holder of its lowest slot, or where no slot has been held for 10 s the first
replica by name. It says each change at once and repeats itself every 20 s.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from ghasi.bus import Bus, BusError, Publication
from ghasi.contracts import subjects
from ghasi.contracts.events import HealthStatus, OperatorHealthEvent, encode_event
from ghasi.contracts.sessions import ReplicaRecord, SessionRecord, State
from ghasi.contracts.timers import HEALTH_REPEAT
from ghasi.contracts.topology import REPLICA_TTL, SESSION_TTL
from ghasi.logs import get_logger
from ghasi.tasks import end_task
from sessions_gateway.leases import SlotLeases
from sessions_gateway.metrics import Metrics
from sessions_gateway.mirror import Mirror
from sessions_gateway.operator import Operator

LOOK_EVERY = 1.0
UNHELD_FOR = 10.0

log = get_logger()


@dataclass(slots=True)
class _Said:
    """What was last published of an operator, and since when none of its slots is held."""

    status: HealthStatus | None = None
    at: float = 0.0
    unheld_since: float | None = None


def overall(records: list[SessionRecord]) -> tuple[HealthStatus | None, str | None]:
    """One status out of all replicas' records; None while every one of them is still at its first attempt."""
    if any(record.state is State.BOUND for record in records):
        return HealthStatus.BOUND, None
    unbound = [record for record in records if record.state is State.UNBOUND]
    if not unbound:
        return None, None
    return HealthStatus.UNBOUND, next((record.reason for record in unbound if record.reason), None)


class Health:
    """Publishes for the operators this replica speaks for."""

    def __init__(
        self,
        bus: Bus,
        replica: str,
        operators: Mapping[str, Operator],
        slots: SlotLeases,
        sessions: Mirror[SessionRecord],
        replicas: Mirror[ReplicaRecord],
        metrics: Metrics,
    ) -> None:
        self._bus = bus
        self._replica = replica
        self._operators = operators
        self._slots = slots
        self._sessions = sessions
        self._replicas = replicas
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._said = {operator_id: _Said() for operator_id in operators}
        self._wake = asyncio.Event()
        self._saying = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def changed(self, operator_id: str) -> None:
        self._wake.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="health")

    async def stop(self) -> None:
        """The last word where nobody is left to speak for an operator that was bound."""
        async with self._saying:
            # Cut off in the middle, a change would be said again as the last word.
            await end_task(self._task)
        for operator_id, said in self._said.items():
            if said.status is HealthStatus.BOUND and not self._peers(operator_id):
                await self._say(operator_id, said, HealthStatus.UNBOUND, "stopping")

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            for operator_id in self._operators:
                await self._look(operator_id)
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _look(self, operator_id: str) -> None:
        said = self._said[operator_id]
        if not self._speaks(operator_id, said):
            said.status = None
            return
        status, reason = overall([self._operators[operator_id].record(), *self.others(operator_id)])
        due = said.status is not None and self._loop.time() - said.at >= HEALTH_REPEAT
        if status is not None and (status is not said.status or due):
            async with self._saying:
                await self._say(operator_id, said, status, reason)

    def others(self, operator_id: str) -> list[SessionRecord]:
        """What other living replicas say of the operator."""
        return [
            record
            for _, record in self._sessions.fresh(SESSION_TTL)
            if record.operator_id == operator_id and record.replica != self._replica
        ]

    def _speaks(self, operator_id: str, said: _Said) -> bool:
        held = self._slots.held(operator_id)
        if held:
            said.unheld_since = None
            return not any(self._slots.holder(operator_id, slot) for slot in range(held[0]))
        if self._slots.holder(operator_id, 0) is not None:
            said.unheld_since = None
            return False
        now = self._loop.time()
        said.unheld_since = now if said.unheld_since is None else said.unheld_since
        return now - said.unheld_since >= UNHELD_FOR and self._replica <= min(
            self._peers(operator_id), default=self._replica
        )

    def _peers(self, operator_id: str) -> list[str]:
        """Other living replicas this operator is assigned to."""
        return [
            record.replica
            for _, record in self._replicas.fresh(REPLICA_TTL)
            if record.replica != self._replica and operator_id in record.operator_ids
        ]

    async def _say(self, operator_id: str, said: _Said, status: HealthStatus, reason: str | None) -> None:
        settings = self._operators[operator_id].settings
        event = OperatorHealthEvent(
            event_id=str(uuid.uuid4()),
            occurred_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            operator_id=operator_id,
            operator_name=settings.operator_name if settings else "",
            status=status,
            previous_status=said.status,
            reason=reason if reason and status is not HealthStatus.BOUND else msgspec.UNSET,
            version="1.0",
        )
        try:
            await self._bus.publish(Publication(subjects.OPERATOR_HEALTH, encode_event(event), msg_id=event.event_id))
        except BusError:
            # Said again at the next look, because what counts is what was stored.
            self._metrics.health_failed.inc()
            return
        if status is not said.status:
            log.info(
                "operator.health",
                operatorId=operator_id,
                state=status.value,
                previousState=said.status.value if said.status else None,
                reason=reason,
            )
        said.status, said.at = status, self._loop.time()
