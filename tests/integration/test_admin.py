"""The staff's lists on a real PostgreSQL: read-only, masked without the permission, searched by exact keys."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import InternalError, connection
from django.test import Client

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import SessionRecord, State
from ghasi.correlations import dead, inbox, ledger
from ghasi.correlations.masking import masked
from ghasi.correlations.models import InboxReceipt
from ghasi.correlations.readonly_admin import bounded_queries
from ghasi.correlations.types import Intent, Part, PartFateKind, PartOutcome, ReceiptFacts
from ghasi.operators import session_pages
from ghasi.operators.models import Operator
from ghasi.operators.services import operators_remember

pytestmark = pytest.mark.usefixtures("django_ready")

LEDGER = "/admin/correlations/messagecorrelation/"
NUMBER = "93701234545"
SENDER = "93709876523"


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    """A list shows fifty rows: other tests' rows would push this one's off the page."""
    monkeypatch.setattr(session_pages.SHARED, "seconds", 0.0)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE smpp.message_correlations")
    yield datetime.now(UTC)
    User.objects.all().delete()
    connection.close()


def staff(*permissions: str) -> Client:
    user = User.objects.create(username=f"staff-{uuid4().hex[:8]}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


@pytest.fixture
def viewer(now: datetime) -> Client:
    return staff("view_messagecorrelation", "view_inboxreceipt", "view_deadletter", "view_operator")


@pytest.fixture
def insider(now: datetime) -> Client:
    return staff("view_messagecorrelation", "view_inboxreceipt", "view_pii")


def part_of(
    now: datetime, number: str = NUMBER, kind: PartFateKind | None = PartFateKind.ACCEPTED, **fields: object
) -> Part:
    intent = Intent(
        message_id=uuid4(),
        event_id=uuid4(),
        operator_id=uuid4(),
        requested_operator_id=uuid4(),
        destination=number,
        sender="GHASI",
        account_id="account",
        segments=1,
        enqueued_at=now,
        expires_at=now + timedelta(minutes=10),
    )
    (answer,) = ledger.claim([intent], replica="r1", epoch="e1", now=now, arm={})
    (part,) = answer.parts
    if kind is not None:
        name = str(fields.pop("name", f"id{part.row_id.hex}"))
        fate = PartOutcome(
            part.row_id,
            part.enqueued_day,
            part.message_id,
            kind,
            now,
            operator_message_id=name,
            lookup_keys=(name.lower(),),
            **fields,  # type: ignore[arg-type]
        )
        ledger.record([fate], now=now)
    return part


def page(client: Client, path: str, **query: str) -> str:
    response = client.get(path, query)
    assert response.status_code == 200, path
    return response.content.decode()


def found(html: str) -> set[UUID]:
    """Message ids of the list's rows."""
    return {UUID(one) for one in re.findall(r'field-message_id"><a [^>]*>([0-9a-f-]{36})<', html)}


def test_without_permission_nothing_is_shown(now: datetime) -> None:
    assert staff().get(LEDGER).status_code == 403
    assert Client(headers={"host": "localhost"}).get(LEDGER).status_code == 302


def test_the_destination_is_masked_everywhere(now: datetime, viewer: Client) -> None:
    part = part_of(now)
    listed = page(viewer, LEDGER, q=str(part.message_id))
    assert found(listed) == {part.message_id}
    one = page(viewer, f"{LEDGER}{part.row_id}/change/")
    history = page(viewer, f"{LEDGER}{part.row_id}/history/")
    assert "+9370•••45" in listed
    assert "+9370•••45" in one
    for html in (listed, one, history):
        assert NUMBER not in html


def test_the_permission_shows_the_destination(now: datetime, insider: Client) -> None:
    part = part_of(now)
    assert NUMBER in page(insider, LEDGER, q=str(part.message_id))
    assert NUMBER in page(insider, f"{LEDGER}{part.row_id}/change/")


def test_search_by_message_id_and_operators_id(now: datetime, viewer: Client) -> None:
    part = part_of(now, name="Abc00123")
    other = part_of(now)
    assert found(page(viewer, LEDGER, q=str(part.message_id))) == {part.message_id}
    assert found(page(viewer, LEDGER, q="abc00123")) == {part.message_id}
    assert found(page(viewer, LEDGER, q="abc0012")) == set()
    assert other.message_id in found(page(viewer, LEDGER))


@pytest.mark.parametrize("number", ["93788776655", "+93788776655"])
def test_a_number_in_the_search_leads_to_where_it_stands_in_no_address(
    now: datetime, viewer: Client, insider: Client, number: str
) -> None:
    part_of(now, number="93788776655")
    for client in (viewer, insider):
        answer = client.get(LEDGER, {"q": number})
        assert (answer.status_code, answer["location"]) == (302, f"{LEDGER}where/")
        assert "A subscriber&#x27;s number is searched for here" in page(client, f"{LEDGER}where/")


