"""Where is my SMS: by every name a message has, on the page and in the command; on real servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects, topology
from ghasi.correlations import dead, inbox, ledger, number_searches, where, where_waiting
from ghasi.correlations.models import AccountingOpen, DeadLetter, InboxReceipt
from ghasi.correlations.partitions import existing_days
from ghasi.correlations.readonly_admin import bounded_queries
from ghasi.correlations.types import Intent, PartFateKind, ReceiptFacts
from ghasi.operators.models import Operator, OperatorAction
from ghasi.operators.services import note_action
from tests.support import ledgerui as given
from workers.outcomes import message_publications, receipt_publications

pytestmark = pytest.mark.usefixtures("django_ready")

WHERE = "/admin/correlations/messagecorrelation/where/"


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE smpp.message_correlations")
    InboxReceipt.objects.all().delete()
    yield datetime.now(UTC)
    User.objects.all().delete()
    connection.close()


def asked(client: Any, **query: str) -> str:
    response = client.get(WHERE, query)
    assert response.status_code == 200
    return str(response.content.decode())


def viewer() -> Any:
    return given.staff("view_messagecorrelation")


def insider() -> Any:
    return given.staff("view_messagecorrelation", "view_pii")


def kinds(message_id: UUID, now: datetime) -> list[str]:
    return [entry.kind for entry in where.timeline(message_id, now).entries]


def receipt(operator_id: UUID, name: str, at: datetime, **fields: Any) -> ReceiptFacts:
    facts: dict[str, Any] = {
        "receipt_key": uuid4().int % 10**12,
        "operator_id": operator_id,
        "operator_message_id": name,
        "lookup_keys": (name.lower(),),
        "status": "DELIVERED",
        "stat": "DELIVRD",
        "final": True,
        "error_code": "000",
        "done_at": None,
        "taken_at": at,
        "destination": given.NUMBER,
        **fields,
    }
    return ReceiptFacts(**facts)


def test_a_delivered_message_by_its_id_and_by_the_operators(now: datetime) -> None:
    one = given.intent(now)
    Operator.objects.create(operator_id=one.operator_id, name="Roshan", first_seen_at=now, last_seen_at=now)
    [part] = given.claimed(one, now)
    ledger.record([given.accepted(part, now + timedelta(seconds=1), "Abc00123")], now=now)
    inbox.take_receipts([receipt(one.operator_id, "Abc00123", now + timedelta(seconds=3))], now=now)
    client = viewer()
    for name in (str(one.message_id), "Abc00123", "abc00123"):
        html = asked(client, q=name)
        assert "Delivered: Roshan said so" in html
        assert "gateway gw-1" in html
        assert "Taken by the operator as Abc00123." in html
        assert "+9370•••45" in html
        assert given.NUMBER not in html
    assert kinds(one.message_id, now) == ["claimed", "permits", "handed over", "answer", "receipt"]
    assert given.NUMBER in asked(insider(), q=str(one.message_id))


def test_by_destination_with_the_permission_only(now: datetime) -> None:
    ones = [given.intent(now, destination="93788776655") for _ in range(2)]
    for one in ones:
        given.claimed(one, now)
    html = asked(insider(), q="+93788776655")
    assert "2 messages" in html
    for one in ones:
        assert str(one.message_id) in html
    assert "Nothing is known" in asked(viewer(), q="+93788776655")


def test_a_number_typed_into_the_form_stands_in_no_address(now: datetime) -> None:
    one = given.intent(now, destination="93788776622")
    given.claimed(one, now)
    client = insider()
    shown = client.post(WHERE, {"q": "+93788776622"})
    assert shown.status_code == 200
    assert str(one.message_id) in shown.content.decode()
    named = client.post(WHERE, {"q": f" {one.message_id} "})
    assert (named.status_code, named["location"]) == (302, f"{WHERE}?q={one.message_id}")


def searches(number: str) -> list[str]:
    """Who is written down as having looked for it, the oldest first."""
    found = OperatorAction.objects.filter(target_kind="number", target=number_searches.name_of(number))
    return list(found.order_by("id").values_list("actor", flat=True))


def named(client: Any) -> str:
    return str(User.objects.get(pk=client.session["_auth_user_id"]).get_username())


def test_who_looks_for_a_number_is_written_down_once_a_search(now: datetime) -> None:
    number = "93788776601"
    amina, baran = insider(), insider()
    for _ in range(2):
        amina.post(WHERE, {"q": f"+{number}"})
    asked(amina, q=number)
    baran.post(WHERE, {"q": number})
    assert searches(number) == [named(amina), named(baran)]
    noted = OperatorAction.objects.filter(target=number_searches.name_of(number)).latest("id")
    assert (noted.action, noted.target_kind) == ("where.destination", "number")
    assert noted.target.startswith("+9378•••01 ")
    told = " ".join(str(value) for value in OperatorAction.objects.filter(pk=noted.pk).values_list()[0])
    assert number not in told
    amina.post(WHERE, {"q": "93788776602"})
    assert searches("93788776602") == [named(amina)]
    assert searches(number) == [named(amina), named(baran)]


def test_a_later_search_for_the_same_number_is_another(now: datetime) -> None:
    number = "93788776603"
    for at in (now, now + timedelta(minutes=9), now + timedelta(minutes=11), now + timedelta(minutes=12)):
        number_searches.note_page("amina", number, now=at)
    assert searches(f"+{number}") == ["amina", "amina"]


def test_a_search_says_where_it_came_from_as_our_proxies_know_it(now: datetime) -> None:
    number, client = "93788776607", insider()
    client.post(WHERE, {"q": number}, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9")
    with override_settings(ADMIN_TRUSTED_PROXIES=1):
        for forwarded in ("1.2.3.4, 203.0.113.9", "5.6.7.8, 203.0.113.9", "203.0.113.10"):
            client.post(WHERE, {"q": number}, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    found = OperatorAction.objects.filter(target=number_searches.name_of(number)).order_by("id")
    assert [row.detail for row in found] == [
        {"address": "10.0.0.1"},
        {"address": "203.0.113.9"},
        {"address": "203.0.113.10"},
    ], "the same person from elsewhere is another search"


def test_what_is_no_search_for_a_number_is_not_written_down(now: datetime) -> None:
    number = "93788776604"
    before = OperatorAction.objects.filter(target_kind="number").count()
    viewer().post(WHERE, {"q": number})
    asked(insider(), q=str(uuid4()))
    asked(insider())
    assert insider().get(f"{WHERE}../", {"q": number}).status_code == 302, "the list does not look for numbers"
    assert OperatorAction.objects.filter(target_kind="number").count() == before


def test_nothing_is_looked_for_that_cannot_be_written_down(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(where, "find", lambda term, numbers: looked.append(term))
    monkeypatch.setattr(number_searches, "note_search", lambda *given, **more: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        insider().post(WHERE, {"q": "93788776605"})
    assert not looked


def test_the_same_number_has_one_name_and_no_other_number_has_it() -> None:
    assert number_searches.name_of("+93788776606") == number_searches.name_of("93788776606")
    assert number_searches.name_of("93788776606") != number_searches.name_of("93788886606")
    with pytest.raises(ValueError, match="not a number"):
        number_searches.name_of("Abc123")


def test_it_needs_the_permission_of_the_list(now: datetime) -> None:
    assert given.staff().get(WHERE, {"q": str(uuid4())}).status_code == 403


def test_every_attempt_and_what_the_staff_did(now: datetime) -> None:
    one = given.intent(now)
    [first] = given.claimed(one, now)
    refused = given.fate(first, now, PartFateKind.REJECTED, command_status=0x58, retry_at=now + timedelta(seconds=5))
    ledger.record([refused], now=now)
    [second] = given.claimed(one, now + timedelta(seconds=6))
    held = given.fate(second, now, PartFateKind.HELD, command_status=0x455, reason="unknown_status")
    ledger.record([held], now=now)
    note_action("amina", "part.settle_as_sent", "message", str(one.message_id), reason="the operator says so")
    found = where.timeline(one.message_id, now)
    told = [(entry.kind, entry.part) for entry in found.entries]
    assert ("answer", "1/1, attempt 1") in told
    assert ("in doubt", "1/1, attempt 2") in told
    assert any(entry.who == "amina" and entry.note == "the operator says so" for entry in found.entries)
    assert "left to a person" in found.standing.words
    assert [entry.after for entry in found.entries] == sorted(entry.after for entry in found.entries)


def test_a_receipt_that_came_before_its_part(now: datetime) -> None:
    one = given.intent(now)
    early = receipt(one.operator_id, "Early1", now)
    inbox.take_receipts([early], now=now)
    html = asked(viewer(), q="early1")
    assert "Receipts without a part" in html
    [part] = given.claimed(one, now)
    ledger.record([given.accepted(part, now, "Early1")], now=now)
    assert inbox.rematch(one.operator_id, ("early1",), now=now)
    assert "matched" in kinds(one.message_id, now)


def test_a_receipt_that_came_before_the_answer_is_told_by_its_number(now: datetime) -> None:
    one, other = given.intent(now), given.intent(now)
    for intent in (one, other):
        given.claimed(intent, now)
    fits, before, foreign = (
        receipt(one.operator_id, "Near1", now + timedelta(seconds=1)),
        receipt(one.operator_id, "Near2", now - timedelta(hours=1)),
        receipt(one.operator_id, "Near3", now + timedelta(seconds=1), destination="93709999999"),
    )
    inbox.take_receipts([fits, before, foreign], now=now)
    statements = statements_of(lambda: where.timeline(one.message_id, now))
    found = where.timeline(one.message_id, now)
    assert [entry.what for entry in found.entries if entry.kind == "receipt"] == [
        "Receipt for Near1 in the inbox (DELIVERED, error 000): its number fits."
    ]
    assert "A receipt came meanwhile whose number fits." in found.standing.words
    assert not where.timeline(other.message_id, now).kept.near, "another operator's"
    plans = [plan_of(sql, params) for sql, params in statements if "receipts_inbox" in sql]
    assert not any("Seq Scan" in plan for plan in plans)
    assert any("receipts_inbox_subscriber" in plan for plan in plans)


def plan_of(sql: str, params: Any) -> str:
    with bounded_queries(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", params)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_an_operators_id_may_look_like_a_message_id(now: datetime) -> None:
    one, name = given.intent(now), str(uuid4())
    [part] = given.claimed(one, now)
    ledger.record([given.accepted(part, now, name)], now=now)
    assert str(one.message_id) in asked(viewer(), q=name)


def test_a_dead_letter_and_a_command_that_waits(now: datetime) -> None:
    buried, waiting = uuid4(), uuid4()
    dead.dead_letter_index(uuid4(), 4711, "bad_sender", buried, 321, now)
    assert "a dead letter, bad_sender" in asked(viewer(), q=str(buried))
    AccountingOpen.objects.create(operator_id=uuid4(), stream_seq=9, stored_at=now, message_id=waiting)
    assert "Waits in SMS_DISPATCH" in asked(viewer(), q=str(waiting))
    assert "Nothing is known by this name" in asked(viewer(), q=str(uuid4()))
    DeadLetter.objects.all().delete()
    AccountingOpen.objects.all().delete()


def test_its_events_are_found_in_the_streams(
    now: datetime, nats_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = given.intent(now)
    [part] = given.claimed(one, now)
    [outcome] = ledger.record([given.accepted(part, now, "Event1")], now=now)
    [matched] = inbox.take_receipts([receipt(one.operator_id, "Event1", now)], now=now)
    told = [*message_publications(outcome, now=now), *receipt_publications(matched, now=now)]

    async def publish() -> None:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        await bus.ensure()
        await bus.publish_many(told)
        await bus.close()

    asyncio.run(publish())
    html = asked(viewer(), q=str(one.message_id), events="1")
    assert "2 events of it found" in html
    assert "SUBMIT_EVENTS, ACCEPTED." in html
    assert "DLR_EVENTS, DELIVERED." in html
    assert json.loads(told[0].payload)["eventId"] in html
    call_command("where", str(one.message_id), "--events", "--json")
    [message] = json.loads(capsys.readouterr().out)["messages"]
    assert [entry["kind"] for entry in message["timeline"]].count("event") == 2
    assert message["looked"].startswith("2 events of it found")
    call_command("where", str(one.message_id), "--events")
    assert "  2 events of it found" in capsys.readouterr().out


def stored(nats_url: str, commands: list[Intent], operators: list[UUID]) -> None:
    """Commands in SMS_DISPATCH that nobody takes, in that order."""

    async def publish() -> None:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        await bus.ensure()
        for one in operators:
            await bus.ensure_consumer(topology.dispatch_consumer(str(one)))
        for command in commands:
            subject = subjects.dispatch(str(command.operator_id))
            await bus.publish(Publication(subject, given.command(command), str(command.event_id)))
        await bus.close()

    asyncio.run(publish())


def test_a_command_that_nobody_has_taken_is_found_in_its_stream(
    now: datetime, nats_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator_id, other = uuid4(), uuid4()
    Operator.objects.create(
        operator_id=operator_id,
        name="Roshan",
        state="DISCONNECTED",
        reason="ESME_RBINDFAIL",
        first_seen_at=now,
        last_seen_at=now,
    )
    waiting = [given.intent(now, operator_id=operator_id) for _ in range(3)]
    stored(nats_url, [given.intent(now, operator_id=other), *waiting], [operator_id, other])
    monkeypatch.setattr(where_waiting, "PAGE", 2)
    last = str(waiting[-1].message_id)
    html = asked(viewer(), q=last)
    assert "Waits in SMS_DISPATCH since" in html
    assert "Roshan is DISCONNECTED (ESME_RBINDFAIL)." in html
    assert "2 commands stand before it" in html
    call_command("where", last, "--json")
    [told] = json.loads(capsys.readouterr().out)["messages"]
    assert (told["standing"], [entry["kind"] for entry in told["timeline"]]) == ("waits", ["command"])
    assert told["next"].endswith(f"manage.py sessions {operator_id}.")
    monkeypatch.setattr(where_waiting, "READ", 1)
    html = asked(viewer(), q=last)
    assert "Nothing is known by this name" in html
    assert "not among the" in html


def test_a_stream_that_cannot_be_read_is_said(
    now: datetime, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr(where_waiting, "CONNECT_WAIT", 0.3)
    unknown = str(uuid4())
    assert "The stream cannot be read" in asked(viewer(), q=unknown)
    with pytest.raises(SystemExit):
        call_command("where", unknown)
    assert "The stream cannot be read" in capsys.readouterr().out
    assert "stream" not in asked(viewer(), q="no-such-id").split('id="standing"')[1].split("</p>")[0]


@pytest.mark.usefixtures("nats_url")
def test_looking_for_events_reads_no_row_twice(now: datetime) -> None:
    one = given.intent(now)
    given.claimed(one, now)
    plain = statements_of(lambda: where.timeline(one.message_id, now))
    assert statements_of(lambda: where.timeline(one.message_id, now, events=True)) == plain


def test_nats_away_is_said_on_the_page(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    one = given.intent(now)
    given.claimed(one, now)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.correlations.where_events.CONNECT_WAIT", 0.3)
    html = asked(viewer(), q=str(one.message_id), events="1")
    assert "The event streams cannot be read" in html
    assert "Claimed for" in html


def statements_of(deed: Callable[[], object]) -> list[tuple[str, Any]]:
    """What a deed asks the database, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        deed()
    return statements


