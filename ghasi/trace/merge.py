"""What several replicas copied, in the order of time, with what is missing between. Pure: `now` is an argument."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Final

from ghasi.contracts.trace import TraceBatch, TracedPdu

HOLD_SECONDS: Final = 0.3
"""How long a PDU waits for earlier ones of other replicas; longer than a batch takes to come."""


@dataclass(frozen=True, slots=True)
class Missed:
    """PDUs of `replica` that are not here: `count` were not copied; 0: copies were lost, nobody knows how many."""

    replica: str
    count: int


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One line of a trace: a PDU, or what is missing. Ordered by time, then as it came."""

    at_us: int
    number: int
    replica: str = field(compare=False)
    what: TracedPdu | Missed = field(compare=False)
    arrived: float = field(compare=False)


class Merge:
    """Batches in, items out. Clocks of replicas that differ put their lines out of step, never lose any."""

    def __init__(self) -> None:
        self._heap: list[Item] = []
        self._number = 0
        self._next: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self.ended: dict[str, str] = {}
        """Why a replica sends no more, by replica."""

    def add(self, batch: TraceBatch, now: float) -> None:
        """`now` is when it came, in seconds of a monotonic clock."""
        expected = self._next.get(batch.replica, batch.number)
        self._next[batch.replica] = batch.number + 1
        first = batch.pdus[0].at_us if batch.pdus else self._last.get(batch.replica, 0)
        if batch.number > expected:
            self._push(first, batch.replica, Missed(batch.replica, 0), now)
        if batch.dropped:
            self._push(first, batch.replica, Missed(batch.replica, batch.dropped), now)
        for pdu in batch.pdus:
            self._push(pdu.at_us, batch.replica, pdu, now)
            self._last[batch.replica] = pdu.at_us
        if batch.ended:
            self.ended[batch.replica] = batch.ended

    def ready(self, now: float) -> list[Item]:
        """Items that have waited long enough, and what is earlier than they are."""
        found = []
        due = [item.at_us for item in self._heap if item.arrived <= now - HOLD_SECONDS]
        latest = max(due, default=None)
        while latest is not None and self._heap and self._heap[0].at_us <= latest:
            found.append(heapq.heappop(self._heap))
        return found

    def rest(self) -> list[Item]:
        """Everything that is left, in order."""
        return [heapq.heappop(self._heap) for _ in range(len(self._heap))]

    def _push(self, at_us: int, replica: str, what: TracedPdu | Missed, now: float) -> None:
        self._number += 1
        heapq.heappush(self._heap, Item(at_us, self._number, replica, what, now))
