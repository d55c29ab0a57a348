"""Receipts of operators that nobody is assigned to: found by what the stream holds (docs/architecture.md, receipts).

An operator that was a backup before this process began is named by nobody any more, and its receipts still come. So
a lane is opened for every operator of whom SMPP_RECEIPTS holds something; what no lane takes in is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol
from uuid import UUID

import nats.errors
from nats.js.errors import Error as JetStreamError

from ghasi.bus import Bus, BusError, TopologyConflict
from ghasi.contracts import subjects
from ghasi.logs import get_logger
from ghasi.tasks import end_task, lasting
from workers import metrics
from workers.presence import Presence

LOOK_EVERY = 30.0
OTHER = "other"
MAX_LABELS = 200

_ALL = subjects.receipt("*")
_PREFIX = subjects.receipt("")

log = get_logger()


class Lanes(Protocol):
    """The pool's lanes, by operator."""

    async def open(self, operator_id: str) -> None: ...

    def takes_in(self, operator_id: str) -> bool | None:
        """None where there is no lane of the operator."""


class Strays:
    """Looks at the start and every 30 s. Every process opens; the one that `presence.first` names shows."""

    def __init__(self, bus: Bus, presence: Presence, lanes: Lanes) -> None:
        self._bus = bus
        self._presence = presence
        self._lanes = lanes
        self._shown: set[str] = set()
        self._said: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = lasting(self._run, "strays")

    async def stop(self) -> None:
        await end_task(self._task)

    async def _run(self) -> None:
        while True:
            await self._tried("stream", self.turn)
            await asyncio.sleep(LOOK_EVERY)

    async def turn(self) -> None:
        """Raises as nats-py does where the stream cannot be asked."""
        waiting = await self._waiting()
        for operator_id in sorted(waiting.keys() - self._presence.assigned):
            if _is_uuid(operator_id):
                await self._tried(operator_id, partial(self._lanes.open, operator_id))
        self._show({one: count for one, count in waiting.items() if not self._is_taken_in(one)})

    async def _waiting(self) -> dict[str, int]:
        """Messages by operator, those included that are settled and not purged yet."""
        info = await self._bus.js.stream_info(subjects.SMPP_RECEIPTS, subjects_filter=_ALL)
        return {name.removeprefix(_PREFIX): count for name, count in (info.state.subjects or {}).items() if count}

    def _is_taken_in(self, operator_id: str) -> bool:
        here = self._lanes.takes_in(operator_id)
        return operator_id in self._presence.assigned if here is None else here

    async def _tried(self, what: str, call: Callable[[], Awaitable[None]]) -> None:
        """What fails is tried again at the next look."""
        try:
            await call()
        except (BusError, TopologyConflict, nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
            log.warning("strays.failed", operatorId=what, errorType=type(error).__name__)

    def _show(self, waiting: dict[str, int]) -> None:
        shown: dict[str, int] = {}
        for operator_id, count in sorted(waiting.items()) if self._presence.first else ():
            label = operator_id if _is_uuid(operator_id) and len(shown) < MAX_LABELS else OTHER
            shown[label] = shown.get(label, 0) + count
        for label in self._shown - shown.keys():
            metrics.receipts_unconsumed.labels(label).set(0)
        for label, count in shown.items():
            metrics.receipts_unconsumed.labels(label).set(count)
            # Not at the first look: rules come a moment after a start.
            if label in self._shown and label not in self._said:
                log.error("receipts.unconsumed", operatorId=label, backlog=count)
        self._said = self._shown & shown.keys()
        self._shown = set(shown)


def _is_uuid(value: str) -> bool:
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False