def test_an_operators_id_of_digits_is_searched_for_in_the_list(now: datetime, viewer: Client) -> None:
    part = part_of(now, name="4711471147")
    assert found(page(viewer, LEDGER, q="4711471147")) == {part.message_id}


def test_a_null_character_is_no_part_of_a_name(now: datetime, viewer: Client) -> None:
    part = part_of(now)
    assert str(part.row_id) in page(viewer, f"{LEDGER}where/", q=f"\0{part.message_id}")
    assert viewer.get(LEDGER, {"q": f"\0{part.message_id}"}).status_code == 200


@pytest.mark.parametrize("query", [{"status": "\0"}, {"operator": "x"}, {"operator": "\0"}, {"receipt": "\0"}])
def test_a_filter_given_what_it_does_not_offer_is_no_crash(
    now: datetime, viewer: Client, query: dict[str, str]
) -> None:
    Operator.objects.get_or_create(operator_id=uuid4(), defaults={"first_seen_at": now, "last_seen_at": now})
    part = part_of(now)
    assert found(page(viewer, LEDGER, **query)) == (set() if query == {"operator": "x"} else {part.message_id})


def test_a_list_writes_nothing_where_it_is_looked_at(now: datetime) -> None:
    with pytest.raises(InternalError, match="read-only"), bounded_queries():
        Operator.objects.create(operator_id=uuid4(), first_seen_at=now, last_seen_at=now)
    with bounded_queries(writes=True):
        Operator.objects.create(operator_id=uuid4(), first_seen_at=now, last_seen_at=now)


def test_no_statement_of_a_list_is_compiled(now: datetime, viewer: Client) -> None:
    part_of(now)
    said: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        found = execute(sql, params, many, context)
        if "message_correlations" in sql:
            with connection.connection.cursor() as cursor:
                said.append(cursor.execute("SHOW jit").fetchone()[0])
        return found

    with connection.cursor() as cursor:
        cursor.execute("SET jit = on")
    with connection.execute_wrapper(note):
        page(viewer, LEDGER, span="all")
    assert set(said) == {"off"}


def test_the_list_shows_the_last_day_and_a_search_all_days(now: datetime, viewer: Client) -> None:
    old = part_of(now - timedelta(days=2))
    assert old.message_id not in found(page(viewer, LEDGER))
    assert old.message_id in found(page(viewer, LEDGER, span="3d"))
    assert old.message_id in found(page(viewer, LEDGER, span="all"))
    assert found(page(viewer, LEDGER, q=str(old.message_id))) == {old.message_id}


def test_the_work_lists(now: datetime, viewer: Client) -> None:
    doubtful = part_of(now - timedelta(days=2), kind=PartFateKind.IN_DOUBT, reason="unanswered")
    waiting = part_of(now, kind=PartFateKind.REJECTED, retry_at=now + timedelta(minutes=1))
    done = part_of(now)
    in_doubt = found(page(viewer, LEDGER, list="in_doubt"))
    assert doubtful.message_id in in_doubt
    assert not {waiting.message_id, done.message_id} & in_doubt
    held = part_of(now, kind=PartFateKind.HELD, reason="unknown_status", command_status=0x455)
    listed = page(viewer, LEDGER, list="held")
    assert held.message_id in found(listed)
    assert not {doubtful.message_id, waiting.message_id} & found(listed)
    assert "0x00000455" in listed
    retries = found(page(viewer, LEDGER, list="retry"))
    assert waiting.message_id in retries
    assert not {doubtful.message_id, done.message_id} & retries


def test_each_cell_of_a_list_names_its_column(now: datetime, viewer: Client) -> None:
    """On a phone there is no heading."""
    part_of(now)
    listed = page(viewer, LEDGER)
    assert re.search(r'<td data-label="Status" class="field-status[^>]*>', listed)
    assert re.search(r'<td data-label="Operator" class="field-carrier[^>]*>', listed)
    assert re.search(r'<th data-label="Message id" class="field-message_id[^>]*>', listed)
    assert "correlations/lists.css" in listed


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ({}, "Last 24 hours"),
        ({"span": "3d"}, "Last 3 days"),
        ({"span": "all"}, "All"),
        ({"list": "in_doubt"}, "All"),
        ({"list": "held", "span": "day"}, "All"),
        ({"q": "abc0012"}, "All"),
    ],
)
def test_the_time_that_is_shown_as_chosen_is_the_one_that_applies(
    viewer: Client, query: dict[str, str], chosen: str
) -> None:
    _, _, times = page(viewer, LEDGER, **query).partition('data-filter-title="time"')
    selected = re.search(r'class="selected">\s*<a [^>]*>([^<]+)</a>', times)
    assert selected is not None
    assert selected[1] == chosen


