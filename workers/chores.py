"""What one process of a pool does for all: purge behind the ack floor, watch the backlogs (docs/architecture.md)."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
import nats.errors
from nats.js.api import ConsumerInfo, RetentionPolicy
from nats.js.errors import APIError
from nats.js.errors import Error as JetStreamError

from ghasi.bus import Bus
from ghasi.contracts import timers, topology
from ghasi.contracts.subjects import SMS_DISPATCH, dispatch_operator
from ghasi.logs import get_logger
from ghasi.tasks import end_task, lasting
from workers import metrics
from workers.presence import Presence
from workers.stream_watch import StreamWatch
from workers.waiting import oldest

BACKLOG_EVERY = 5.0
EVENTS_EVERY = 30.0
PURGE_TIMEOUT = 5.0
OTHER = "other"
MAX_LABELS = 200
PURGES_A_TURN = 10

log = get_logger()


class Gate(Protocol):
    """Who has a say in how far a subject is purged."""

    def purge_to(self, operator_id: str, floor: int) -> tuple[int, ...]: ...

    def purged(self, operator_id: str, to: int, count: int) -> None: ...


class _Purged(msgspec.Struct):
    purged: int = 0
    error: dict[str, Any] | None = None


class Chores:
    """Runs on the loop of every process; works in the one that `presence.first` names."""

    def __init__(
        self,
        bus: Bus,
        presence: Presence,
        pool: str,
        consumers: list[topology.Consumer],
        gate: Gate | None = None,
    ) -> None:
        self._bus = bus
        self._presence = presence
        self._pool = pool
        self._consumers = consumers
        self._gate = gate
        self._floors: dict[tuple[str, datetime | None], int] = {}
        """By durable and when it was made: of a stream made anew the sequences begin anew."""
        self._task: asyncio.Task[None] | None = None
        self._backlog_at = 0.0
        self._oldest_at = 0.0
        self._showing = False
        self._events = StreamWatch(bus)
        self._events_at = 0.0
        self._unassigned: set[str] = set()

    def start(self) -> None:
        self._task = lasting(self._run, f"chores-{self._pool}")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(timers.PURGE_EVERY)
            metrics.nats_connected.set(self._bus.connected)
            if not self._presence.first:
                self._hide()
                continue
            try:
                await self.turn()
            except (nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
                log.debug("chores.failed", errorType=type(error).__name__)

    def _hide(self) -> None:
        if self._showing:
            self._showing = False
            self._unassigned.clear()
            metrics.hide(metrics.COMMON_OF_CHORES)

    async def turn(self) -> None:
        """One round of purges; backlogs every 5 s, readers of the event streams every 30 s."""
        self._showing = True
        infos = await self._infos()
        looks = time.monotonic() >= self._oldest_at
        for consumer, info in infos:
            await self._show(consumer, info, looks=looks)
        if looks:
            self._oldest_at = time.monotonic() + BACKLOG_EVERY
        if await self._purgeable():
            await self._purge(infos)
        if self._pool == "dispatch" and time.monotonic() >= self._backlog_at:
            self._backlog_at = time.monotonic() + BACKLOG_EVERY
            await self._watch_unassigned()
        if self._pool == "receipts" and time.monotonic() >= self._events_at:
            self._events_at = time.monotonic() + EVENTS_EVERY
            await self._events.look()

    async def _infos(self) -> list[tuple[topology.Consumer, ConsumerInfo]]:
        """Of our consumers that exist, from the stream's list: one question for many operators."""
        found = {info.name: info for info in await self._bus.consumers(self._consumers[0].stream)}
        return [(consumer, found[consumer.durable]) for consumer in self._consumers if consumer.durable in found]

    async def _purgeable(self) -> bool:
        """A work-queue stream of the platform's removes what is acknowledged by itself."""
        info = await self._bus.js.stream_info(self._consumers[0].stream)
        return info.config.retention == RetentionPolicy.LIMITS

    async def _show(self, consumer: topology.Consumer, info: ConsumerInfo, *, looks: bool) -> None:
        operator_id = dispatch_operator(consumer.filter_subject)
        metrics.lane_backlog.labels(operator_id, self._pool).set(info.num_pending or 0)
        if looks:
            metrics.lane_oldest.labels(operator_id, self._pool).set(await oldest(self._bus, consumer, info))

    async def _purge(self, infos: list[tuple[topology.Consumer, ConsumerInfo]]) -> None:
        """Those whose floor has moved furthest, a few a turn: a purge is an fsync, and fifty quiet operators purged
        each second took a fifth of a core from the busy ones."""
        steps = [(self._steps(consumer, info), consumer, info.created) for consumer, info in infos]
        moved = [(to[-1] - self._floors.get((one.durable, made), 0), to, one, made) for to, one, made in steps]
        due = sorted((one for one in moved if one[1][-1] and one[0] > 0), key=lambda one: one[0], reverse=True)
        for _, floors, consumer, made in due[:PURGES_A_TURN]:
            for floor in floors:
                await self._purge_one(consumer, made, floor)

    def _steps(self, consumer: topology.Consumer, info: ConsumerInfo) -> tuple[int, ...]:
        """Sequences to purge up to, one after the other."""
        floor = info.ack_floor.stream_seq if info.ack_floor else 0
        if self._gate is None:
            return (floor,)
        return self._gate.purge_to(dispatch_operator(consumer.filter_subject), floor)

    async def _purge_one(self, consumer: topology.Consumer, made: datetime | None, floor: int) -> None:
        if floor > self._floors.get((consumer.durable, made), 0):
            count = await self._purge_up_to(consumer, floor)
            self._floors[consumer.durable, made] = floor
            if self._gate is not None:
                self._gate.purged(dispatch_operator(consumer.filter_subject), floor, count)

    async def _purge_up_to(self, consumer: topology.Consumer, sequence: int) -> int:
        """Returns how many messages went, which nats-py's own call keeps to itself."""
        request = msgspec.json.encode({"filter": consumer.filter_subject, "seq": sequence + 1})
        answer = await self._bus.nc.request(f"$JS.API.STREAM.PURGE.{consumer.stream}", request, timeout=PURGE_TIMEOUT)
        purged = msgspec.json.decode(answer.data, type=_Purged)
        if purged.error is not None:
            APIError.from_error(purged.error)
        return purged.purged

    async def _watch_unassigned(self) -> None:
        """A command for an operator nobody is assigned to stays in the stream, shown and alarmed."""
        info = await self._bus.js.stream_info(SMS_DISPATCH, subjects_filter="smpp.operator.*")
        waiting: dict[str, int] = {}
        for subject, count in (info.state.subjects or {}).items():
            operator_id = dispatch_operator(subject)
            if operator_id not in self._presence.assigned and count:
                label = operator_id if _is_uuid(operator_id) and len(waiting) < MAX_LABELS else OTHER
                waiting[label] = waiting.get(label, 0) + count
        for label in self._unassigned - waiting.keys():
            metrics.unassigned_backlog.labels(label).set(0)
        for label, count in waiting.items():
            metrics.unassigned_backlog.labels(label).set(count)
            if label not in self._unassigned:
                log.error("dispatch.unassigned", operatorId=label, backlog=count)
        self._unassigned = set(waiting)

    async def stop(self) -> None:
        await end_task(self._task)


def _is_uuid(value: str) -> bool:
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False
