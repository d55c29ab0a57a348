"""The admin beside a PostgreSQL that is slow or away: what NATS says stays on the first page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import msgspec
import psycopg
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import SessionRecord, State
from ghasi.overview import collect
from ghasi.staff.middleware import CSP

pytestmark = pytest.mark.usefixtures("django_ready")
FIRST, PART = "/admin/", "/admin/overview/part/"
LEDGER_AWAY = "The ledger cannot be read: the database does not answer in time"
CHARTS_AWAY = "The charts and the receipts of 5 min cannot be read: the database does not answer in time"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for source in collect.SOURCES:
        monkeypatch.setattr(source, "seconds", 0.0)
        monkeypatch.setattr(source, "_made", None)
    yield
    User.objects.all().delete()
    connection.close()


@pytest.fixture
def viewer() -> Client:
    user = User.objects.create(username=f"staff-{uuid4().hex[:8]}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_operator"))
    client = Client(headers={"host": "localhost"}, raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def operator_id(nats_url: str) -> str:
    """One that a gateway reports, with nine PDUs a second."""
    one = str(uuid4())

    async def report() -> None:
        bus = await Bus.connect(BusSettings((nats_url,)), "test")
        await bus.ensure()
        record = SessionRecord(one, "gw-1", "e1", State.BOUND, operator_name="Roshan", tps_limit=70, tps_current=9)
        bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
        await bucket.put(subjects.session_key(one, "gw-1"), msgspec.json.encode(record))
        await bus.close()

    asyncio.run(report())
    return one


@contextmanager
def locked(database_url: str, table: str) -> Iterator[None]:
    """Whoever reads the table waits."""
    with psycopg.connect(database_url) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def row_of(html: str, operator_id: str) -> str:
    return html.partition(f'id="overview-{operator_id}"')[2].partition("</tr>")[0]


def test_a_ledger_that_does_not_answer_leaves_what_nats_says(
    database_url: str, viewer: Client, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(database_url, "smpp.dead_letters"):
        first = viewer.get(FIRST)
        monkeypatch.setattr(collect._ledger, "seconds", 60.0)
        began = time.monotonic()
        part = viewer.get(PART)
        took = time.monotonic() - began
    assert took < 3.0, "the next one that looks does not wait for it again"
    for answer in (first, part):
        html = answer.content.decode()
        assert answer.status_code == 200
        assert LEDGER_AWAY in html
        assert "Everything is all right" not in html
        row = row_of(html, operator_id)
        assert "9 of 70" in row
        assert row.count("not known") == 3
        assert "chart-submits" in html
    monkeypatch.setattr(collect._ledger, "seconds", 0.0)
    html = viewer.get(PART).content.decode()
    assert LEDGER_AWAY not in html
    assert "not known" not in row_of(html, operator_id)


def test_minutes_that_cannot_be_read_leave_the_ledger(database_url: str, viewer: Client, operator_id: str) -> None:
    with locked(database_url, "smpp.operator_minutes"):
        html = viewer.get(PART).content.decode()
    assert CHARTS_AWAY in html
    assert LEDGER_AWAY not in html
    assert "The charts cannot be read now." in html
    row = row_of(html, operator_id)
    assert row.count("not known") == 1
    assert "9 of 70" in row


def test_the_charts_of_one_operator_likewise(
    database_url: str, viewer: Client, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.get(PART)
    for source in collect.SOURCES:
        monkeypatch.setattr(source, "seconds", 60.0)
    with locked(database_url, "smpp.operator_minutes"):
        answer = viewer.get(PART, {"operator": operator_id})
    assert answer.status_code == 200
    assert CHARTS_AWAY in answer.content.decode()


def test_without_a_database_each_page_says_so(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "PORT", "1")
        answers = [viewer.get(one) for one in (FIRST, PART, "/admin/correlations/deadletter/")]
        connection.close()
    for answer in answers:
        html = answer.content.decode()
        assert answer.status_code == 500
        assert "the database cannot be reached" in html
        assert 'section "PostgreSQL away"' in html
        assert answer["Content-Security-Policy"] == CSP
        assert "<style" not in html
        assert "<script" not in html
    assert viewer.get(PART).status_code == 200, "as soon as it is back"
