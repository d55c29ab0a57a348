"""The sweep of docs/contract.md §8: 72 hours after submission without a final receipt a part is EXPIRED.

Rows change, nothing is published: nothing was heard. A mark says how far it has come, so that each run reads what
became due since, slice by slice, each in a transaction of its own; a run cut off goes on where it was.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction

from ghasi.contracts import timers
from ghasi.correlations import sql_upkeep
from ghasi.correlations.db import execute, fetch, repeated
from ghasi.correlations.partitions import existing_days, ledger_day, maintenance_lock

KEPT = timedelta(hours=timers.CORRELATION_KEPT_HOURS)
SLICE = timedelta(seconds=timers.SWEEP_EVERY)
DAY = timedelta(days=1)
MARK = "correlations"
FEW = 1000
"""Parts in a slice that make the next one longer: a run after weeks does not creep through empty hours."""


def expire_correlations(now: datetime) -> int:
    """Returns how many parts expired. Two runs at once take turns; the second finds nothing to do."""
    with maintenance_lock():
        days = existing_days()
        if not days:
            return 0
        end = now - KEPT
        since = _mark() or datetime.combine(days[0], time(), UTC)
        expired, step = 0, SLICE
        while since < end:
            before = min(since + step, end)
            found = _expire(since, before, [day for day in days if day <= ledger_day(before) + DAY], now)
            expired, since = expired + found, before
            step = min(step * 2, DAY) if found < FEW else SLICE
    return expired


def count_due(now: datetime) -> int:
    """How many parts `expire_correlations` would expire; changes nothing."""
    days = existing_days()
    if not days:
        return 0
    end = now - KEPT
    given = {"days": days, "since": _mark() or datetime.combine(days[0], time(), UTC), "before": end}
    return int(fetch(sql_upkeep.SWEEP_COUNT, given)[0][0])


def _mark() -> datetime | None:
    found = fetch(sql_upkeep.SWEEP_MARK, {"name": MARK})
    return found[0][0] if found else None


@repeated
def _expire(since: datetime, before: datetime, days: list[date], now: datetime) -> int:
    with transaction.atomic():
        fetch(sql_upkeep.SWEEP_PLANS, {})
        span = {"days": days, "since": since, "before": before, "now": now}
        expired = execute(sql_upkeep.SWEEP_SUBMITTED, span)
        execute(sql_upkeep.SWEEP_ADVANCE, {"name": MARK, "done_to": before})
    return expired
