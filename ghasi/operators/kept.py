"""What a page shows, made once for all who look at it."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """What `make` gave, kept for `seconds`; one thread makes it anew while the others wait for it."""

    def __init__(self, make: Callable[[], T], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self.seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._made: tuple[float, T] | None = None

    def get(self) -> T:
        """Raises what `make` raises, and tries again next time."""
        with self._lock:
            if self._made is None or self._clock() >= self._made[0] + self.seconds:
                self._made = None
                value = self._make()
                self._made = (self._clock(), value)
            return self._made[1]
