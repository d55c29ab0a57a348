"""One operator's lane: pulls what may be sent now, books its permits, sends it on its way.

The lane does all the waiting (for a bind, a permit, an answer) on the event loop; Dramatiq's threads only ever do
database work. So an operator that is down, throttled or slow holds nobody else up, however many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

import nats.errors
from nats.js.errors import Error as JetStreamError

from ghasi import crash
from ghasi.bus import BusError
from ghasi.contracts import timers
from ghasi.contracts.commands import Refused
from ghasi.contracts.sessions import SessionRecord
from ghasi.contracts.submission import Fate
from ghasi.logs import get_logger
from ghasi.tasks import SideTasks, end_task, wait_event
from ghasi.telemetry import TRACES
from workers import metrics
from workers.blocks import NOT_BOUND, WINDOW_FULL, Blocks
from workers.carrier import Carrier
from workers.context import Context, utc_now
from workers.delivery import given_back, release_all
from workers.departures import Departures, Leave
from workers.fates import throttled
from workers.hands import Hands
from workers.intake import Intake
from workers.outgoing import Outgoing
from workers.parcels import Leaving, by_size
from workers.route import Route
from workers.shelf import Load, Shelf
from workers.spread import AHEAD, UNABLE, Spread

log = get_logger()

HELD_WHILE_UNBOUND = 100
HELD_AT_MOST = 2_000
LOOK_EVERY = 5.0
FETCH_RETRY = 1.0
IDLE_TICK = 0.5
BACKUP_REFUSED_RETRY = 10.0
"""Seconds until a command that the backup's rules refuse is looked at again."""