def test_one_answer_costs_few_queries_and_none_reads_a_day(now: datetime) -> None:
    one = given.intent(now)
    [part] = given.claimed(one, now)
    ledger.record([given.accepted(part, now, "Plan1")], now=now)
    client = insider()
    statements = statements_of(lambda: asked(client, q="Plan1"))
    ours = [(sql, params) for sql, params in statements if "message_correlations" in sql or "receipts_inbox" in sql]
    assert 4 <= len(ours) <= 8
    for sql, params in ours:
        plan = plan_of(sql, params)
        assert "Seq Scan" not in plan, plan
    assert len(existing_days()) > 30


def test_of_very_many_messages_of_a_number_the_newest_are_listed(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, "ROWS", 4)
    monkeypatch.setattr(where, "MESSAGES", 3)
    number, ones = "93788776622", []
    for days in (0, 2, 1):
        for seconds in range(3):
            at = now - timedelta(days=days, seconds=seconds)
            ones.append(given.intent(at, destination=number))
            given.claimed(ones[-1], at)
    found = where.find(number, numbers=True)
    assert found.messages == tuple(one.message_id for one in ones[:3])
    assert found.more
    assert where.find_by_destination(number).messages == found.messages


def test_of_messages_with_very_many_rows_none_is_left_without_them(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ones = [given.intent(now, 3, destination="93788776633") for _ in range(2)]
    for one in ones:
        given.claimed(one, now)
    monkeypatch.setattr(where, "ROWS", 3)
    listed = where.timelines([one.message_id for one in ones], now)
    assert [len(one.parts) for one in listed] == [3, 3]
    assert {one.destination.lstrip("+") for one in listed} == {"93788776633"}


def test_a_message_whose_day_was_dropped_meanwhile_is_told_as_unknown(now: datetime) -> None:
    [gone] = where.timelines([uuid4()], now)
    assert (gone.parts, gone.destination) == ((), "")


def test_the_command_tells_the_same(now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    one, _ = given.held(now)
    call_command("where", str(one.message_id), "--json")
    [told] = json.loads(capsys.readouterr().out)["messages"]
    assert told["standing"] == "doubt"
    assert told["destination"] == "+9370•••45"
    assert [entry["kind"] for entry in told["timeline"]][:3] == ["claimed", "permits", "handed over"]
    assert told["timeline"][1]["at"] is None
    call_command("where", str(one.message_id))
    lines = capsys.readouterr().out
    assert "time not kept" in lines
    assert given.NUMBER not in lines


def test_the_command_looks_for_a_number_for_whoever_may(now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    one = given.intent(now, destination="93788776611")
    given.claimed(one, now)
    for name, permissions in (("amina", ["view_pii"]), ("baran", [])):
        user = User.objects.create(username=name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    call_command("where", "--destination", "+93788776611", "--as", "amina", "--reason", "complaint", "--json")
    [told] = json.loads(capsys.readouterr().out)["messages"]
    assert told["destination"].lstrip("+") == "93788776611"
    noted = OperatorAction.objects.filter(action="where.destination").latest("id")
    assert noted.actor.startswith("amina from ")
    assert (noted.reason, noted.detail) == ("complaint", {})
    assert (noted.target_kind, noted.target) == ("number", number_searches.name_of("93788776611"))
    for options, words in (
        (["--destination", "+93788776611", "--as", "baran"], "lacks the permission"),
        (["--destination", "+93788776611"], "needs --as"),
        (["--destination", "hello", "--as", "amina"], "is a number"),
        ([], "give a name"),
    ):
        with pytest.raises(CommandError, match=words) as refused:
            call_command("where", *options)
        assert refused.value.returncode == 2


@pytest.mark.parametrize("name", ["no-such-id", "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_the_command_says_when_nothing_is_known(now: datetime, capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("where", name)
    assert ended.value.code == 1
    assert "nothing is known" in capsys.readouterr().out
