"""Bulk actions on real servers: previewed, ordered once, refused the second time, written down."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client

from ghasi.correlations import bulk, held, inbox, ledger, replaying
from ghasi.correlations.models import BulkAction, DeadLetter, InboxReceipt, MessageCorrelation
from ghasi.correlations.models_accounting import AccountingMark
from ghasi.correlations.replay_letters import Selection
from ghasi.correlations.types import PartFateKind, ReceiptFacts
from ghasi.operators.models import OperatorAction
from tests.support import ledgerui as given
from tests.support.refusing import Refusing
from workers.upkeep_held import HeldOrders

pytestmark = pytest.mark.usefixtures("django_ready")

LEDGER = "/admin/correlations/messagecorrelation/"
DEAD = "/admin/correlations/deadletter/"
INBOX = "/admin/correlations/inboxreceipt/"


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE smpp.message_correlations, smpp.bulk_actions, smpp.bulk_items")
    DeadLetter.objects.all().delete()
    InboxReceipt.objects.all().delete()
    yield datetime.now(UTC)
    User.objects.all().delete()
    connection.close()


def choose(client: Client, path: str, action: str, *targets: object, **more: str) -> str:
    """Chooses rows and an action; gives the address of the preview."""
    chosen = {"action": action, "_selected_action": [str(one) for one in targets], "index": "0", **more}
    response = client.post(path, chosen)
    assert response.status_code == 302, response.content.decode()
    assert "/bulkaction/" in response["location"]
    return str(response["location"])


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def order(client: Client, path: str, reason: str = "asked the operator") -> str:
    client.post(path, {"do": "order", "reason": reason})
    return page(client, path)


def run(now: datetime) -> None:
    while bulk.turn(now):
        pass


def result(path: str) -> list[tuple[str, str]]:
    made = BulkAction.objects.get(pk=int(re.findall(r"\d+", path)[0]))
    return list(made.items.order_by("id").values_list("state", "result"))


def row(message_id: UUID, segment: int = 1) -> MessageCorrelation:
    return MessageCorrelation.objects.filter(message_id=message_id, segment=segment).latest("attempt")


def settler() -> Client:
    return given.staff("view_messagecorrelation", "settle_messagecorrelation")


@pytest.mark.parametrize(
    ("action", "status", "told"),
    [("part.settle_as_sent", "SUBMITTED", "ACCEPTED"), ("part.settle_as_failed", "REJECTED", "REJECTED")],
)
def test_parts_are_settled_after_a_preview_and_an_order(now: datetime, action: str, status: str, told: str) -> None:
    one, [part] = given.held(now)
    client = settler()
    path = choose(client, LEDGER, action, part.row_id)
    html = page(client, path)
    assert "<strong>1</strong> of 1 will be done" in html
    assert str(one.message_id) in html
    assert given.NUMBER not in html
    run(now)
    assert row(one.message_id).policy_action == "hold", "a draft does nothing"
    order(client, path)
    run(now)
    orders = HeldOrders()
    events = [json.loads(event.payload) for event in orders.run(now)]
    orders.confirm(now)
    assert row(one.message_id).status == status
    assert told in [event.get("result") for event in events]
    assert result(path) == [("done", "noted; told within seconds")]
    assert "1 done, 0 refused, 0 left; finished" in page(client, path)


def test_an_order_is_taken_once(now: datetime) -> None:
    one, [part] = given.held(now)
    client = settler()
    path = choose(client, LEDGER, "part.settle_as_sent", part.row_id)
    order(client, path)
    assert "Not ordered" in order(client, path)
    run(now)
    assert "Not ordered" in order(client, path)
    noted = OperatorAction.objects.filter(target_kind="message", target=str(one.message_id))
    assert [(action.action, action.reason) for action in noted] == [("part.settle_as_sent", "asked the operator")]
    bulk_id = re.findall(r"\d+", path)[0]
    told = OperatorAction.objects.filter(target_kind="bulk", target=bulk_id).order_by("id")
    assert [(action.result, action.detail.get("address")) for action in told] == [
        ("ordered", "127.0.0.1"),
        ("finished: 1 done, 0 refused, 0 left", None),
    ], "a worker carries it out, who comes from nowhere"


def test_two_people_at_once_settle_a_part_once(now: datetime) -> None:
    one, [part] = given.held(now)
    first, second = settler(), settler()
    sent = choose(first, LEDGER, "part.settle_as_sent", part.row_id)
    failed = choose(second, LEDGER, "part.settle_as_failed", part.row_id)
    order(first, sent)
    order(second, failed)
    run(now)
    assert row(one.message_id).policy_action == held.ORDER_SENT
    assert result(sent)[0][0] == "done"
    assert result(failed) == [("refused", "somebody has decided it already")]


def test_a_reason_is_needed(now: datetime) -> None:
    _, [part] = given.held(now)
    client = settler()
    path = choose(client, LEDGER, "part.settle_as_sent", part.row_id)
    assert "Give a reason" in order(client, path, "  ")
    assert BulkAction.objects.get().state == "draft"


def test_what_cannot_be_done_is_refused_in_the_preview(now: datetime) -> None:
    waiting = given.intent(now)
    [doubtful] = given.claimed(waiting, now)
    ledger.record([given.fate(doubtful, now, PartFateKind.IN_DOUBT, reason="timeout")], now=now)
    [sent] = given.claimed(given.intent(now), now)
    ledger.record([given.accepted(sent, now, "id1")], now=now)
    client = settler()
    path = choose(client, LEDGER, "part.settle_as_sent", doubtful.row_id, sent.row_id, uuid4())
    html = page(client, path)
    assert "None of the 2 chosen can be done" in html
    assert "the connector still waits for proof of it" in html
    assert "is SUBMITTED, not in doubt any more" in html
    assert 'value="order"' not in html


def test_a_part_whose_command_is_gone_can_be_settled(now: datetime) -> None:
    one = given.intent(now)
    [part] = given.claimed(one, now)
    ledger.record([given.fate(part, now, PartFateKind.IN_DOUBT, reason="command_gone")], now=now)
    client = settler()
    order(client, path := choose(client, LEDGER, "part.settle_as_failed", part.row_id))
    run(now)
    assert result(path)[0][0] == "done"
    assert row(one.message_id).policy_action == held.ORDER_FAILED


def test_a_part_that_a_person_called_sent_is_not_sent_again_by_a_replay(now: datetime) -> None:
    one, [part] = given.held(now)
    assert held.order(held.find(message_ids=[one.message_id]), held.ORDER_SENT, now=now) == 1
    again = given.intent(
        now,
        message_id=one.message_id,
        event_id=one.event_id,
        operator_id=one.operator_id,
        replay_attempt=part.attempt,
    )
    assert given.claimed(again, now + timedelta(seconds=1)) == ()


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (LEDGER, "part.settle_as_sent"),
        (LEDGER, "part.settle_as_failed"),
        (LEDGER, "part.resend"),
        (DEAD, "dead_letter.replay"),
        (DEAD, "dead_letter.discard"),
        (INBOX, "receipt.match"),
        (INBOX, "receipt.discard"),
    ],
)
def test_each_action_needs_its_permission(now: datetime, nats_url: str, path: str, action: str) -> None:
    one, [part] = given.held(now)
    letter = given.bury(nats_url, one, b"{}", "not_json", now)
    receipt = lost(now)
    target = {LEDGER: part.row_id, DEAD: letter.pk, INBOX: receipt.pk}[path]
    viewer = given.staff("view_messagecorrelation", "view_deadletter", "view_inboxreceipt", "view_bulkaction")
    assert action not in page(viewer, path)
    viewer.post(path, {"action": action, "_selected_action": [str(target)], "index": "0"})
    assert not BulkAction.objects.exists()
    kind = bulk.KINDS[action]
    client = given.staff(path.split("/")[3] and f"view_{path.split('/')[3]}", kind.permission.split(".")[1])
    made = choose(client, path, action, target)
    assert viewer.get(made).status_code == 403, "a draft is its maker's"
    viewer.post(made, {"do": "order", "reason": "mine"})
    assert BulkAction.objects.get().state == "draft"
    assert client.get(made).status_code == 200


def lost(now: datetime, **fields: Any) -> InboxReceipt:
    """A receipt without a part."""
    facts: dict[str, Any] = {
        "receipt_key": uuid4().int % 10**12,
        "operator_id": uuid4(),
        "operator_message_id": "Lost77",
        "lookup_keys": ("lost77",),
        "status": "DELIVERED",
        "stat": "DELIVRD",
        "final": True,
        "error_code": "000",
        "done_at": None,
        "taken_at": now,
        "destination": given.NUMBER,
        **fields,
    }
    inbox.take_receipts([ReceiptFacts(**facts)], now=now)
    return InboxReceipt.objects.get(receipt_key=facts["receipt_key"])


def test_a_dead_letter_is_replayed_once_by_two_people(now: datetime, nats_url: str) -> None:
    one = given.intent(now)
    letter = given.bury(nats_url, one, given.command(one), "bad_text", now)
    first, second = (given.staff("view_deadletter", "replay_deadletter") for _ in range(2))
    paths = [choose(client, DEAD, "dead_letter.replay", letter.pk) for client in (first, second)]
    for client, path in zip((first, second), paths, strict=True):
        assert "<strong>1</strong> of 1 will be done" in page(client, path)
        order(client, path)
    run(now)
    [(headers, body)] = given.dispatched(nats_url, one.operator_id)
    assert json.loads(body)["messageId"] == str(one.message_id)
    assert headers["Smpp-Replay"] == "0"
    assert result(paths[0])[0][0] == "done"


def test_a_command_that_is_too_late_gets_more_time_in_the_preview(now: datetime, nats_url: str) -> None:
    one = given.intent(now, expires_at=now - timedelta(minutes=1))
    letter = given.bury(nats_url, one, given.command(one), "bad_text", now)
    client = given.staff("view_deadletter", "replay_deadletter")
    path = choose(client, DEAD, "dead_letter.replay", letter.pk)
    assert "too late: give it more time below" in page(client, path)
    client.post(path, {"do": "again", "expires_in": "30"})
    assert "<strong>1</strong> of 1 will be done" in page(client, path)
    order(client, path)
    run(now)
    [(_, body)] = given.dispatched(nats_url, one.operator_id)
    assert json.loads(body)["expiresAt"] > now.isoformat()


def test_a_held_message_is_sent_again_once_whatever_parts_are_chosen(now: datetime, nats_url: str) -> None:
    one, parts = given.held(now, 2)
    given.bury(nats_url, one, given.command(one, "x" * 200), "in_doubt:hold", now)
    client = given.staff("view_messagecorrelation", "resend_messagecorrelation")
    path = choose(client, LEDGER, "part.resend", *(part.row_id for part in parts))
    html = page(client, path)
    assert "<strong>1</strong> of 2 will be done" in html
    assert "Possible duplicate:" in html
    order(client, path)
    run(now)
    [(headers, _)] = given.dispatched(nats_url, one.operator_id)
    assert headers["Smpp-Replay"] == "1"
    assert sorted(result(path)) == [
        ("done", "published again, after attempt 1"),
        ("refused", "goes with another part of its message"),
    ]


def test_dead_letters_are_discarded_but_not_those_of_open_parts_or_open_books(now: datetime, nats_url: str) -> None:
    one = given.intent(now)
    plain = given.bury(nats_url, one, b"nonsense", "not_json", now)
    doubtful, _ = given.held(now)
    kept = given.bury(nats_url, doubtful, b"{}", "in_doubt:hold", now)
    late = given.intent(now)
    unread = given.bury(nats_url, late, b"nonsense", "not_json", now, command_seq=7)
    AccountingMark.objects.create(operator_id=late.operator_id, stream_created=now, read_to=6, began_at=now)
    client = given.staff("view_deadletter", "discard_deadletter")
    order(client, path := choose(client, DEAD, "dead_letter.discard", plain.pk, kept.pk, unread.pk))
    run(now)
    assert set(DeadLetter.objects.values_list("pk", flat=True)) == {kept.pk, unread.pk}
    assert sorted(result(path)) == [
        ("done", "forgotten"),
        ("refused", "its parts are in doubt: settle them in the list of correlations first"),
        ("refused", "the books have not read it yet: try again in a minute"),
    ]


def test_receipts_are_discarded_once_the_platform_was_told(now: datetime) -> None:
    fresh, told = lost(now), lost(now - timedelta(hours=1))
    InboxReceipt.objects.filter(pk=told.pk).update(given_up_at=now)
    client = given.staff("view_inboxreceipt", "discard_inboxreceipt")
    order(client, choose(client, INBOX, "receipt.discard", fresh.pk, told.pk))
    run(now)
    assert [one.pk for one in InboxReceipt.objects.all()] == [fresh.pk]
    noted = OperatorAction.objects.get(action="receipt.discard", target_kind="receipt", at=now)
    assert (noted.target, noted.detail["operatorId"]) == (told.operator_message_id, str(told.operator_id))
    assert noted.reason == "asked the operator"


def test_a_receipt_that_finds_its_part_while_it_is_discarded_stays(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = lost(now - timedelta(hours=1))
    InboxReceipt.objects.filter(pk=told.pk).update(given_up_at=now)
    kind = bulk.KINDS["receipt.discard"]

    def matched_meanwhile(*given: Any) -> Any:
        judged = kind.judge(*given)
        InboxReceipt.objects.filter(pk=told.pk).update(matched_at=now)
        return judged

    monkeypatch.setattr("ghasi.correlations.bulk_receipts.judge_discard", matched_meanwhile)
    [one] = kind.carry_out([str(told.pk)], {}, "anna", now)
    assert (one.done, one.words) == (False, "has found its part")
    assert InboxReceipt.objects.filter(pk=told.pk).exists()


def test_a_receipt_is_matched_again(now: datetime) -> None:
    one = given.intent(now)
    receipt = lost(now, operator_id=one.operator_id)
    [part] = given.claimed(one, now)
    ledger.record([given.accepted(part, now, "Lost77")], now=now)
    client = given.staff("view_inboxreceipt", "rematch_inboxreceipt")
    order(client, path := choose(client, INBOX, "receipt.match", receipt.pk))
    run(now)
    receipt.refresh_from_db()
    assert receipt.matched_row == part.row_id
    assert row(one.message_id).status == "DLR_RECEIVED"
    assert result(path)[0][0] == "done"


def test_a_turn_does_no_more_than_a_seconds_share(now: datetime, settings_rate: int) -> None:
    parts = [given.held(now)[1][0] for _ in range(settings_rate + 1)]
    client = settler()
    path = choose(client, LEDGER, "part.settle_as_sent", *(part.row_id for part in parts))
    order(client, path)
    assert bulk.turn(now) == settings_rate
    assert [state for state, _ in result(path)].count("waiting") == 1
    assert 'http-equiv="refresh"' in page(client, path)
    client.post(path, {"do": "stop"})
    assert bulk.turn(now) == 0
    assert "stopped by" in page(client, path)


@pytest.fixture
def settings_rate(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("django.conf.settings.ADMIN_BULK_RATE", 2, raising=False)
    return 2


def test_all_of_a_list_is_chosen_up_to_the_most(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST", 2)
    parts = [given.held(now)[1][0] for _ in range(3)]
    client = settler()
    path = choose(client, f"{LEDGER}?list=held", "part.settle_as_sent", parts[0].row_id, select_across="1")
    html = page(client, path)
    assert "<strong>2</strong> of 2 will be done" in html
    assert "The list had 1 more" in html


def test_actions_of_the_staff_cannot_be_changed(now: datetime) -> None:
    given_id = OperatorAction.objects.create(at=now, actor="a", action="b", target_kind="c", target="d").pk
    for change in (
        lambda: OperatorAction.objects.filter(pk=given_id).update(actor="x"),
        lambda: OperatorAction.objects.filter(pk=given_id).delete(),
    ):
        with pytest.raises(ProgrammingError), transaction.atomic():
            change()
    assert OperatorAction.objects.get(pk=given_id).actor == "a"


def at_once(*calls: Callable[[], object]) -> None:
    """Runs all of them at the same moment, each on a connection of its own."""
    ready = threading.Barrier(len(calls))

    def run_one(call: Callable[[], object]) -> None:
        ready.wait()
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(run_one, call) for call in calls]:
            done.result()


def test_a_double_click_orders_once(now: datetime) -> None:
    _, [part] = given.held(now)
    client = settler()
    path = choose(client, LEDGER, "part.settle_as_sent", part.row_id)
    user = BulkAction.objects.get().made_by
    made = BulkAction.objects.get()
    at_once(*[lambda: bulk.order(made, by=user, reason="clicked", now=now)] * 4)
    assert OperatorAction.objects.filter(target_kind="bulk", target=str(made.pk)).count() == 1
    assert "0 done" in page(client, path)


def test_turns_at_once_and_turns_cut_off_publish_once(now: datetime, nats_url: str) -> None:
    ones = [given.intent(now) for _ in range(5)]
    letters = [given.bury(nats_url, one, given.command(one), "bad_text", now) for one in ones]
    client = given.staff("view_deadletter", "replay_deadletter")
    path = choose(client, DEAD, "dead_letter.replay", *(letter.pk for letter in letters))
    order(client, path)
    # As by a process that died after it had published and before it could say so.
    bulk.KINDS["dead_letter.replay"].carry_out([str(letter.pk) for letter in letters], {}, "died", now)
    at_once(*[lambda: bulk.turn(now)] * 3)
    run(now)
    assert [len(given.dispatched(nats_url, one.operator_id)) for one in ones] == [1] * 5
    assert [state for state, _ in result(path)] == ["done"] * 5
    for one in ones:
        noted = OperatorAction.objects.filter(target_kind="message", target=str(one.message_id))
        assert noted.count() == 1


class Cut(Exception):
    """The process ends."""


def cut_off(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """A turn that ends after it has done its things and before it could say so."""
    with monkeypatch.context() as patched:
        patched.setattr(bulk, "_note", lambda *given: (_ for _ in ()).throw(Cut))
        with pytest.raises(Cut):
            bulk.turn(now)


def test_what_a_turn_did_that_was_cut_off_counts_as_done_and_is_noted(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ones, parts = zip(*[(one, part) for one, [part] in (given.held(now) for _ in range(2))], strict=True)
    client = settler()
    path = choose(client, LEDGER, "part.settle_as_sent", *(part.row_id for part in parts))
    order(client, path)
    cut_off(monkeypatch, now)
    assert [state for state, _ in result(path)] == ["begun"] * 2
    assert "0 done, 0 refused, 2 left" in page(client, path)
    run(now)
    assert [state for state, _ in result(path)] == ["done"] * 2
    for one in ones:
        noted = OperatorAction.objects.get(target_kind="message", target=str(one.message_id))
        assert (noted.action, noted.reason) == ("part.settle_as_sent", "asked the operator")


def test_what_a_turn_did_that_was_cut_off_is_noted_though_the_action_was_stopped(
    now: datetime, monkeypatch: pytest.MonkeyPatch, settings_rate: int
) -> None:
    ones, parts = zip(*[(one, part) for one, [part] in (given.held(now) for _ in range(3))], strict=True)
    client = settler()
    path = choose(client, LEDGER, "part.settle_as_sent", *(part.row_id for part in parts))
    order(client, path)
    cut_off(monkeypatch, now)
    client.post(path, {"do": "stop"})
    run(now)
    assert [state for state, _ in result(path)] == ["done", "done", "waiting"]
    settled = [one for one in ones if row(one.message_id).policy_action == held.ORDER_SENT]
    assert len(settled) == settings_rate, "what had not begun is left"
    for one in settled:
        noted = OperatorAction.objects.get(target_kind="message", target=str(one.message_id))
        assert (noted.action, noted.reason) == ("part.settle_as_sent", "asked the operator")
    assert bulk.turn(now) == 0
    assert "stopped by" in page(client, path)


def test_what_is_stopped_does_not_hold_up_what_runs(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    (_, [first]), (_, [second]) = given.held(now), given.held(now)
    client = settler()
    stopped = choose(client, LEDGER, "part.settle_as_sent", first.row_id)
    order(client, stopped)
    cut_off(monkeypatch, now)
    client.post(stopped, {"do": "stop"})
    running = choose(client, LEDGER, "part.settle_as_sent", second.row_id)
    order(client, running)
    run(now)
    assert [state for state, _ in result(stopped) + result(running)] == ["done", "done"]


def test_a_bulk_replay_follows_no_try_that_came_after_its_preview(now: datetime, nats_url: str) -> None:
    """Somebody else replayed it meanwhile and it was refused again: that is another decision."""
    lane = Refusing(nats_url, uuid4(), PartFateKind.REJECTED)
    one = lane.message(now)
    client = given.staff("view_deadletter", "replay_deadletter")
    letter = DeadLetter.objects.get(message_id=one.message_id)
    path = choose(client, DEAD, "dead_letter.replay", letter.pk)
    replaying.carry_out(replaying.make_plan(Selection(letter_ids=(letter.pk,))), by="somebody")
    lane.work(now)
    order(client, path)
    run(now)
    lane.work(now)
    assert lane.tries[one.message_id] == [1, 2]
    assert result(path) == [("refused", "it was tried again since the preview")]


def test_what_somebody_else_did_is_refused_after_a_turn_that_was_cut_off_too(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, [part] = given.held(now)
    client = settler()
    path = choose(client, LEDGER, "part.settle_as_sent", part.row_id)
    order(client, path)
    held.order(held.undecided([part.row_id]), held.ORDER_FAILED, now=now)
    cut_off(monkeypatch, now)
    run(now)
    assert result(path) == [("refused", "somebody has decided it already")]


def test_receipts_discarded_by_a_turn_that_was_cut_off_are_noted(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = lost(now - timedelta(hours=1))
    InboxReceipt.objects.filter(pk=told.pk).update(given_up_at=now)
    client = given.staff("view_inboxreceipt", "discard_inboxreceipt")
    order(client, path := choose(client, INBOX, "receipt.discard", told.pk))
    cut_off(monkeypatch, now)
    assert not InboxReceipt.objects.exists()
    run(now)
    assert [state for state, _ in result(path)] == ["done"]
    assert OperatorAction.objects.filter(target_kind="receipt", detail__operatorId=str(told.operator_id)).exists()
