"""How far a window is open: halved where the peer's queue was full for it, opened again step by step. Pure."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 16
"""Full windows answered well before a size that was refused is tried again; twice as many after each refusal more."""
MOST_PATIENCE: Final = 1024


class Opening:
    """At most `size`, at least 1. Times are seconds on the caller's clock, never going back.

    A peer that says "queue full" (ESME_RMSGQFUL) may mean one subscriber's queue or its own. Only the latter has to
    do with how many requests wait for it, and it is told by the window: it was full while the request waited. All
    requests that were sent before an answer has made the window smaller tell of the window before, so each round
    halves it once.
    """

    __slots__ = ("_filled_at", "_good", "_narrowed_at", "_patience", "_refused", "_size", "open")

    def __init__(self, size: int) -> None:
        self._size = size
        self.open = size
        """Requests that may be in flight now."""
        self._filled_at = float("-inf")
        self._narrowed_at = float("-inf")
        self._good = 0
        self._refused = 0
        """The size last refused; 0 where none is remembered."""
        self._patience = PATIENCE

    @property
    def size(self) -> int:
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        """A window that was wholly open stays so."""
        wholly = self.open >= self._size
        self._size = size
        self.open = size if wholly else max(1, min(self.open, size))

    @property
    def is_narrowed(self) -> bool:
        return self.open < self._size

    def filled(self, now: float) -> None:
        """As many requests as may be are in flight."""
        self._filled_at = now

    def refused(self, sent_at: float, now: float) -> bool:
        """A request sent at `sent_at` met a full queue; whether that made the window smaller."""
        if sent_at <= self._narrowed_at or self._filled_at < sent_at:
            return False
        # The size that failed again as soon as it was tried again is tried more seldom.
        again = self._refused == self.open
        self._patience = min(2 * self._patience, MOST_PATIENCE) if again else PATIENCE
        self._refused = self.open
        self.open = max(1, self.open // 2)
        self._narrowed_at = now
        self._good = 0
        return True

    def answered(self, sent_at: float) -> None:
        """A request sent at `sent_at` was answered, and not with a full queue."""
        if self.open >= self._size or sent_at <= self._narrowed_at:
            return
        self._good += 1
        if self._good >= self.open * self._windows_needed():
            if self.open >= self._refused:
                # What was refused once goes well now: the peer has more room than it had.
                self._refused, self._patience = 0, PATIENCE
            self.open += 1
            self._good = 0

    def _windows_needed(self) -> int:
        """Full windows answered well before the next size: one, and more where that size was refused."""
        return self._patience if self.open + 1 == self._refused else 1