@pytest.mark.parametrize("name", ["in_doubt", "held"])
@pytest.mark.parametrize("counted", [10_000, 1], ids=["few", "many"])
def test_open_parts_are_not_looked_for_among_settled_ones_while_they_are_few(
    now: datetime, viewer: Client, monkeypatch: pytest.MonkeyPatch, name: str, counted: int
) -> None:
    monkeypatch.setattr("ghasi.correlations.admin.COUNTED", counted)
    older, newer = (
        part_of(now + timedelta(seconds=age), kind=PartFateKind.HELD, reason="unknown_status", command_status=0x455)
        for age in (1, 2)
    )
    listing: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if "ORDER BY" in sql and "in_doubt_at" in sql:
            listing.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        listed = page(viewer, LEDGER, list=name)
    assert 0 < listed.index(str(newer.message_id)) < listed.index(str(older.message_id)), "the newest first"
    assert listing
    few = ['operator_message_keys" IS NULL' in sql for sql in listing]
    assert few == [counted > 1] * len(listing)


def test_nothing_can_be_changed_not_even_by_a_superuser(now: datetime) -> None:
    user = User.objects.create_superuser("root")
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    part = part_of(now)
    assert client.get(f"{LEDGER}add/").status_code == 403
    assert client.post(f"{LEDGER}{part.row_id}/change/", {"status": "EXPIRED"}).status_code == 403
    assert client.post(f"{LEDGER}{part.row_id}/delete/", {"post": "yes"}).status_code == 403
    for path in ("correlations/inboxreceipt", "correlations/deadletter", "operators/operator"):
        assert client.get(f"/admin/{path}/add/").status_code == 403


def test_no_list_counts_its_table(now: datetime, viewer: Client) -> None:
    part_of(now)
    statements: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        page(viewer, LEDGER, span="all")
    counting = [one for one in statements if "COUNT(" in one]
    assert counting
    assert all("LIMIT 10000" in one for one in counting)
    assert any("statement_timeout" in one for one in statements)


