"""Everything the first page shows, gathered once for all who look at it.

A process asks NATS at most once a second, the ledger every ten, the minutes every two, however many pages are open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ghasi.operators import minutes
from ghasi.operators.kept import Kept
from ghasi.operators.minutes import Tallies, Tally
from ghasi.overview import counts, from_nats
from ghasi.overview.combine import RECENT
from ghasi.overview.facts import Everything

NATS_SECONDS = 1.0
LEDGER_SECONDS = 10.0
MINUTES_SECONDS = 2.0
OLDER_SECONDS = 30.0
CHARTED = timedelta(minutes=60)


@dataclass(frozen=True, slots=True)
class Recent:
    """The minutes of which each operator's receipts are shown, by operator and of all together; workers still add to
    them. Of what is older the page needs the sums only, and reads them now and then, as it is most of it."""

    each: Tallies
    totals: dict[datetime, Tally]


def first_minute(now: datetime) -> datetime:
    """The oldest minute of the charts."""
    return _minute(now) - CHARTED + timedelta(minutes=1)


def everything() -> Everything:
    """Raises DatabaseError."""
    recent = _recent.get()
    totals = {**_older.get(), **recent.totals}
    return Everything(_nats.get(), _ledger.get(), recent.each, totals, timezone.now())


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _lately(now: datetime) -> Recent:
    each = minutes.since(_minute(now) - RECENT)
    totals: dict[datetime, Tally] = {}
    for (minute, _), tally in each.items():
        totals.setdefault(minute, Tally()).add(tally)
    return Recent(each, totals)


_nats = Kept(from_nats.read, NATS_SECONDS)
_ledger = Kept(lambda: counts.read(timezone.now()), LEDGER_SECONDS)
_older = Kept(lambda: minutes.totals(first_minute(timezone.now())), OLDER_SECONDS)
_recent = Kept(lambda: _lately(timezone.now()), MINUTES_SECONDS)
SOURCES: tuple[Kept[Any], ...] = (_nats, _ledger, _older, _recent)
