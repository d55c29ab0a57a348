"""Things due later, thousands a second, with one timer of the event loop."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import Final

GRAIN: Final = 0.002
"""Seconds: what falls due within it runs together, because each timer of the loop costs more than a heap entry."""


class Agenda:
    """A heap of actions by time on the loop's clock. Actions must not raise."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Runs `action` at `when` (loop time) or at once if that is past; equal times keep their order."""
        heapq.heappush(self._heap, (when, next(self._order), action))
        if self._timer is None or when < self._timer.when() - GRAIN:
            self._arm()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Runs `action` in so many seconds."""
        self.at(self._loop.time() + seconds, action)

    def clear(self) -> None:
        """Forgets everything."""
        self._heap.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer = self._loop.call_at(max(self._heap[0][0], self._loop.time() + GRAIN), self._run)

    def _run(self) -> None:
        self._timer = None
        edge = self._loop.time() + GRAIN
        try:
            while self._heap and self._heap[0][0] <= edge:
                heapq.heappop(self._heap)[2]()
        finally:
            self._arm()
