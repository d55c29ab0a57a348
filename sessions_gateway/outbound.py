"""The way out of one operator: a queue per bind, the last gate, one write per burst (docs/architecture.md).

Everything here runs in plain callbacks on the event loop. A PDU waits here and nowhere else: not behind a full
window, not behind a busy socket, and never past its deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable

from ghasi import crash
from ghasi.contracts.submission import Fate, PartFate
from ghasi.smpp.errors import SmppError
from ghasi.smpp.pdu import Pdu
from sessions_gateway.bind_queue import GATE, WINDOW, WORTH_TELLING_MS, BindQueue
from sessions_gateway.connection import Link
from sessions_gateway.gate import Gate
from sessions_gateway.jobs import Part, fact_of, fate_of_response, not_sent
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import OperatorMetrics
from sessions_gateway.pace import HeardPace
from sessions_gateway.routing import choose

MAX_QUEUED = 4_000
MAX_QUEUED_OCTETS = 16 * 1024 * 1024
LOOK_AGAIN = 0.01


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Outbound:
    """Queues, writes and settles the parts of one operator."""

    def __init__(
        self,
        gate: Gate,
        memory: Memory,
        metrics: OperatorMetrics,
        may_write: Callable[[], bool],
        answered: Callable[[Link, PartFate], None],
        throttled: Callable[[int], bool],
    ) -> None:
        """`throttled` says which command_status is the operator's wish to be sent less."""
        self.gate = gate
        self._memory = memory
        self._metrics = metrics
        self._may_write = may_write
        self._answered = answered
        self._throttled = throttled
        self._loop = asyncio.get_running_loop()
        self.pace = HeardPace(self._loop.time)
        self._lanes: dict[int, BindQueue] = {}
        self._open: dict[bytes, Part] = {}
        self._queued = 0
        self._octets = 0
        self._first_deadline = 0
        """No part that waits has an earlier deadline; Unix ms."""
        self._first = 0
        self._flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self.refusal = ""
        """Why nothing is taken ("" = it is), e.g. while the operator is drained."""

    # -- what stands

    @property
    def queued(self) -> int:
        """Parts that have not left."""
        return self._queued

    @property
    def window_used(self) -> int:
        return sum(lane.link.window_used for lane in self._lanes.values())

    @property
    def window_free(self) -> int:
        """PDUs that could leave at once, queue considered."""
        return max(0, sum(lane.link.takes for lane in self._lanes.values()) - self._queued)

    def open_part(self, name: bytes) -> Part | None:
        """The part of that key, if it waits or is in flight."""
        return self._open.get(name)

    # -- binds come and go

    def link_up(self, slot: int, link: Link) -> None:
        self._lanes[slot] = BindQueue(link)
        self.schedule()

    def link_down(self, slot: int, reason: str) -> None:
        """What waited for that bind goes to another, or back unsent."""
        lane = self._lanes.pop(slot, None)
        if lane is None:
            return
        waiting = list(lane.queue)
        self._count(-len(waiting), -sum(len(part.pdu) for part in waiting))
        # Parts of one message in two queues came while binds changed: which of them is first is no longer known.
        torn = {part.lane for part in waiting}.intersection(
            part.lane for other in self._lanes.values() for part in other.queue
        )
        if torn:
            self._give_back([part for part in waiting if part.lane in torn], reason)
            self._withdraw(lambda part: part.lane in torn, reason)
            waiting = [part for part in waiting if part.lane not in torn]
        self._place(waiting, reason)
        self.schedule()

    def refuse(self, reason: str) -> None:
        """Takes nothing from now on and gives back what waits; "" takes again."""
        self.refusal = reason
        if reason:
            for lane in self._lanes.values():
                waiting = list(lane.queue)
                lane.queue.clear()
                lane.held = ""
                self._count(-len(waiting), -sum(len(part.pdu) for part in waiting))
                self._give_back(waiting, reason)

    # -- parts come

    def take(self, parts: Iterable[Part]) -> None:
        """Parts of one request, in order; each is settled once, now or later."""
        taken = []
        for part in parts:
            self._open[part.name] = part
            taken.append(part)
        self._place(taken, "unbound")
        self.schedule()

    def _place(self, parts: list[Part], reason: str) -> None:
        candidates = [(slot, lane) for slot, lane in self._lanes.items() if lane.link.can_submit]
        for position, part in enumerate(parts):
            why = self.refusal or ("" if candidates else reason)
            if not why and (self._queued >= MAX_QUEUED or self._octets >= MAX_QUEUED_OCTETS):
                why = "queue full"
            if why:
                self._give_back(parts[position:], why)
                return
            choose(part.lane, candidates).queue.append(part)
            if self._queued == 0 or part.deadline_ms < self._first_deadline:
                self._first_deadline = part.deadline_ms
            self._count(1, len(part.pdu))

    def _count(self, parts: int, octets: int) -> None:
        self._queued += parts
        self._octets += octets
        self._metrics.queued.set(self._queued)

    def _give_back(self, parts: Iterable[Part], reason: str) -> None:
        for part in parts:
            self._open.pop(part.name, None)
            self._metrics.not_sent.inc()
            part.settle(not_sent(part.key, reason))

    def _withdraw(self, unfit: Callable[[Part], bool], reason: str) -> None:
        """Gives back what is unfit and, so that no part overtakes one of its message, what waits behind it."""
        for lane in self._lanes.values():
            gone: list[Part] = []
            kept: deque[Part] = deque()
            lanes: set[int] = set()
            for part in lane.queue:
                if part.lane in lanes or unfit(part):
                    lanes.add(part.lane)
                    gone.append(part)
                else:
                    kept.append(part)
            lane.queue = kept
            self._count(-len(gone), -sum(len(part.pdu) for part in gone))
            self._give_back(gone, reason)

    # -- parts leave

    def schedule(self) -> None:
        """One look at the queues per turn of the loop, however much happens in it."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._queued == 0:
            return
        now = self._loop.time()
        self._give_back_late()
        if self._may_write():
            allowed = self.gate.available(now)
            for lane in self._in_turn():
                if allowed <= 0:
                    break
                allowed -= self._write(lane, min(allowed, len(lane.queue), lane.link.takes))
        self._arm(now)

    def _in_turn(self) -> list[BindQueue]:
        """Lanes with parts, another one first each time, because the gate may stop us after any."""
        lanes = [lane for lane in self._lanes.values() if lane.queue]
        self._first += 1
        start = self._first % len(lanes) if lanes else 0
        return lanes[start:] + lanes[:start]

    def _write(self, lane: BindQueue, count: int) -> int:
        if count <= 0:
            return 0
        parts = [lane.queue.popleft() for _ in range(count)]
        pdus = [part.pdu for part in parts]
        self._count(-count, -sum(map(len, pdus)))
        crash.point("gateway.before_write")
        try:
            lane.link.submit(pdus, parts)
        except SmppError as error:
            reason = f"not sendable: {type(error).__name__}"
            self._give_back(parts, reason)
            lanes = {part.lane for part in parts}
            self._withdraw(lambda part: part.lane in lanes, reason)
            return 0
        lane.link.pump()
        crash.point("gateway.after_write")
        # After the write: a process that was held up just before it must not count it as earlier than it was.
        self.gate.take(count, self._loop.time())
        sent_ms, held = wall_ms(), lane.held
        for part in parts:
            part.sent_ms = sent_ms
            if held and sent_ms - part.came_ms >= WORTH_TELLING_MS:
                part.held = held
            part.pdu = b""
        if not lane.queue:
            lane.held = ""
        return count

    def _give_back_late(self) -> None:
        now_ms = wall_ms()
        if now_ms < self._first_deadline:
            return
        self._withdraw(lambda part: part.deadline_ms <= now_ms, "deadline")
        waiting = [part.deadline_ms for lane in self._lanes.values() for part in lane.queue]
        self._first_deadline = min(waiting, default=0)

    def _arm(self, now: float) -> None:
        """Looks again when the gate opens or the first deadline passes; answers and sockets call by themselves."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting = [lane for lane in self._lanes.values() if lane.queue]
        if not waiting:
            return
        for lane in waiting:
            lane.held = GATE if lane.link.takes else WINDOW
        when = now + max(LOOK_AGAIN, (self._first_deadline - wall_ms()) / 1000.0)
        if not self._may_write():
            when = now + LOOK_AGAIN
        elif any(lane.link.takes for lane in waiting):
            when = min(when, self.gate.next_at(now))
        self._timer = self._loop.call_at(when, self.schedule)

    # -- parts end

    def answered(self, link: Link, part: Part, response: Pdu, elapsed: float) -> None:
        crash.point("gateway.on_response")
        fate = fate_of_response(part, response, wall_ms())
        metrics = self._metrics
        if fate.fate is Fate.ACCEPTED:
            metrics.submit_success.inc()
        elif self._throttled(fate.command_status):
            metrics.submit_throttled.inc()
        else:
            metrics.submit_error.inc()
        metrics.submit_duration.observe(elapsed)
        self._end(part, fate)
        self._answered(link, fate)
        if self._queued:
            self.schedule()

    def unanswered(self, part: Part, reason: str) -> None:
        """No answer in time, or the session ended first: octets may have left."""
        self._metrics.unanswered.inc()
        self._end(part, PartFate(part.key, Fate.UNANSWERED, reason=reason, sent_ms=part.sent_ms, held=part.held))
        if self._queued:
            self.schedule()

    def answered_late(self, part: Part, response: Pdu) -> PartFate:
        """The answer after all: remembered, so that whoever asks now hears it."""
        self._metrics.late.inc()
        fate = fate_of_response(part, response, wall_ms())
        self._memory.remember(part.name, fact_of(fate), self._loop.time())
        return fate

    def _end(self, part: Part, fate: PartFate) -> None:
        self._open.pop(part.name, None)
        self._memory.remember(part.name, fact_of(fate), self._loop.time())
        part.settle(fate)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
