"""The rate an operator takes, as one process knows it (docs/architecture.md, "A rate the operator takes"). Pure.

A mark names the last slowing down, in Unix ms; 0 where there was none. A PDU carries the mark under which it was
booked: only what was booked after the last slowing down can say that this was not enough.
"""

from __future__ import annotations

from dataclasses import dataclass

from ghasi.contracts.pace import recovered, slowed


@dataclass(slots=True)
class Pace:
    """`rate` PDUs a second since `at` (Unix ms); without a mark the operator takes its whole limit."""

    rate: float = 0.0
    at: int = 0
    mark: int = 0

    def told(self, rate: int, mark: int, now: int) -> None:
        """What Redis says, by whose clock the mark is."""
        self.rate, self.mark, self.at = float(rate), mark, now

    def limit(self, configured: int, now: int) -> int:
        """PDUs a second to be booked at `now`; 1 to `configured`."""
        if not self.mark:
            return configured
        return int(recovered(self.rate, configured, now - self.at))

    def slow(self, configured: int, mark: int, now: int) -> bool:
        """A PDU booked under `mark` was throttled; whether that is news."""
        if mark < self.mark:
            return False
        self.rate = slowed(recovered(self.rate, configured, now - self.at) if self.mark else configured)
        self.at, self.mark = now, max(now, self.mark + 1)
        return True
