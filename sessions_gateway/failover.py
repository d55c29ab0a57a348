"""Whether an operator's backup carries its traffic (docs/architecture.md, "Failover"). Pure.

`now` is monotonic seconds. The first drop gets a grace, because most links are back after their first reconnect. A
link that drops again goes over at once and has to hold for longer each time before it is trusted with traffic.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

AFTER = 8.0
"""Longer than the first reconnect (5 s, 20 % jitter, and its bind), shorter than the second (15 s)."""
BACK_AFTER = 30.0
LONGEST_HOLD = 600.0
MEMORY = 600.0
"""Seconds for which a drop counts against a link."""
DROPS_KEPT = 32


@dataclass(frozen=True, slots=True)
class FailoverTimers:
    """Seconds: how long a primary may be away before its backup takes over, and how long it must have been bound
    before it gets its traffic back."""

    after: float = AFTER
    back_after: float = BACK_AFTER


class Primary(Enum):
    """The primary's own binds, over all replicas."""

    BOUND = auto()
    PENDING = auto()
    """Not bound and nothing has failed: it starts, or is handed from one replica to another."""
    FAILED = auto()
    UNWANTED = auto()
    """Drained, unbound or paused: it stays so until somebody says `bind`."""


@dataclass(frozen=True, slots=True)
class View:
    """What is seen at one look; `backup_bound` is None where no backup is named."""

    primary: Primary
    backup_bound: bool | None


@dataclass(frozen=True, slots=True)
class Diversion:
    """What a replica says of the operator's failover.

    `by` is the operator that carries the traffic instead, `carries` whether it can now. Of several replicas' words
    the one with the highest `term` counts. `trouble` is what stands in the way of a failover that is due.
    """

    by: str | None = None
    term: int = 0
    carries: bool = False
    trouble: str = ""


class Failover:
    """The decision for one primary and what it remembers of the link."""

    def __init__(self, timers: FailoverTimers) -> None:
        self._timers = timers
        self._drops: deque[float] = deque(maxlen=DROPS_KEPT)
        self._primary: Primary | None = None
        self._bound_since = 0.0
        self._down_since = 0.0
        self._backup_down_since: float | None = None
        self.over = False
        """The backup is to carry the traffic."""

    def look(self, view: View, now: float) -> bool:
        """Takes a look in and decides; True where `over` changed."""
        self.note(view, now)
        before = self.over
        self.over = not self._comes_back(view, now) if self.over else self._goes_over(view, now)
        return self.over is not before

    def note(self, view: View, now: float) -> None:
        """Takes a look in without deciding: for the replicas that follow another's word."""
        before, self._primary = self._primary, view.primary
        if view.primary is Primary.BOUND:
            if before is not Primary.BOUND:
                self._bound_since = now
        elif before in (None, Primary.BOUND):
            self._down_since = now
            if before is Primary.BOUND and view.primary is Primary.FAILED:
                self._drops.append(now)
        if view.backup_bound:
            self._backup_down_since = None
        elif self._backup_down_since is None:
            self._backup_down_since = now

    def adopt(self, over: bool) -> None:
        """The word of the replica that decides, or decided before us."""
        self.over = over

    def due(self, now: float) -> bool:
        """Whether the primary has been away for long enough, whatever the backup can do."""
        if self._primary in (None, Primary.BOUND):
            return False
        return now - self._down_since >= self._patience(now)

    def hold(self, now: float) -> float:
        """Seconds the primary has to be bound before it gets its traffic back: twice as long for each drop it is
        still remembered for."""
        doublings = min(max(0, self._remembered(now) - 1), DROPS_KEPT)
        return max(self._timers.back_after, min(LONGEST_HOLD, self._timers.back_after * 2.0**doublings))

    def _goes_over(self, view: View, now: float) -> bool:
        return bool(view.backup_bound) and self.due(now)

    def _comes_back(self, view: View, now: float) -> bool:
        if view.backup_bound is None:
            return True
        if view.primary is not Primary.BOUND:
            return False
        return now - self._bound_since >= self.hold(now) or self._backup_away(now)

    def _backup_away(self, now: float) -> bool:
        """A primary that is bound, however lately, is better than a backup that is not."""
        return self._backup_down_since is not None and now - self._backup_down_since >= self._timers.after

    def _patience(self, now: float) -> float:
        if self._primary is Primary.UNWANTED:
            return 0.0
        if self._primary is Primary.FAILED and self._remembered(now) > 1:
            return 0.0
        return self._timers.after

    def _remembered(self, now: float) -> int:
        while self._drops and now - self._drops[0] >= MEMORY:
            self._drops.popleft()
        return len(self._drops)
