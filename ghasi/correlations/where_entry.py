"""One line of a message's timeline (docs/operations.md, "Where is my SMS"). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ghasi.correlations.models import MessageCorrelation

CONNECTOR = "connector"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `at` is None where no time is kept; `after` orders it all the same."""

    kind: str
    what: str
    who: str
    at: datetime | None
    after: datetime
    part: str = ""
    note: str = ""

    @property
    def when(self) -> str:
        """To the millisecond, in UTC; empty where no time is kept."""
        if self.at is None:
            return ""
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{self.at.microsecond // 1000:03}"


def part_of(row: MessageCorrelation) -> str:
    return f"{row.segment}/{row.segments}, attempt {row.attempt}"
