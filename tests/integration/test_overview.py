"""The admin's first page on real servers: what NATS and the ledger say, who may see it, and what it costs to look."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects, topology
from ghasi.contracts.sessions import ControlAnswer, SessionRecord, State
from ghasi.correlations import dead
from ghasi.operators import live, minutes
from ghasi.operators.minutes import Tally
from ghasi.operators.models import Operator, OperatorMinute
from ghasi.overview import collect, counts, from_nats

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url")
PART = "/admin/overview/part/"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for source in collect.SOURCES:
        monkeypatch.setattr(source, "seconds", 0.0)
    yield
    User.objects.all().delete()
    Operator.objects.all().delete()
    OperatorMinute.objects.all().delete()
    connection.close()


@pytest.fixture
def operator_id() -> str:
    return str(uuid4())


@pytest.fixture
def on_bus(nats_url: str) -> Callable[[Callable[[Bus], Coroutine[Any, Any, None]]], None]:
    def run(work: Callable[[Bus], Coroutine[Any, Any, None]]) -> None:
        async def connected() -> None:
            bus = await Bus.connect(BusSettings((nats_url,)), "test")
            await bus.ensure()
            try:
                await work(bus)
            finally:
                await bus.close()

        asyncio.run(connected())

    return run


def staff(*permissions: str) -> Client:
    user = User.objects.create(username=f"staff-{uuid4().hex[:8]}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def in_doubt(operator_id: str, policy: str | None = None, status: str = "IN_DOUBT") -> None:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO smpp.message_correlations (id, message_id, event_id, operator_id, requested_operator_id,
            prepared_at, expires_at, in_doubt_at, policy_action, enqueued_day, segment, segments, attempt, status,
            account_id, destination, sender) VALUES (%(id)s, %(id)s, %(id)s, %(operator)s, %(operator)s, %(now)s,
            %(now)s, %(now)s, %(policy)s, %(day)s, 1, 1, 1, %(status)s, 'a', '+93790000000', 'GHASI')""",
            {
                "id": uuid4(),
                "operator": operator_id,
                "now": now,
                "policy": policy,
                "day": now.date(),
                "status": status,
            },
        )


def test_backlog_and_age_come_from_the_stream(operator_id: str, on_bus: Any) -> None:
    quiet = str(uuid4())

    async def fill(bus: Bus) -> None:
        for one in (operator_id, quiet):
            await bus.ensure_consumer(topology.dispatch_consumer(one))
        consumer = topology.dispatch_consumer(operator_id)
        many = [Publication(consumer.filter_subject, b"x", uuid4().hex) for _ in range(5)]
        await bus.publish_many(many)
        pull = await bus.pull(consumer)
        taken = await pull.fetch(2, 60.0)
        assert len(taken) == 2
        bucket = await bus.bucket(subjects.BUCKET_REPLICAS)
        await bucket.put("worker.dispatch.abc", b"{}")

    before = datetime.now(UTC) - timedelta(seconds=1)
    on_bus(fill)
    found = from_nats.read()
    backlog = found.backlogs[operator_id]
    assert backlog.unsettled == 5
    assert backlog.oldest is not None
    assert before < backlog.oldest <= datetime.now(UTC)
    assert (found.backlogs[quiet].unsettled, found.backlogs[quiet].oldest) == (0, None)
    assert found.workers["dispatch"] >= 1
    assert found.trouble == ""


def test_nats_away_is_told_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr(from_nats, "CONNECT_WAIT", 0.3)
    assert "NATS cannot be reached" in from_nats.read().trouble
    html = staff("view_operator").get("/admin/").content.decode()
    assert "NATS cannot be reached" in html


def test_the_ledger_counts_what_is_open_now(operator_id: str) -> None:
    in_doubt(operator_id)
    in_doubt(operator_id, "hold")
    in_doubt(operator_id, "resend")
    in_doubt(operator_id, "expired")
    in_doubt(operator_id, None, "SUBMITTED")
    now = timezone.now()
    for age in (timedelta(hours=1), timedelta(hours=23), timedelta(hours=25)):
        dead.dead_letter_index(operator_id, int(age.total_seconds()), "bad_json", None, 10, now - age)
    found = counts.read(now)
    assert (found.in_doubt[operator_id], found.held[operator_id], found.dead[operator_id]) == (3, 2, 2)


