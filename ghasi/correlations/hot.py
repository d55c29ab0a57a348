"""Hot transactions in one round trip.

Django sends one statement at a time and lets the server plan each anew, which for the ledger's partitions costs more
than doing the work. Here a whole transaction goes out as one text whose statements are prepared once per connection
(measured on batches of one message: a third of the server's work, a quarter of ours).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from psycopg.pq import TransactionStatus

Call = tuple[str, Mapping[str, Any]]
"""A statement with `%(name)s` placeholders, and their values."""

MOST_PREPARED = 200
"""Statements a connection keeps: some name a day, and days go by."""

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@lru_cache(maxsize=512)
def _prepared(statement: str) -> tuple[str, str, tuple[str, ...]]:
    """The statement's name, its PREPARE, and its placeholders in order."""
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(statement)))
    name = f"hot_{zlib.crc32(statement.encode()):08x}_{len(statement)}"
    text = _PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    return name, f"PREPARE {name} AS {text}", names


def array(values: Iterable[int | UUID]) -> str:
    """An array as PostgreSQL reads it from one string: psycopg quotes each value of a list by itself."""
    words = ",".join([one.hex if isinstance(one, UUID) else str(one) for one in values])
    return f"{{{words}}}"


def transact(calls: Sequence[Call], then: Sequence[Call] = ()) -> list[list[tuple[Any, ...]]]:
    """Runs `calls` in one transaction and `then` after its commit; returns the rows of each, in order.

    No value may depend on an answer. Raises Django's database errors; nothing of `calls` is written then, unless it
    was `then` that failed. Not within another transaction.
    """
    connection.ensure_connection()
    raw = connection.connection
    steps = ["BEGIN"]
    values: dict[str, Any] = {}
    for statement, parameters in calls:
        steps.append(_execution(statement, parameters, values))
    steps.append("COMMIT")
    for statement, parameters in then:
        steps.append(_execution(statement, parameters, values))
    with connection.wrap_database_errors:
        _prepare(raw, (statement for statement, _ in (*calls, *then)))
        cursor = psycopg.ClientCursor(raw)
        try:
            cursor.execute("; ".join(steps).encode(), values)
        except BaseException:
            _roll_back(raw)
            raise
        return [rows for rows in _results(cursor) if rows is not None]


def _execution(statement: str, parameters: Mapping[str, Any], values: dict[str, Any]) -> str:
    name, _, names = _prepared(statement)
    arguments = []
    for one in names:
        key = f"p{len(values)}"
        values[key] = parameters[one]
        arguments.append(f"%({key})s")
    return f"EXECUTE {name}({', '.join(arguments)})" if arguments else f"EXECUTE {name}"


def _prepare(raw: Any, statements: Iterable[str]) -> None:
    done: set[str] = connection.prepared  # type: ignore[attr-defined]  # ghasi.database
    if len(done) > MOST_PREPARED:
        psycopg.ClientCursor(raw).execute("DEALLOCATE ALL")
        done.clear()
    for statement in statements:
        name, text, _ = _prepared(statement)
        if name not in done:
            psycopg.ClientCursor(raw).execute(text.encode())
            done.add(name)


def _results(cursor: Any) -> Iterable[list[tuple[Any, ...]] | None]:
    """Of each statement: its rows, an empty list where it has none, None for BEGIN and COMMIT."""
    while True:
        if cursor.statusmessage in ("BEGIN", "COMMIT"):
            yield None
        else:
            yield list(cursor.fetchall()) if cursor.description else []
        if not cursor.nextset():
            return


def _roll_back(raw: Any) -> None:
    """A connection that cannot even do that is closed by whoever hears of the error."""
    if raw.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        with suppress(psycopg.Error):
            raw.rollback()