class Lane:
    """Everything runs on the loop. `start` begins, `stop` releases what has not begun and finishes the rest."""

    def __init__(self, context: Context, operator_id: str) -> None:
        self.operator_id = operator_id
        self._context = context
        self._route = Route(context.holders, operator_id)
        self._shelf = Shelf()
        self._carrier = Carrier(context, self._route, self._put_back, self._forget, self._spawn_for)
        self._changed = asyncio.Event()
        self._freed = asyncio.Event()
        self._side = SideTasks(self._task_failed)
        self._loops: list[asyncio.Task[None]] = []
        self._hands = Hands(context.bus)
        self._spread = Spread(context.holders)
        self._departures = Departures(context)
        self._blocks = Blocks()
        self._intake = Intake(context, self._route, self._shelf, self._hands, self._side, self._freed)
        self._stopping = False

    async def start(self) -> None:
        """Raises BusError or TopologyConflict."""
        await self._intake.start()
        self._route.listen(self._changed.set)
        self._loops = [
            asyncio.create_task(self._forever(self._take_in), name=f"intake-{self.operator_id}"),
            asyncio.create_task(self._forever(self._feed), name=f"feed-{self.operator_id}"),
            asyncio.create_task(self._forever(self._depart), name=f"depart-{self.operator_id}"),
        ]

    async def _forever(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A step that fails is tried again: what it held is renewed no more and comes back by its ack wait."""
        while True:
            try:
                await step()
            except (BusError, nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
                log.warning("lane.step_failed", operatorId=self.operator_id, errorType=type(error).__name__)
                await self._context.sleep(FETCH_RETRY)
            except Exception:
                log.exception("lane.step_failed", operatorId=self.operator_id)
                await self._context.sleep(FETCH_RETRY)

    async def _take_in(self) -> None:
        if await self._intake.take(self._room()):
            self._changed.set()

    def _room(self) -> int:
        """How many more commands may be in hand: enough to keep window and rate busy, few while unbound."""
        holder = self._route.holder()
        target = HELD_WHILE_UNBOUND
        if holder is not None:
            # Two seconds of its limit are plenty: what is held by one process cannot be sent by another.
            windows = (AHEAD + 1) * self._spread.window(holder.operator_id)
            target = min(HELD_AT_MOST, max(20, min(windows, 2 * holder.tps_limit)))
        waiting = self._carrier.settling.count_retries()
        metrics.lane_retries_waiting.labels(self.operator_id).set(waiting)
        if waiting > timers.MAX_ACK_PENDING // 2:
            # Half of what the consumer may have outstanding waits for a retry: only what is due is pulled.
            return 0
        return target - self._shelf.held

    # --- feeding

    async def _feed(self) -> None:
        if expired := self._shelf.take_expired(utc_now()):
            async with self._holding(expired):
                await self._carrier.settle_expired(expired)
        holder = self._route.holder()
        ready = 0
        if holder is not None and not self._stopping:
            credit = min(self._spread.credit(holder.operator_id), self._context.gateway.max_pdus)
            booked = self._departures.booked
            ready = self._shelf.pdus_waiting(credit) - booked if credit > booked else 0
        metrics.lane_held.labels(self.operator_id).set(self._shelf.held)
        if holder is not None:
            self._show_pace(holder)
        if holder is None or ready <= 0:
            if self._shelf.waiting and not self._departures.booked:
                self._blocks.begin(WINDOW_FULL if holder else NOT_BOUND, utc_now())
            self._changed.clear()
            await wait_event(self._changed, IDLE_TICK if self._shelf.waiting else LOOK_EVERY)
            return
        await self._departures.book(holder, ready, self._blocks)

    def _show_pace(self, holder: SessionRecord) -> None:
        effective = self._context.throttle.effective(holder.operator_id, holder.tps_limit)
        metrics.tps_effective.labels(holder.operator_id).set(effective)

    async def _depart(self) -> None:
        try:
            async with self._departures.next() as leave:
                await self._send(leave)
        finally:
            self._changed.set()

    async def _send(self, leave: Leave) -> None:
        """Claims and hands over up to as many PDUs as have come to their time with their carrier."""
        count, carrier = leave.count, leave.carrier
        while count > 0:
            chosen = self._spread.next(carrier)
            if chosen is None or self._route.carrier() != carrier or self._stopping:
                # Permits are one operator's: those of a primary that went over are no licence to use its backup.
                return
            loads = self._shelf.take(min(count, self._spread.room(chosen)))
            if not loads:
                return
            count -= sum(load.count for load in loads)
            async with self._holding([load.outgoing for load in loads]):
                loads = await self._of_this_carrier(loads, carrier)
                for holder, group in self._spread.by_replica(carrier, loads, chosen):
                    await self._claim_and_go(group, holder, leave)

    async def _claim_and_go(self, loads: list[Load], holder: SessionRecord, leave: Leave) -> None:
        leaving = await self._carrier.claim(self._by_the_rules(loads, holder), holder, leave.permit)
        for outgoing, _ in leaving:
            outgoing.replica = holder.replica
        for parcel in by_size(leaving, self._context.gateway.max_octets):
            self._spread.leave(holder, len(parcel))
            self._side.spawn(self._hand_over(parcel, holder, leave.mark))

    async def _of_this_carrier(self, loads: list[Load], carrier: str) -> list[Load]:
        """Commands begun over another operator go back to the stream once none of their parts is under way: the next
        claim gives what is left to whoever carries then."""
        begun = [load for load in loads if load.parts and load.outgoing.carrier != carrier]
        for load in begun:
            self._shelf.withdraw(load.outgoing)
            load.outgoing.todo = None
            if not load.outgoing.open_parts:
                await self._carrier.settling.give_back(load.outgoing, 0.0)
        return [load for load in loads if load not in begun]

    def _by_the_rules(self, loads: list[Load], holder: SessionRecord) -> list[Load]:
        """Commands taken in under other rules than the holder's, or whose PDUs say how long they are valid and are no
        longer new, are built anew; some can then not be sent."""
        fit, now = list[Load](), utc_now()
        for load in loads:
            outgoing = load.outgoing
            try:
                other = outgoing.built_for != (holder.operator_id, holder.rules)
                if not load.parts and (other or outgoing.outdated(now)):
                    outgoing.encode(holder.rules, holder.operator_id, now)
                    load.count = min(load.count, outgoing.unsent)
            except Refused as refused:
                self._refused(outgoing, refused, holder)
            else:
                fit.append(load)
        return fit

    def _refused(self, outgoing: Outgoing, refused: Refused, holder: SessionRecord) -> None:
        if holder.operator_id == self.operator_id:
            self._forget(outgoing)
            self._side.spawn(self._intake.bury(outgoing.delivery, refused))
            return
        # Its own operator may carry it yet: it waits for that, or expires.
        self._spawn_for(outgoing, self._carrier.settling.give_back(outgoing, BACKUP_REFUSED_RETRY))

    @asynccontextmanager
    async def _holding(self, outgoings: Iterable[Outgoing]) -> AsyncIterator[None]:
        """A fault of ours while these are in hand must not keep them for ever: they are renewed no more, and the
        stream gives them to somebody else by their ack wait; the ledger tells what became of their parts."""
        try:
            yield
        except Exception:
            for outgoing in {id(one): one for one in outgoings}.values():
                if self._hands.lapse(outgoing.delivery):
                    self._shelf.drop(outgoing)
            self._freed.set()
            raise

    async def _hand_over(self, leaving: list[Leaving], holder: SessionRecord, mark: int) -> None:
        async with self._holding(outgoing for outgoing, _ in leaving):
            keys = [part.row_id.hex for _, part in leaving]
            lanes = [outgoing.lane_value for outgoing, _ in leaving]
            pdus = b"".join(outgoing.pdus[part.segment - 1] for outgoing, part in leaving)
            traces = [outgoing.traceparent or "" for outgoing, _ in leaving] if TRACES.on else ()
            crash.point("dispatch.before_request")
            try:
                answer = await self._context.gateway.submit(
                    holder.operator_id, holder.replica, holder.epoch, keys, lanes, pdus, self._pace(holder), traces
                )
                # Parts that come back are put in front first: nothing of their message may overtake them.
                held_back = sum(fate.fate is Fate.NOT_SENT for fate in answer.fates)
            except BaseException:
                self._spread.back(holder, len(leaving))
                raise
            if throttled(leaving, answer.fates):
                self._side.spawn(self._context.throttle.slow(holder.operator_id, holder.tps_limit or 1, mark))
            crash.point("dispatch.before_record")
            self._free(holder, len(leaving) - held_back)
            if all(fate.reason in UNABLE for fate in answer.fates):
                self._context.holders.refused(holder)
            try:
                await self._carrier.answered(leaving, answer.fates)
            finally:
                self._free(holder, held_back)

    def _pace(self, holder: SessionRecord) -> int:
        """For the gateway to show: PDUs a second where the operator throttles, 0 for its whole limit."""
        effective = self._context.throttle.effective(holder.operator_id, holder.tps_limit)
        return effective if effective < holder.tps_limit else 0

    def _free(self, holder: SessionRecord, count: int) -> None:
        self._spread.back(holder, count)
        self._changed.set()

    # --- housekeeping

    def _put_back(self, outgoing: Outgoing) -> None:
        self._shelf.put_back(outgoing)
        self._changed.set()

    def _forget(self, outgoing: Outgoing) -> None:
        self._shelf.forget(outgoing)
        self._changed.set()
        self._freed.set()

    def _spawn_for(self, outgoing: Outgoing, coroutine: Coroutine[Any, Any, None]) -> None:
        async def held() -> None:
            async with self._holding([outgoing]):
                await coroutine

        self._side.spawn(held())

    def _task_failed(self, error: Exception) -> None:
        log.error("lane.task_failed", operatorId=self.operator_id, exc_info=error)

    async def renew(self, older_than: float) -> None:
        """Tells the server that what arrived before `older_than` is still in our hands."""
        await self._hands.renew(older_than)

    async def stop(self, deadline: float) -> None:
        """Nothing new; what has not begun goes back at once; what is on its way gets `deadline` seconds."""
        self._stopping = True
        end = asyncio.get_running_loop().time() + deadline
        await self._end_loops(deadline)
        await self._intake.stop()
        not_begun = release_all(self._context.bus, [one.delivery for one in self._shelf.drain()])
        await given_back(self.operator_id, not_begun)
        await self._side.wait(end - asyncio.get_running_loop().time())
        # Partly sent: the rows tell the next process which parts are left.
        await given_back(self.operator_id, self._hands.release())

    async def _end_loops(self, deadline: float) -> None:
        """The last may be between a claim and its hand-over: it ends at its next pause."""
        *before, depart = self._loops
        for loop in before:
            await end_task(loop)
        await wait_event(self._carrier.idle, deadline)
        await end_task(depart)
