"""The commands a lane has in hand, in order, and the choice of what goes next. No I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from ghasi.correlations.types import Part
from workers.outgoing import Outgoing


@dataclass(slots=True)
class Load:
    """`count` PDUs of one command for one hand-over: its first claim, or parts claimed before."""

    outgoing: Outgoing
    count: int
    parts: list[Part] = field(default_factory=list)
    """Empty where the command is still to be claimed."""


class Shelf:
    """First come, first served; parts of one command in order and together."""

    def __init__(self) -> None:
        self._waiting: deque[Outgoing] = deque()
        self._held: dict[int, Outgoing] = {}

    @property
    def held(self) -> int:
        """Commands in hand, those on their way included."""
        return len(self._held)

    def put(self, outgoing: Outgoing) -> None:
        self._waiting.append(outgoing)
        self._held[id(outgoing)] = outgoing

    def put_back(self, outgoing: Outgoing) -> None:
        """A command whose parts came back unsent goes to the front: it is the oldest. One that is forgotten is
        the next delivery's matter."""
        if id(outgoing) in self._held and outgoing not in self._waiting:
            self._waiting.appendleft(outgoing)

    def forget(self, outgoing: Outgoing) -> None:
        """One that is settled or given back, and not in the queue: told twice, it counts once."""
        self._held.pop(id(outgoing), None)

    def drop(self, outgoing: Outgoing) -> None:
        """One that is no longer ours, wherever it is."""
        self.forget(outgoing)
        if outgoing in self._waiting:
            self._waiting.remove(outgoing)

    def withdraw(self, outgoing: Outgoing) -> None:
        """One whose rest is not to be sent from here: out of the queue and still in hand."""
        if outgoing in self._waiting:
            self._waiting.remove(outgoing)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def pdus_waiting(self, enough: int) -> int:
        """PDUs still to hand over, counted up to `enough`."""
        total = 0
        for outgoing in self._waiting:
            total += outgoing.unsent
            if total >= enough:
                return enough
        return total

    def take_expired(self, now: datetime) -> list[Outgoing]:
        """Commands past their time of which nothing has been claimed, out of the queue."""
        expired = [outgoing for outgoing in self._waiting if outgoing.expired(now)]
        if expired:
            gone = {id(outgoing) for outgoing in expired}
            self._waiting = deque(one for one in self._waiting if id(one) not in gone)
        return expired

    def take(self, count: int) -> list[Load]:
        """The next `count` PDUs in order. A command that is only partly taken stays at the front; one that is
        not claimed yet is taken once and put back by the carrier with what the claim left to do."""
        loads: list[Load] = []
        while count > 0 and self._waiting:
            outgoing = self._waiting[0]
            share = min(count, outgoing.unsent)
            if outgoing.todo is None:
                self._waiting.popleft()
                loads.append(Load(outgoing, share))
                count -= share
                if share < len(outgoing.pdus):
                    # The rest follows only after the claim said which parts are left.
                    break
                continue
            parts = [outgoing.todo.popleft() for _ in range(share)]
            if not outgoing.todo:
                self._waiting.popleft()
            if parts:
                loads.append(Load(outgoing, share, parts))
            count -= share
        return loads

    def drain(self) -> list[Outgoing]:
        """Everything not begun, out of the queue; what has begun stays."""
        rest = [one for one in self._waiting if one.todo is None]
        self._waiting = deque(one for one in self._waiting if one.todo is not None)
        return rest
