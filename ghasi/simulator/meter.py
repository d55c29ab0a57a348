"""Counting what arrives in sliding seconds. Pure: `now` in seconds on any steady clock."""

from __future__ import annotations

from collections import deque


class SlidingSecond:
    """How many events the last second holds, and the most that any second held.

    A second is half open and starts at an event: [t, t + 1). Operators count like that, and so do the tests.
    """

    __slots__ = ("_times", "worst", "worst_at")

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.worst = 0
        self.worst_at = 0.0

    def count(self, now: float) -> int:
        """Events within the second that ends now."""
        times = self._times
        edge = now - 1.0
        while times and times[0] <= edge:
            times.popleft()
        return len(times)

    def add(self, now: float) -> bool:
        """Counts an event; True when no second held as many before. Raises nothing; `now` must not go back."""
        held = self.count(now) + 1
        self._times.append(now)
        if held <= self.worst:
            return False
        self.worst, self.worst_at = held, self._times[0]
        return True
