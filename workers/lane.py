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
from nats.aio.msg import Msg
from nats.js.errors import Error as JetStreamError

from ghasi import crash
from ghasi.bus import BusError, PullLane
from ghasi.contracts import timers, topology
from ghasi.contracts.commands import Refused
from ghasi.contracts.sessions import SessionRecord
from ghasi.contracts.submission import Fate
from ghasi.logs import get_logger
from ghasi.tasks import end_task
from workers import metrics
from workers.carrier import Carrier
from workers.context import Context, utc_now
from workers.dead_letters import DeadLetters
from workers.delivery import Delivery
from workers.hands import Hands
from workers.outgoing import Outgoing, take
from workers.parcels import Leaving, by_size, by_time
from workers.route import Route
from workers.shelf import Load, Shelf
from workers.spread import AHEAD, UNABLE, Spread

log = get_logger()

HELD_WHILE_UNBOUND = 100
HELD_AT_MOST = 2_000
FETCH_TIMEOUT = 5.0
FETCH_RETRY = 1.0
IDLE_TICK = 0.5
BACKUP_REFUSED_RETRY = 10.0
"""Seconds until a command that the backup's rules refuse is looked at again."""
LEAD = 0.15
"""Seconds before the last PDU booked leaves when the next are booked: a booking that begins where the one before it
ended loses nothing to the time it takes, and one made long before takes from other processes what they could use."""
NO_LIMIT_KNOWN = 1