def test_a_list_that_takes_too_long_says_so(now: datetime, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    part_of(now)
    monkeypatch.setattr("ghasi.correlations.readonly_admin.STATEMENT_TIMEOUT_MS", 300)

    def slow(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if "message_correlations" in sql:
            execute("SELECT pg_sleep(1)", None, False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(slow):
        response = viewer.get(LEDGER, {"span": "all"})
    assert (response.status_code, response["location"]) == (302, LEDGER)
    monkeypatch.undo()
    assert "five seconds" in page(viewer, LEDGER)


def test_the_inbox(now: datetime, viewer: Client, insider: Client) -> None:
    InboxReceipt.objects.all().delete()
    facts = ReceiptFacts(
        receipt_key=1,
        operator_id=uuid4(),
        operator_message_id="Lost77",
        lookup_keys=("lost77",),
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        done_at=None,
        taken_at=now,
        destination=NUMBER,
        sender=SENDER,
    )
    inbox.take_receipts([facts], now=now)
    path = "/admin/correlations/inboxreceipt/"
    for query in ({}, {"q": "LOST77"}, {"state": "waiting"}):
        assert "Lost77" in page(viewer, path, **query)
    for query in ({"q": "lost78"}, {"state": "matched"}, {"state": "unreadable"}, {"state": "given_up"}):
        assert "Lost77" not in page(viewer, path, **query)
    assert "Lost77" not in page(viewer, path, state="undecided")
    InboxReceipt.objects.update(undecided="1 ids, 2 parts")
    assert "1 ids, 2 parts" in page(viewer, path, state="undecided")
    stored = InboxReceipt.objects.get()
    hidden, full = page(viewer, f"{path}{stored.pk}/change/"), page(insider, f"{path}{stored.pk}/change/")
    for number in (NUMBER, SENDER):
        assert number not in page(viewer, path) + hidden
        assert number in full
    assert masked(SENDER) in hidden
    InboxReceipt.objects.all().delete()


def test_dead_letters(now: datetime, viewer: Client) -> None:
    message = uuid4()
    dead.dead_letter_index(uuid4(), 4711, "bad_sender", message, 321, now)
    path = "/admin/correlations/deadletter/"
    assert "bad_sender" in page(viewer, path)
    assert str(message) in page(viewer, path, q=str(message))
    assert "field-reason" not in page(viewer, path, q="nonsense")


def test_live_sessions_come_from_the_bucket_and_are_remembered(now: datetime, viewer: Client, nats_url: str) -> None:
    operator = str(uuid4())

    async def report() -> None:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        await bus.ensure(streams=False)
        bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
        for replica, state in (("gw-1", State.BOUND), ("gw-2", State.DISCONNECTED)):
            record = SessionRecord(operator, replica, "e1", state, operator_name="Roshan", tps_limit=50)
            await bucket.put(subjects.session_key(operator, replica), msgspec.json.encode(record))
        await bus.close()

    asyncio.run(report())
    html = page(viewer, "/admin/operators/operator/live/")
    assert "Roshan" in html
    assert "gw-2" in html
    operators_remember(session_pages.read()[0].sessions, now=now)
    remembered = Operator.objects.get(pk=operator)
    assert (remembered.name, remembered.state, remembered.tps_limit) == ("Roshan", "BOUND", 50)
    assert "Live sessions" in page(viewer, "/admin/operators/operator/")
    assert staff().get("/admin/operators/operator/live/").status_code == 403


def test_an_operator_whose_backup_carries_shows_the_backups_name(
    now: datetime, viewer: Client, nats_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    primary, backup = str(uuid4()), str(uuid4())

    async def report() -> None:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        await bus.ensure(streams=False)
        bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
        records = (
            SessionRecord(primary, "gw-1", "e1", State.FAILBACK, backup_operator_id=backup, carried_by=backup),
            SessionRecord(backup, "gw-1", "e1", State.BOUND, operator_name="Etisalat", is_primary=False),
        )
        for record in records:
            await bucket.put(subjects.session_key(record.operator_id, "gw-1"), msgspec.json.encode(record))
        await bus.close()

    asyncio.run(report())
    html = page(viewer, "/admin/operators/operator/live/")
    assert "FAILBACK<br>over Etisalat" in html
    call_command("sessions", primary)
    assert " FAILBACK " in (line := capsys.readouterr().out)
    assert " over=Etisalat" in line


def test_nats_away_is_said_on_the_page(now: datetime, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.operators.live.CONNECT_WAIT", 0.3)
    assert "NATS cannot be reached" in page(viewer, "/admin/operators/operator/live/")


def test_the_other_pages_of_the_web_process(now: datetime) -> None:
    client = Client(headers={"host": "localhost"})
    assert client.get("/healthz").content == b"ok\n"
    assert b"django_http_requests" in client.get("/metrics").content
    assert client.get("/").status_code == 302
    assert client.get("/static/admin/css/base.css").status_code == 200


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (LEDGER, {"span": "all"}),
        (LEDGER, {"span": "all", "status": "EXPIRED"}),
        (LEDGER, {"span": "7d", "receipt": "none", "operator": str(uuid4())}),
        (LEDGER, {"list": "held"}),
        (LEDGER, {"q": "abc0012"}),
        ("/admin/correlations/inboxreceipt/", {"span": "all", "state": "unreadable"}),
        ("/admin/correlations/inboxreceipt/", {"q": "abc0012"}),
        ("/admin/correlations/deadletter/", {"span": "all", "reason": "rejected:", "operator": str(uuid4())}),
        ("/admin/correlations/deadletter/", {"q": str(uuid4())}),
    ],
)
def test_every_list_goes_by_an_index(
    now: datetime, path: str, query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghasi.correlations.narrowing.LOOKED_AT", 1)
    for number in (1, 2):
        part_of(now)
        dead.dead_letter_index(uuid4(), number, "bad_sender", uuid4(), 321, now)
        lost = InboxReceipt(operator_id=uuid4(), receipt_key=number, taken_at=now, tried_at=now)
        lost.operator_message_id, lost.lookup_keys, lost.final = f"lost{number}", [f"lost{number}"], True
        lost.save()
    Operator.objects.get_or_create(operator_id=uuid4(), defaults={"first_seen_at": now, "last_seen_at": now})
    client = staff(*(f"view_{name}" for name in ("messagecorrelation", "inboxreceipt", "deadletter")))
    plans: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if any(table in sql for table in ("message_correlations", "receipts_inbox", "dead_letters")):
            plan = execute(f"EXPLAIN {sql}", params, many, context) and None
            plans.extend(line for (line,) in (plan or context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        page(client, path, **query)
    InboxReceipt.objects.all().delete()
    assert plans
    assert not [line for line in plans if "Seq Scan" in line and "operators" not in line]


def test_a_filter_without_an_index_looks_through_the_newest_rows(
    now: datetime, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghasi.correlations.narrowing.LOOKED_AT", 2)
    old = part_of(now - timedelta(seconds=9), kind=PartFateKind.REJECTED, command_status=0x0B)
    new = part_of(now, kind=PartFateKind.REJECTED, command_status=0x0B)
    part_of(now + timedelta(seconds=1))
    listed = found(page(viewer, LEDGER, status="REJECTED"))
    assert new.message_id in listed
    assert old.message_id not in listed
    assert found(page(viewer, LEDGER, status="REJECTED", q=str(old.message_id))) == {old.message_id}
