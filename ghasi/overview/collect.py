"""Everything the first page shows, gathered once for all who look at it.

A process asks NATS at most once a second, the ledger every ten, the minutes every two, however many pages are open.
What one source cannot say leaves the others as they are: each tells its own trouble.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import Error, connection, transaction
from django.utils import timezone

from ghasi.database.trouble import said
from ghasi.logs import get_logger
from ghasi.operators import minutes
from ghasi.operators.kept import Kept
from ghasi.operators.minutes import Tallies, Tally
from ghasi.overview import counts, from_nats
from ghasi.overview.combine import RECENT
from ghasi.overview.facts import Everything, FromLedger

NATS_SECONDS = 1.0
LEDGER_SECONDS = 10.0
MINUTES_SECONDS = 2.0
OLDER_SECONDS = 30.0
CHARTED = timedelta(minutes=60)
MINUTES_TIMEOUT_MS = 1000
"""Of each statement that reads them: with the ledger's three seconds, a page is there before its script gives up."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class Minutes:
    """The last minutes by operator, those of the charts of all together; of neither anything where there is
    `trouble`."""

    each: Tallies = field(default_factory=dict)
    totals: dict[datetime, Tally] = field(default_factory=dict)
    trouble: str = ""


def first_minute(now: datetime) -> datetime:
    """The oldest minute of the charts."""
    return _minute(now) - CHARTED + timedelta(minutes=1)


def everything(chosen: UUID | None = None) -> Everything:
    """With the charts' minutes of one operator where it is `chosen`. Never raises a database's error."""
    charted = _minutes.get()
    if chosen is not None and not charted.trouble:
        charted = _of(chosen, charted)
    return Everything(_nats.get(), _ledger.get(), charted.each, charted.totals, timezone.now(), charted.trouble)


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _counted() -> FromLedger:
    try:
        return counts.read(timezone.now())
    except Error as error:
        return FromLedger(trouble=_trouble(error))


def _charted() -> Minutes:
    """Workers still add to the last minutes. Of what is older only the sums are needed, and those are read now and
    then, as they are most of it."""
    try:
        with _bounded():
            each = minutes.since(_minute(timezone.now()) - RECENT)
        totals = dict(_older.get())
    except Error as error:
        return Minutes(trouble=_trouble(error))
    lately: dict[datetime, Tally] = {}
    for (minute, _), tally in each.items():
        lately.setdefault(minute, Tally()).add(tally)
    return Minutes(each, totals | lately)


def _summed() -> dict[datetime, Tally]:
    """Raises Error."""
    with _bounded():
        return minutes.totals(first_minute(timezone.now()))


def _of(operator_id: UUID, charted: Minutes) -> Minutes:
    try:
        with _bounded():
            return replace(charted, totals=minutes.of_operator(operator_id, first_minute(timezone.now())))
    except Error as error:
        return Minutes(trouble=_trouble(error))


@contextmanager
def _bounded() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(MINUTES_TIMEOUT_MS)])
        yield


def _trouble(error: Error) -> str:
    why = said(error)
    log.warning("ledger.away", detail=why)
    return why


_nats = Kept(from_nats.read, NATS_SECONDS)
_ledger = Kept(_counted, LEDGER_SECONDS)
_older = Kept(_summed, OLDER_SECONDS)
_minutes = Kept(_charted, MINUTES_SECONDS)
SOURCES: tuple[Kept[Any], ...] = (_nats, _ledger, _older, _minutes)