def test_counting_ends_in_time(operator_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        in_doubt(operator_id)
    monkeypatch.setattr(counts, "MOST", 4)
    assert sum(counts.read(timezone.now()).in_doubt.values()) == 4


def test_the_page_shows_one_operator_and_its_charts(operator_id: str, on_bus: Any) -> None:
    async def report(bus: Bus) -> None:
        record = SessionRecord(
            operator_id, "gw-1", "e1", State.UNBOUND, operator_name="Ba<b>stan", reason="bind refused", tps_limit=70
        )
        bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
        await bucket.put(subjects.session_key(operator_id, "gw-1"), msgspec.json.encode(record))

    on_bus(report)
    minute = timezone.now().replace(second=0, microsecond=0)
    minutes.add({(minute, operator_id): Tally(Counter(submitted=12, dlr_delivered=9))})
    minutes.add({(minute - timedelta(minutes=20), operator_id): Tally(Counter(submitted=40))})
    client = staff("view_operator")
    html = client.get("/admin/", {"operator": operator_id}).content.decode()
    assert "Ba&lt;b&gt;stan is UNBOUND: bind refused." in html
    assert "<b>stan" not in html
    assert "delivered 9" in html
    assert "at most 40" in html
    assert "taken 12" in html
    part = client.get(PART, {"operator": operator_id})
    assert "no-store" in part["Cache-Control"]
    assert "at most 40" in part.content.decode()
    other = client.get(PART, {"operator": str(uuid4())}).content.decode()
    assert "at most 40" not in other
    assert client.get(PART, {"operator": "' OR 1"}).status_code == 200


def test_a_replica_that_answers_needs_no_record(on_bus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    talks, silent = str(uuid4()), str(uuid4())
    read: list[str] = []
    found: list[live.Live] = []
    value = live._value

    async def noted(store: Any, key: str) -> bytes | None:
        read.append(key)
        return await value(store, key)

    async def look(bus: Bus) -> None:
        bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
        for one in (talks, silent):
            record = SessionRecord(one, "gw.1", "e1", State.BOUND, tps_current=1)
            await bucket.put(subjects.session_key(one, "gw.1"), msgspec.json.encode(record))

        async def answer(message: Any) -> None:
            told = SessionRecord(talks, "gw.1", "e1", State.BOUND, tps_current=9)
            await message.respond(msgspec.json.encode(ControlAnswer("gw.1", True, sessions=[told])))

        await bus.nc.subscribe(subjects.control(talks, "gw.1"), cb=answer)
        found.append(await live.live_now(bus))

    monkeypatch.setattr(live, "_value", noted)
    on_bus(look)
    rates = {one.operator_id: one.tps_current for one in found[0].sessions}
    assert (rates[talks], rates[silent]) == (9, 1)
    assert subjects.session_key(silent, "gw.1") in read
    assert subjects.session_key(talks, "gw.1") not in read


def test_consumers_come_in_several_pages(operator_id: str, on_bus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [str(uuid4()) for _ in range(3)]

    async def make(bus: Bus) -> None:
        for one in (operator_id, *others):
            await bus.ensure_consumer(topology.dispatch_consumer(one))

    on_bus(make)
    ask, asked = Bus.request, []

    async def few(bus: Bus, subject: str, payload: bytes, timeout: float) -> bytes:
        """As a server with more consumers than it names at once."""
        page = msgspec.json.decode(await ask(bus, subject, payload, timeout))
        asked.append(msgspec.json.decode(payload)["offset"])
        return msgspec.json.encode({**page, "consumers": page["consumers"][:2]})

    monkeypatch.setattr(Bus, "request", few)
    found = from_nats.read()
    assert found.trouble == ""
    assert {operator_id, *others} <= found.backlogs.keys()
    assert max(asked) >= 2


def test_the_queries_are_as_many_however_many_operators_there_are() -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    client = staff("view_operator")

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(PART).status_code == 200
        return len(queries)

    client.get(PART)
    before = asked()
    many = [str(uuid4()) for _ in range(30)]
    for one in many:
        now = timezone.now()
        Operator.objects.create(operator_id=one, name=one, first_seen_at=now, last_seen_at=now)
        in_doubt(one)
    minutes.add({(minute, one): Tally(Counter(submitted=1)) for one in many})
    assert asked() == before


def test_lost_commands_are_counted_by_their_index() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(counts._BOUNDS)
        cursor.execute(
            "EXPLAIN SELECT operator_id, count(*) FROM smpp.accounting_open WHERE lost_at IS NOT NULL "
            "AND acknowledged_at IS NULL GROUP BY operator_id"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "accounting_open_lost" in plan


def test_it_needs_the_permission() -> None:
    assert staff().get(PART).status_code == 403
    html = staff("view_deadletter").get("/admin/").content.decode()
    assert "data-live-url" not in html
    assert "deadletter" in html
    assert Client(headers={"host": "localhost"}).get(PART).status_code == 302


def test_nothing_on_it_is_inline(operator_id: str) -> None:
    """A content security policy without 'unsafe-inline' must be possible."""
    html = staff("view_operator").get("/admin/").content.decode()
    assert "<style" not in html
    assert " style=" not in html
    assert " onclick=" not in html
    assert html.count("<script") == html.count("<script src=")


def test_who_looks_again_at_once_asks_no_server_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in collect.SOURCES:
        monkeypatch.setattr(source, "seconds", 60.0)
    client = staff("view_operator")
    client.get(PART)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(PART).status_code == 200
    asked = [one["sql"] for one in queries if "smpp" in one["sql"]]
    assert [sql for sql in asked if "staff_accounts" not in sql] == [], "only whether the login still holds"


def test_uuids_of_operators_are_told_as_text(operator_id: str) -> None:
    in_doubt(operator_id)
    assert all(str(UUID(one)) == one for one in counts.read(timezone.now()).in_doubt)
