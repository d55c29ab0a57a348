"""Day partitions of the ledger: made ahead, dropped after retention, never emptied row by row (docs/contract.md §9).

Both functions hold one session advisory lock, so that two runs at once or one after the other do no harm; who does
not get it in time leaves the work to whoever has it. A day is attached, not created in place: CREATE … PARTITION OF
would stop all traffic for as long as it waits for its lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

from django.db import OperationalError, connection

from ghasi.correlations import sql_upkeep
from ghasi.correlations.sql import partition_name

AHEAD_DAYS = 3
LOCK_TIMEOUT = "10s"
_LOCK_NOT_AVAILABLE = "55P03"


class MaintenanceBusy(OperationalError):
    """Another run has held the lock of the maintenance for longer than LOCK_TIMEOUT."""


def ledger_day(moment: datetime) -> date:
    """The partition key of a command enqueued at `moment`: its day in UTC."""
    return moment.astimezone(UTC).date()


def existing_days() -> list[date]:
    """The days that have an attached partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(sql_upkeep.LIST_PARTITIONS)
        names = [name for name, pending in cursor.fetchall() if not pending]
    return sorted(datetime.strptime(name[-8:], "%Y%m%d").date() for name in names)


def covered_until(now: datetime) -> datetime:
    """The end of the last day that follows today without a gap; the beginning of today where today is missing."""
    days = set(existing_days())
    day = ledger_day(now)
    while day in days:
        day += timedelta(days=1)
    return datetime.combine(day, time.min, UTC)


def due(now: datetime, retention_days: int, ahead: int = AHEAD_DAYS) -> tuple[list[date], list[date]]:
    """The days that `ensure_partitions` would make and those that `drop_old` would drop; changes nothing."""
    today, present = ledger_day(now), existing_days()
    wanted = [today + timedelta(days=n) for n in range(-retention_days, ahead + 1)]
    oldest = today - timedelta(days=retention_days)
    return [day for day in wanted if day not in set(present)], [day for day in present if day < oldest]


def ensure_partitions(now: datetime, retention_days: int, ahead: int = AHEAD_DAYS) -> list[date]:
    """Makes every missing day of the retention and of the `ahead` days to come; returns the days made."""
    today = ledger_day(now)
    wanted = [today + timedelta(days=n) for n in range(-retention_days, ahead + 1)]
    with maintenance_lock():
        present = set(existing_days())
        made = [day for day in wanted if day not in present]
        for day in made:
            _make(day)
    return made


def drop_old(now: datetime, retention_days: int) -> list[date]:
    """Drops the days before the retention; returns them. Not inside a transaction (DETACH … CONCURRENTLY)."""
    oldest = ledger_day(now) - timedelta(days=retention_days)
    with maintenance_lock():
        _finish_detaching()
        dropped = [day for day in existing_days() if day < oldest]
        for day in dropped:
            _execute(sql_upkeep.DETACH_PARTITION.format(name=partition_name(day)))
            _execute(sql_upkeep.DROP_PARTITION.format(name=partition_name(day)))
        _drop_left_behind(oldest)
    return dropped


def _make(day: date) -> None:
    """A table of that name may be left from a run that was cut off between its two statements."""
    name = partition_name(day)
    bounds = {"first": day.isoformat(), "end": (day + timedelta(days=1)).isoformat()}
    _execute(sql_upkeep.CREATE_PARTITION.format(name=name))
    _execute(sql_upkeep.ATTACH_PARTITION.format(name=name, **bounds))


def _finish_detaching() -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql_upkeep.LIST_PARTITIONS)
        pending = [name for name, detaching in cursor.fetchall() if detaching]
    for name in pending:
        _execute(sql_upkeep.FINISH_DETACH.format(name=name))


def _drop_left_behind(oldest: date) -> None:
    """Detached but not dropped: an earlier run was cut off in between."""
    with connection.cursor() as cursor:
        cursor.execute(sql_upkeep.LIST_DETACHED, {"before": partition_name(oldest)})
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        _execute(sql_upkeep.DROP_PARTITION.format(name=name))


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def maintenance_lock() -> Iterator[None]:
    """A session lock, because DETACH … CONCURRENTLY cannot run in a transaction; inside one (migrate) too. Raises
    MaintenanceBusy."""
    _acquire()
    try:
        yield
    finally:
        _release()


def _acquire() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql_upkeep.LOCK_MAINTENANCE)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        if not connection.in_atomic_block:  # else its end undoes the setting
            _wait_for_locks()
        raise MaintenanceBusy(
            f"another run of partitions or sweep has been at the ledger for {LOCK_TIMEOUT}"
        ) from error


def _release() -> None:
    """In a transaction that failed nothing more can be said: the lock then goes with the session."""
    if connection.in_atomic_block and connection.needs_rollback:
        return
    _wait_for_locks()
    with connection.cursor() as cursor:
        cursor.execute(sql_upkeep.UNLOCK_MAINTENANCE)


def _wait_for_locks() -> None:
    """As long as it takes, as before."""
    _execute("SELECT set_config('lock_timeout', '0', false)")
