"""How the ledger talks to PostgreSQL: one transaction a call, locks first, repeated where the server asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import msgspec
from django.db import OperationalError, connection, transaction

from ghasi.contracts import timers
from ghasi.correlations import sql
from ghasi.correlations.ids import lock_key
from ghasi.correlations.partitions import ledger_day
from ghasi.correlations.rows import KeyedRow, Row

P = ParamSpec("P")
R = TypeVar("R")

_encoder = msgspec.json.Encoder()
_rows = msgspec.json.Decoder(list[Row])
_keyed_rows = msgspec.json.Decoder(list[KeyedRow])

_TRIES = 4
_REPEATABLE = {"40P01", "40001"}
"""Deadlock, serialization failure: the whole transaction may simply be run again."""


def repeated(call: Callable[P, R]) -> Callable[P, R]:
    """Runs a transaction again where the server broke it up in favour of another; raises what else went wrong."""

    @wraps(call)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(_TRIES - 1):
            try:
                return call(*args, **kwargs)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) not in _REPEATABLE:
                    raise
        return call(*args, **kwargs)

    return run


@contextmanager
def locked(message_ids: Iterable[UUID] = ()) -> Iterator[None]:
    """A transaction that holds the locks of these messages, taken in one order everywhere."""
    with transaction.atomic():
        execute(sql.OPEN, {"keys": lock_keys(message_ids)})
        yield


def lock_keys(message_ids: Iterable[UUID]) -> list[int]:
    """The locks of these messages, in the one order in which everybody takes them."""
    return sorted({lock_key(one) for one in message_ids})


def execute(statement: str, parameters: Mapping[str, Any]) -> int:
    """Rows touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def fetch(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def fetch_rows(statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    """What a statement that answers with one JSON array of `rows.Row` found."""
    return rows_of(fetch(statement, parameters))


def rows_of(answer: Sequence[tuple[Any, ...]]) -> list[Row]:
    """The rows in such an answer."""
    return _rows.decode(answer[0][0])


def fetch_keyed_rows(statement: str, parameters: Mapping[str, Any]) -> list[KeyedRow]:
    """The same for `rows.KeyedRow`."""
    return _keyed_rows.decode(fetch(statement, parameters)[0][0])


def as_json(records: Sequence[Mapping[str, Any]]) -> str:
    """Records for a statement that reads `%(rows)s`; absent fields are NULL."""
    return _encoder.encode(records).decode()


def by_day(records: Iterable[tuple[date, R]]) -> list[tuple[date, list[R]]]:
    """Records of one day together, days in order: each day's partition is written by a statement of its own."""
    days: dict[date, list[R]] = {}
    for day, record in records:
        days.setdefault(day, []).append(record)
    return sorted(days.items())


def lookback_days(now: datetime, *more: date, back: int = timers.REPEAT_LOOKBACK_DAYS) -> list[date]:
    """The day partitions in which a message's rows are looked for: the last `back` days, tomorrow, and `more`."""
    today = ledger_day(now)
    return sorted({*(today + timedelta(days=n) for n in range(-back, 2)), *more})
