"""What keeps a lane from booking permits at all while it has commands in hand (docs/architecture.md, "Lanes")."""

from __future__ import annotations

from datetime import datetime, timedelta

from ghasi.correlations.types import Delay

NOT_BOUND = "not bound"
WINDOW_FULL = "lane window"
LIMITER = "limiter"
"""It books nothing for a span, because PDUs may be booked that it does not know (docs/architecture.md, "TPS")."""
WORTH_KEEPING = timedelta(seconds=1)


class Blocks:
    """`last` is the last thing that took a second or more, once it was over; of two without a gap the longer."""

    def __init__(self) -> None:
        self.last: Delay | None = None
        self._why = ""
        self._since: datetime | None = None

    def begin(self, why: str, now: datetime) -> None:
        """Told again and again while it lasts."""
        if why != self._why:
            self.end(now)
            self._why, self._since = why, now

    def end(self, now: datetime) -> None:
        """Nothing, or no longer."""
        if self._since is not None and now - self._since >= WORTH_KEEPING:
            self._keep(Delay(self._why, self._since, now))
        self._why, self._since = "", None

    def _keep(self, one: Delay) -> None:
        before = self.last
        joined = before is not None and one.since - before.until < WORTH_KEEPING
        if before is None or not joined or one.until - one.since >= before.until - before.since:
            self.last = one