class Lane:
    """Everything runs on the loop. `start` begins, `stop` releases what has not begun and finishes the rest."""

    def __init__(self, context: Context, operator_id: str) -> None:
        self.operator_id = operator_id
        self._context = context
        self._route = Route(context.holders, operator_id)
        self._shelf = Shelf()
        self._dead = DeadLetters(context, operator_id)
        self._carrier = Carrier(context, self._route, self._put_back, self._forget, self._spawn_for)
        self._changed = asyncio.Event()
        self._freed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._hands = Hands()
        self._spread = Spread(context.holders)
        self._booked = 0
        """PDUs that have a time to leave and wait for it."""
        self._departures: asyncio.Queue[tuple[float, int, str]] = asyncio.Queue()
        self._burials = 0
        self._pull: PullLane | None = None
        self._stopping = False

    async def start(self) -> None:
        """Raises BusError or TopologyConflict."""
        consumer = topology.dispatch_consumer(self.operator_id)
        await self._context.bus.ensure_consumer(consumer)
        self._pull = await self._context.bus.pull(consumer)
        self._route.listen(self._changed.set)
        self._loops = [
            asyncio.create_task(self._forever(self._intake), name=f"intake-{self.operator_id}"),
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

    # --- intake

    async def _intake(self) -> None:
        room = self._room()
        if room <= 0 or self._pull is None:
            self._freed.clear()
            await _wait(self._freed, IDLE_TICK)
            return
        messages = await self._pull.fetch(room, FETCH_TIMEOUT)
        if messages:
            crash.point("dispatch.fetched")
        for message in messages:
            self._take(message)
        self._changed.set()
        if self._pull.missing:
            await self._context.bus.ensure_consumer(topology.dispatch_consumer(self.operator_id))

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
        return target - self._shelf.held - self._burials

    def _take(self, message: Msg) -> None:
        delivery = Delivery(message, asyncio.get_running_loop().time())
        self._hands.hold(delivery)
        try:
            # By its own operator's rules: only what these refuse can never be sent, whoever carries for it now.
            rules = self._route.rules_of(self.operator_id)
            outgoing = take(delivery, self.operator_id, rules, utc_now(), self._context.config.retention_days)
        except Refused as refused:
            self._spawn(self._bury(delivery, refused))
        except Exception:
            # A fault of ours, or rules of a release to come: it lapses and holds up nobody behind it.
            self._hands.lapse(delivery)
            log.exception("lane.not_taken", operatorId=self.operator_id, streamSeq=delivery.sequence)
        else:
            self._shelf.put(outgoing)

    # --- feeding

    async def _feed(self) -> None:
        if expired := self._shelf.take_expired(utc_now()):
            async with self._holding(expired):
                await self._carrier.settle_expired(expired)
        holder = self._route.holder()
        ready = 0
        if holder is not None and not self._stopping:
            credit = min(self._spread.credit(holder.operator_id), self._context.gateway.max_pdus)
            ready = self._shelf.pdus_waiting(credit) - self._booked if credit > self._booked else 0
        metrics.lane_held.labels(self.operator_id).set(self._shelf.held)
        if holder is None or ready <= 0:
            self._changed.clear()
            await _wait(self._changed, IDLE_TICK if self._shelf.waiting else FETCH_TIMEOUT)
            return
        await self._book(holder, ready)

    async def _book(self, holder: SessionRecord, count: int) -> None:
        limit = holder.tps_limit or NO_LIMIT_KNOWN
        booking = await self._context.throttle.book(holder.operator_id, limit, count)
        if len(booking.delays) < count:
            metrics.tps_throttle.labels(holder.operator_id).inc()
        if not booking.delays:
            await self._context.sleep(max(0.001, booking.retry_after))
            return
        start = asyncio.get_running_loop().time()
        self._booked += len(booking.delays)
        for first, size in by_time(booking.delays):
            self._departures.put_nowait((start + first, size, holder.operator_id))
        await self._context.sleep(max(0.0, booking.delays[-1] - LEAD))

    async def _depart(self) -> None:
        at, size, carrier = await self._departures.get()
        pause = at - asyncio.get_running_loop().time()
        if pause > 0:
            await self._context.sleep(pause)
        try:
            await self._send(size, carrier)
        finally:
            self._booked -= size
            self._changed.set()

    async def _send(self, count: int, carrier: str) -> None:
        """Claims and hands over up to `count` PDUs whose time with `carrier` has come."""
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
                    await self._claim_and_go(group, holder)

    async def _claim_and_go(self, loads: list[Load], holder: SessionRecord) -> None:
        leaving = await self._carrier.claim(self._by_the_rules(loads, holder), holder)
        for outgoing, _ in leaving:
            outgoing.replica = holder.replica
        for parcel in by_size(leaving, self._context.gateway.max_octets):
            self._spread.leave(holder, len(parcel))
            self._spawn(self._hand_over(parcel, holder))

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
        """Commands taken in under other rules than the holder's are built anew; some can then not be sent."""
        fit: list[Load] = []
        for load in loads:
            try:
                if not load.parts and load.outgoing.built_for != (holder.operator_id, holder.rules):
                    load.outgoing.encode(holder.rules, holder.operator_id)
                    load.count = min(load.count, load.outgoing.unsent)
            except Refused as refused:
                self._refused(load.outgoing, refused, holder)
            else:
                fit.append(load)
        return fit

    def _refused(self, outgoing: Outgoing, refused: Refused, holder: SessionRecord) -> None:
        if holder.operator_id == self.operator_id:
            self._forget(outgoing)
            self._spawn(self._bury(outgoing.delivery, refused))
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

    async def _hand_over(self, leaving: list[Leaving], holder: SessionRecord) -> None:
        async with self._holding(outgoing for outgoing, _ in leaving):
            keys = [part.row_id.hex for _, part in leaving]
            lanes = [outgoing.lane_value for outgoing, _ in leaving]
            pdus = b"".join(outgoing.pdus[part.segment - 1] for outgoing, part in leaving)
            crash.point("dispatch.before_request")
            try:
                answer = await self._context.gateway.submit(
                    holder.operator_id, holder.replica, holder.epoch, keys, lanes, pdus
                )
                # Parts that come back are put in front first: nothing of their message may overtake them.
                held_back = sum(fate.fate is Fate.NOT_SENT for fate in answer.fates)
            except BaseException:
                self._spread.back(holder, len(leaving))
                raise
            crash.point("dispatch.before_record")
            self._free(holder, len(leaving) - held_back)
            if all(fate.reason in UNABLE for fate in answer.fates):
                self._context.holders.refused(holder)
            try:
                await self._carrier.finish(leaving, answer.fates)
            finally:
                self._free(holder, held_back)

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

    async def _bury(self, delivery: Delivery, refused: Refused) -> None:
        self._burials += 1
        try:
            await self._dead.bury(delivery, refused)
        except Exception:
            self._hands.lapse(delivery)
            raise
        finally:
            self._burials -= 1
            self._freed.set()

    def _spawn_for(self, outgoing: Outgoing, coroutine: Coroutine[Any, Any, None]) -> None:
        async def held() -> None:
            async with self._holding([outgoing]):
                await coroutine

        self._spawn(held())

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._logged(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _logged(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Exception:
            log.exception("lane.task_failed", operatorId=self.operator_id)

    async def renew(self, older_than: float) -> None:
        """Tells the server that what arrived before `older_than` is still in our hands."""
        await self._hands.renew(older_than)

    async def stop(self, deadline: float) -> None:
        """Nothing new; what has not begun goes back at once; what is on its way gets `deadline` seconds."""
        self._stopping = True
        end = asyncio.get_running_loop().time() + deadline
        await self._end_loops(deadline)
        if self._pull is not None:
            for message in await self._pull.stop():
                await message.nak()
        for outgoing in self._shelf.drain():
            await outgoing.delivery.release()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=max(0.0, end - asyncio.get_running_loop().time()))
        # Partly sent: the rows tell the next process which parts are left.
        await self._hands.release()

    async def _end_loops(self, deadline: float) -> None:
        """The last may be between a claim and its hand-over: it ends at its next pause."""
        *before, depart = self._loops
        for loop in before:
            await end_task(loop)
        await _wait(self._carrier.idle, deadline)
        await end_task(depart)


async def _wait(event: asyncio.Event, timeout: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout)
    except TimeoutError:
        pass
