"""Parts whose command_status nobody knows: held, settled by a person or by time, told; on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from ghasi.contracts.publication import Publication
from ghasi.correlations import held, ledger, sweep
from ghasi.correlations.accounting import Outcome
from ghasi.correlations.judging import tries_of
from ghasi.correlations.models import MessageCorrelation, SweepMark
from ghasi.correlations.types import Claim, Intent, Part, PartFateKind, PartOutcome, Verdict
from workers import metrics
from workers.upkeep_held import HeldGauges, HeldOrders

pytestmark = pytest.mark.usefixtures("django_ready")

UNKNOWN = 0x455


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    moment = datetime.now(UTC)
    yield moment
    # What one test leaves held is not the next one's.
    MessageCorrelation.objects.filter(policy_action__in=["hold", held.ORDER_SENT, held.ORDER_FAILED]).update(
        policy_action="resend"
    )
    SweepMark.objects.filter(name=sweep.MARK).delete()
    connection.close()


def command(at: datetime, segments: int = 1, **fields: Any) -> Intent:
    operator_id = uuid4()
    given: dict[str, Any] = {"expires_at": at + timedelta(minutes=10), **fields}
    return Intent(
        message_id=uuid4(),
        event_id=uuid4(),
        operator_id=operator_id,
        requested_operator_id=operator_id,
        destination="93701234567",
        sender="GHASI",
        account_id="account",
        segments=segments,
        enqueued_at=at,
        **given,
    )


def claim(intent: Intent, at: datetime) -> Claim:
    [found] = ledger.claim([intent], replica="r1", epoch="e1", now=at, arm={})
    return found


def outcome(part: Part, at: datetime, kind: PartFateKind = PartFateKind.HELD, **fields: Any) -> PartOutcome:
    given: dict[str, Any] = {}
    if kind is PartFateKind.HELD:
        given = {"command_status": UNKNOWN, "reason": "unknown_status"}
    return PartOutcome(part.row_id, part.enqueued_day, part.message_id, kind, at, **(given | fields))


def hold(at: datetime, segments: int = 1, **fields: Any) -> tuple[Intent, tuple[Part, ...]]:
    """A message of which the first part is held and the others are submitted."""
    intent = command(at, segments, **fields)
    parts = claim(intent, at).parts
    accepted = [
        outcome(part, at, PartFateKind.ACCEPTED, operator_message_id=f"id{part.segment}") for part in parts[1:]
    ]
    ledger.record([outcome(parts[0], at), *accepted], now=at)
    return intent, parts


def row(message_id: UUID, segment: int = 1) -> MessageCorrelation:
    return MessageCorrelation.objects.filter(message_id=message_id, segment=segment).latest("attempt")


def told(publications: list[Publication], message_id: UUID) -> list[tuple[str, str]]:
    """Subject and result or status of each event of the message."""
    events = [(one.subject, json.loads(one.payload)) for one in publications]
    return [
        (subject, event.get("result") or event["status"])
        for subject, event in events
        if event["messageId"] == str(message_id)
    ]


def turn(orders: HeldOrders, now: datetime) -> list[Publication]:
    published = orders.run(now)
    orders.confirm(now)
    return published


def test_a_held_part_is_in_doubt_and_left_to_a_person_at_once(now: datetime) -> None:
    intent, _ = hold(now)
    found = row(intent.message_id)
    assert (found.status, found.policy_action, found.command_status) == ("IN_DOUBT", "hold", UNKNOWN)
    assert found.in_doubt_reason == "unknown_status"
    again = claim(intent, now + timedelta(seconds=1))
    assert again.verdict is Verdict.PARK
    assert again.outcome is not None
    assert again.outcome.parts[0].held
    late = claim(intent, now + timedelta(days=2))
    assert late.verdict is Verdict.PARK


def test_it_counts_in_the_books_as_in_doubt(now: datetime) -> None:
    intent, _ = hold(now)
    [one] = tries_of([intent.message_id], [now.date()])[intent.message_id]
    assert not one.open
    assert one.outcome is Outcome.IN_DOUBT


def test_the_list_names_it_by_operator_code_and_message(now: datetime) -> None:
    intent, _ = hold(now, 2)
    other, _ = hold(now)
    assert {found.message_id for found in held.find()} >= {intent.message_id, other.message_id}
    assert [one.message_id for one in held.find(operator_id=intent.operator_id)] == [intent.message_id]
    assert [one.segment for one in held.find(message_ids=[intent.message_id])] == [1]
    assert held.find(operator_id=intent.operator_id, command_status=0x456) == []
    assert held.counts()[intent.operator_id] == 1


def test_what_a_policy_holds_is_on_the_list_and_in_the_count(now: datetime) -> None:
    intent = command(now, in_doubt_policy="hold", in_doubt_wait=0.0)
    [part] = claim(intent, now).parts
    ledger.record([outcome(part, now, PartFateKind.IN_DOUBT, reason="timeout")], now=now)
    assert claim(intent, now + timedelta(seconds=1)).verdict is Verdict.PARK
    assert [one.message_id for one in held.find(operator_id=intent.operator_id)] == [intent.message_id]
    assert held.counts()[intent.operator_id] == 1


@pytest.mark.parametrize(
    ("what", "status", "done", "events"),
    [
        (held.ORDER_SENT, "SUBMITTED", "sent", [("sms.submit.result", "ACCEPTED")]),
        (
            held.ORDER_FAILED,
            "REJECTED",
            "failed",
            [("sms.submit.result", "REJECTED"), ("sms.dlr.inbound", "REJECTED")],
        ),
    ],
)
def test_what_a_person_says_is_done_and_told(
    now: datetime, what: str, status: str, done: str, events: list[tuple[str, str]]
) -> None:
    intent, _ = hold(now)
    orders = HeldOrders()
    assert held.order(held.find(operator_id=intent.operator_id), what, now=now) == 1
    assert held.find(operator_id=intent.operator_id) == []
    assert told(turn(orders, now), intent.message_id) == events
    found = row(intent.message_id)
    assert (found.status, found.policy_action, found.retry_at) == (status, done, None)
    assert turn(orders, now) == []


def test_what_was_settled_and_not_told_is_told_again(now: datetime) -> None:
    intent, _ = hold(now)
    held.order(held.find(operator_id=intent.operator_id), held.ORDER_FAILED, now=now)
    first = HeldOrders().run(now)
    again = HeldOrders().run(now + timedelta(seconds=5))
    assert [one.msg_id for one in first] == [one.msg_id for one in again] != []


def test_one_decision_a_part(now: datetime) -> None:
    intent, _ = hold(now)
    rows = held.find(operator_id=intent.operator_id)
    assert held.order(rows, held.ORDER_SENT, now=now) == 1
    assert held.order(rows, held.ORDER_FAILED, now=now) == 0
    assert told(turn(HeldOrders(), now), intent.message_id) == [("sms.submit.result", "ACCEPTED")]


def test_the_other_parts_of_its_message_stay_as_they_are(now: datetime) -> None:
    intent, _ = hold(now, 3)
    held.order(held.find(operator_id=intent.operator_id), held.ORDER_FAILED, now=now)
    assert told(turn(HeldOrders(), now), intent.message_id) == [
        ("sms.submit.result", "REJECTED"),
        ("sms.dlr.inbound", "REJECTED"),
    ]
    assert [row(intent.message_id, segment).status for segment in (1, 2, 3)] == ["REJECTED", "SUBMITTED", "SUBMITTED"]


def test_a_replay_makes_a_new_try_and_the_old_one_is_nobodys_to_decide(now: datetime) -> None:
    intent, _ = hold(now)
    replayed = claim(intent_of(intent, replay_attempt=1), now + timedelta(minutes=5))
    assert replayed.verdict is Verdict.SEND
    [part] = replayed.parts
    assert (part.attempt, part.possible_duplicate) == (2, True)
    assert held.find(operator_id=intent.operator_id) == []
    assert held.counts().get(intent.operator_id) is None
    assert turn(HeldOrders(), now + timedelta(hours=80)) == []


def intent_of(intent: Intent, **changes: Any) -> Intent:
    given = {name: getattr(intent, name) for name in intent.__struct_fields__}
    return Intent(**(given | changes))


def test_after_72_hours_it_counts_as_failed_and_not_before(now: datetime) -> None:
    at = now - timedelta(hours=72)
    intent, _ = hold(at + timedelta(minutes=1))
    overdue, _ = hold(at - timedelta(minutes=1))
    published = turn(HeldOrders(), now)
    assert told(published, overdue.message_id)[0] == ("sms.submit.result", "REJECTED")
    assert told(published, intent.message_id) == []
    assert row(intent.message_id).policy_action == "hold"
    assert row(overdue.message_id).reason == "held_failed"


def test_a_new_dispatch_is_a_duplicate_while_it_is_held_and_sent_once_it_failed(now: datetime) -> None:
    intent, _ = hold(now)
    newer = intent_of(intent, event_id=uuid4())
    assert claim(newer, now).verdict is Verdict.DUPLICATE
    held.order(held.find(operator_id=intent.operator_id), held.ORDER_FAILED, now=now)
    turn(HeldOrders(), now)
    assert claim(newer, now).verdict is Verdict.SEND


def test_a_late_response_nobody_knows_holds_what_waited_for_proof(now: datetime) -> None:
    intent = command(now)
    [part] = claim(intent, now).parts
    ledger.record([outcome(part, now, PartFateKind.IN_DOUBT, reason="timeout")], now=now)
    late = outcome(part, now, late=True)
    ledger.record([late], now=now)
    [standing] = ledger.standing([late], now=now)
    assert standing.parts[0].held
    assert claim(intent, now + timedelta(minutes=5)).verdict is Verdict.PARK, "the policy resend does not act on it"


def test_gauges_follow(now: datetime) -> None:
    intent, _ = hold(now)
    gauges, shown = HeldGauges(), metrics.parts_held.labels(str(intent.operator_id))._value
    gauges.run(now)
    assert shown.get() == 1
    held.order(held.find(operator_id=intent.operator_id), held.ORDER_FAILED, now=now)
    gauges.run(now)
    assert shown.get() == 0


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(hours=80)], ids=["lately", "after the sweep"])
def test_what_a_person_calls_sent_ends_its_wait_for_a_receipt(now: datetime, age: timedelta) -> None:
    """The sweep goes on from its mark: nothing may be submitted before that."""
    at = now - age
    intent = command(at, in_doubt_policy="hold", in_doubt_wait=0.0)
    [part] = claim(intent, at).parts
    ledger.record([outcome(part, at, PartFateKind.IN_DOUBT, reason="timeout")], now=at)
    assert claim(intent, at + timedelta(seconds=1)).verdict is Verdict.PARK
    SweepMark.objects.filter(name=sweep.MARK).delete()
    sweep.expire_correlations(now)
    assert held.order(held.find(operator_id=intent.operator_id), held.ORDER_SENT, now=now) == 1
    assert told(turn(HeldOrders(), now), intent.message_id) == [("sms.submit.result", "ACCEPTED")]
    settled = row(intent.message_id)
    assert (settled.status, settled.in_doubt_at) == ("SUBMITTED", at)
    assert settled.submitted_at == max(at, now - timedelta(hours=71, minutes=45))
    sweep.expire_correlations(now + timedelta(minutes=1))
    assert row(intent.message_id).status == "SUBMITTED"
    sweep.expire_correlations(settled.submitted_at + timedelta(hours=72, seconds=1))
    assert row(intent.message_id).status == "EXPIRED"
