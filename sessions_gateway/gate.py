"""The last gate before the wire: never more than the operator's limit in any sliding second.

Permits booked in Redis decide when a PDU may leave (docs/architecture.md, rate limits); the gate only delays what
jitter, a lost Redis or a misbehaving worker would let through. It counts this process's own writes over 1.02 s,
because two PDUs written a second apart can arrive a few milliseconds closer. Pure: `now` is monotonic seconds.
"""

from __future__ import annotations

from collections import deque

from ghasi.contracts import timers

SPAN = timers.TPS_SPAN_MS / 1000.0
CURRENT_SPAN = 1.0


class Gate:
    """Counts writes; says how many more may leave now, and when the next may."""

    def __init__(self, limit: int) -> None:
        self._writes: deque[tuple[float, int]] = deque()
        self._counted = 0
        self._most = 1
        self._span = SPAN
        self.set_limit(limit)

    @property
    def most(self) -> int:
        """What may leave within one span."""
        return self._most

    def set_limit(self, limit: int, own: int = 1, total: int = 1) -> None:
        """`limit` PDUs a second for the operator; `own` of its `total` binds are ours. Raises ValueError below 1.

        A share under one PDU a second becomes one PDU in a longer span.
        """
        if limit < 1 or own < 0 or total < own:
            raise ValueError("a gate needs a limit of 1 or more, and no more own binds than there are")
        share = limit * own / total if own and total else float(limit)
        self._most = max(1, int(share))
        self._span = SPAN if share >= 1.0 else SPAN / share

    def available(self, now: float) -> int:
        """How many PDUs may leave at `now`."""
        self._forget(now)
        return max(0, self._most - self._counted)

    def next_at(self, now: float) -> float:
        """When at least one may leave: `now` itself, or when enough earlier writes are a span old."""
        if self.available(now) > 0:
            return now
        excess = self._counted - self._most + 1
        for at, count in self._writes:
            excess -= count
            if excess <= 0:
                return max(now, at + self._span)
        return now

    def take(self, count: int, now: float) -> None:
        """`count` PDUs leave at `now`."""
        if count > 0:
            self._writes.append((now, count))
            self._counted += count

    def current(self, now: float) -> int:
        """PDUs written in the last second."""
        return sum(count for at, count in self._writes if at > now - CURRENT_SPAN)

    def _forget(self, now: float) -> None:
        writes, span = self._writes, self._span
        while writes and writes[0][0] + span <= now:
            self._counted -= writes.popleft()[1]
