"""ghasi.correlations.hot: a transaction in one round trip; what is left after an error."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.db import DataError, IntegrityError, connection
from psycopg.pq import TransactionStatus

from ghasi.correlations import hot
from ghasi.correlations.hot import transact

ADD = "INSERT INTO {table} (name, size) VALUES (%(name)s::text, %(size)s::int)"
ALL = "SELECT name, size FROM {table} ORDER BY name"


@pytest.fixture
def table(django_ready: None) -> Iterator[str]:
    name = f"smpp.hot_{uuid.uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (name text PRIMARY KEY, size int)")
    yield name
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {name}")


def add(table: str, name: str, size: int) -> hot.Call:
    return ADD.format(table=table), {"name": name, "size": size}


def status() -> TransactionStatus:
    return TransactionStatus(connection.connection.info.transaction_status)


def names(table: str) -> list[str]:
    (rows,) = transact([(ALL.format(table=table), {})])
    return [name for name, _ in rows]


def test_answers_come_in_order_and_what_follows_sees_the_commit(table: str) -> None:
    everything = (ALL.format(table=table), {})
    answers = transact([add(table, "a", 1), everything, add(table, "b'; DROP", 2)], [everything])
    assert answers == [[], [("a", 1)], [], [("a", 1), ("b'; DROP", 2)]]
    assert status() is TransactionStatus.IDLE


def test_an_error_leaves_nothing_written_and_the_connection_usable(table: str) -> None:
    with pytest.raises(IntegrityError):
        transact([add(table, "a", 1), add(table, "a", 2)])
    assert status() is TransactionStatus.IDLE
    assert names(table) == []


def test_what_fails_after_the_commit_takes_nothing_back(table: str) -> None:
    with pytest.raises(DataError):
        transact([add(table, "a", 1)], [("SELECT 1 / %(none)s::int", {"none": 0})])
    with pytest.raises(IntegrityError):
        transact([add(table, "b", 1)], [add(table, "a", 1)])
    assert status() is TransactionStatus.IDLE
    assert names(table) == ["a", "b"]


def test_a_new_connection_prepares_anew(table: str) -> None:
    transact([add(table, "a", 1)])
    connection.close()
    transact([add(table, "b", 2)])
    assert names(table) == ["a", "b"]


def test_statements_of_days_gone_by_are_given_up(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot, "MOST_PREPARED", 5)
    for number in range(12):
        transact([(f"SELECT %(size)s::int + {number}", {"size": 1})])
    transact([add(table, "a", 1)])
    assert len(connection.prepared) <= 7  # type: ignore[attr-defined]
    assert names(table) == ["a"]
