"""The migrations that give parts their times, beside traffic that holds the table."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from ghasi.correlations import altering
from ghasi.correlations.models import DeadLetter

pytestmark = pytest.mark.usefixtures("django_ready")

MIGRATIONS: list[Any] = [
    importlib.import_module(f"ghasi.correlations.migrations.{name}")
    for name in ("0012_times", "0013_ends", "0014_letters_settled")
]
ADD = altering.add(MIGRATIONS[1].COLUMNS)


@pytest.fixture(autouse=True)
def done() -> Iterator[None]:
    yield
    connection.close()


class Traffic:
    """A transaction that has the table in use until it is told to end."""

    def __init__(self) -> None:
        self.holds, self.end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM smpp.message_correlations LIMIT 1")
                self.holds.set()
                self.end.wait(30)
        finally:
            connection.close()

    def __enter__(self) -> Traffic:
        self._thread.start()
        assert self.holds.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()
        self._thread.join()


def columns(table: str) -> set[str]:
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, table.removeprefix("smpp."))
        return {one.name for one in described}


def alter(what: str, table: str = altering.LEDGER) -> None:
    with connection.schema_editor(atomic=False) as editor:
        altering.alter(editor, what, table)


def test_it_gives_way_to_traffic_and_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(altering, "LOCK_TIMEOUT", "20ms")
    waits: list[float] = []
    with Traffic() as traffic:

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 2:
                traffic.end.set()
                traffic._thread.join()

        monkeypatch.setattr(time, "sleep", wait)
        alter(ADD)
    assert waits == [1.0, 1.0]


def test_it_ends_with_the_reason_where_it_never_gets_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(altering, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(altering, "TRIES", 2)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with Traffic(), pytest.raises(OperationalError, match="lock"):
        alter(ADD)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda one: str(one.__name__).rsplit(".", 1)[1])
def test_it_is_undone_and_done_again(migration: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET search_path TO smpp, public")
    named, table = set(migration.COLUMNS), getattr(migration, "TABLE", altering.LEDGER)
    assert named <= columns(table)
    alter(altering.drop(migration.COLUMNS), table)
    try:
        assert not named & columns(table)
    finally:
        for _ in range(2):
            alter(altering.add(migration.COLUMNS), table)
        # The index went with the column.
        for index in getattr(migration, "INDEXES", ()):
            with connection.schema_editor() as editor:
                editor.add_index(DeadLetter, index)
    assert named <= columns(table)
