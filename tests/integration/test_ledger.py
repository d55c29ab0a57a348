"""Claim, arm and record on a real PostgreSQL."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from msgspec.structs import replace

from ghasi.correlations import ledger
from ghasi.correlations.models import MessageCorrelation
from ghasi.correlations.types import (
    Claim,
    Delay,
    Intent,
    Part,
    PartFateKind,
    PartOutcome,
    Permit,
    RowStatus,
    Verdict,
)
from ghasi.correlations.where_passage import delays_of, permit_at, stored_at

pytestmark = pytest.mark.usefixtures("django_ready")

OPERATOR = uuid4()


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    yield datetime.now(UTC)
    connection.close()


def make(now: datetime, segments: int = 1, **fields: object) -> Intent:
    given: dict[str, object] = {
        "message_id": uuid4(),
        "event_id": uuid4(),
        "operator_id": OPERATOR,
        "requested_operator_id": OPERATOR,
        "destination": "93701234567",
        "sender": "GHASI",
        "account_id": "account",
        "segments": segments,
        "enqueued_at": now,
        "expires_at": now + timedelta(minutes=10),
    }
    return Intent(**{**given, **fields})  # type: ignore[arg-type]


def claim(intent: Intent, now: datetime, arm: int | None = None) -> Claim:
    asked = {} if arm is None else {intent.message_id: arm}
    (answer,) = ledger.claim([intent], replica="r1", epoch="e1", now=now, arm=asked)
    return answer


def fate(part: Part, kind: PartFateKind, now: datetime, **fields: object) -> PartOutcome:
    if kind is PartFateKind.ACCEPTED:
        name = f"id-{part.row_id.hex}"
        fields = {"operator_message_id": name, "lookup_keys": (name,), **fields}
    return PartOutcome(part.row_id, part.enqueued_day, part.message_id, kind, now, **fields)  # type: ignore[arg-type]


def rows(message_id: UUID) -> list[MessageCorrelation]:
    return list(MessageCorrelation.objects.filter(message_id=message_id).order_by("segment", "attempt"))


def statuses(message_id: UUID) -> list[str]:
    return [row.status for row in rows(message_id)]


def test_a_first_claim_writes_every_part_before_anything_leaves(now: datetime) -> None:
    intent = make(now, 3, traceparent="00-ab-cd-01", user_message_reference="ref")
    answer = claim(intent, now, arm=2)
    assert answer.verdict is Verdict.SEND
    assert [part.segment for part in answer.parts] == [1, 2, 3]
    assert [part.gateway_epoch for part in answer.parts] == ["e1", "e1", None]
    written = rows(intent.message_id)
    assert [row.id for row in written] == [part.row_id for part in answer.parts]
    assert [row.gateway_epoch for row in written] == ["e1", "e1", None]
    assert {row.status for row in written} == {"PREPARED"}
    assert {row.enqueued_day for row in written} == {now.date()}
    assert (written[0].destination, written[0].traceparent) == ("93701234567", "00-ab-cd-01")


def test_a_message_that_arm_leaves_out_is_armed_whole(now: datetime) -> None:
    assert [part.gateway_epoch for part in claim(make(now, 2), now).parts] == ["e1", "e1"]


def test_answers_come_in_order_and_a_second_intent_of_a_message_waits(now: datetime) -> None:
    first, second = make(now), make(now)
    again = replace(first, event_id=uuid4())
    answers = ledger.claim([first, second, again], replica="r", epoch="e", now=now, arm={})
    assert [answer.message_id for answer in answers] == [first.message_id, second.message_id, first.message_id]
    assert [answer.verdict for answer in answers] == [Verdict.SEND, Verdict.SEND, Verdict.WAIT]
    assert ledger.claim([], replica="r", epoch="e", now=now, arm={}) == []


def test_an_accepted_part_is_submitted_and_its_message_settled(now: datetime) -> None:
    intent = make(now)
    (part,) = claim(intent, now).parts
    (outcome,) = ledger.record([fate(part, PartFateKind.ACCEPTED, now)], now=now)
    assert (outcome.message_id, outcome.event_id) == (intent.message_id, intent.event_id)
    assert (outcome.account_id, outcome.operator_id) == ("account", OPERATOR)
    assert [state.status for state in outcome.parts] == [RowStatus.SUBMITTED]
    (row,) = rows(intent.message_id)
    assert row.operator_message_id == f"id-{part.row_id.hex}"
    assert row.operator_message_keys == [f"id-{part.row_id.hex}"]
    assert row.submitted_at == now


def test_a_message_has_an_outcome_with_its_last_part_only(now: datetime) -> None:
    parts = claim(make(now, 3), now).parts
    assert ledger.record([fate(part, PartFateKind.ACCEPTED, now) for part in parts[:2]], now=now) == []
    (outcome,) = ledger.record([fate(parts[2], PartFateKind.REJECTED, now, command_status=0x0B)], now=now)
    assert [state.status for state in outcome.parts] == [
        RowStatus.SUBMITTED,
        RowStatus.SUBMITTED,
        RowStatus.REJECTED,
    ]
    assert outcome.parts[2].command_status == 0x0B


def test_recording_twice_changes_nothing(now: datetime) -> None:
    (part,) = claim(make(now), now).parts
    assert len(ledger.record([fate(part, PartFateKind.ACCEPTED, now)], now=now)) == 1
    assert ledger.record([fate(part, PartFateKind.ACCEPTED, now, operator_message_id="other")], now=now) == []
    assert ledger.record([fate(part, PartFateKind.REJECTED, now)], now=now) == []
    assert ledger.record([fate(part, PartFateKind.IN_DOUBT, now)], now=now) == []
    assert ledger.record([fate(part, PartFateKind.NOT_SENT, now)], now=now) == []
    assert statuses(part.message_id) == ["SUBMITTED"]


def test_a_repeat_of_a_settled_command_gives_its_outcome_again(now: datetime) -> None:
    intent = make(now)
    (part,) = claim(intent, now).parts
    (outcome,) = ledger.record([fate(part, PartFateKind.ACCEPTED, now)], now=now)
    again = claim(intent, now)
    assert (again.verdict, again.outcome) == (Verdict.SETTLED, outcome)


def test_a_repeat_after_a_crash_is_asked_for(now: datetime) -> None:
    intent = make(now)
    (part,) = claim(intent, now).parts
    again = claim(intent, now)
    assert again.verdict is Verdict.ASK
    assert again.parts == (part,)
    assert (part.gateway_replica, part.gateway_epoch) == ("r1", "e1")


def test_a_part_that_was_not_sent_goes_out_under_a_new_id(now: datetime) -> None:
    """Whoever still holds the old id can neither arm nor record it."""
    intent = make(now)
    (old,) = claim(intent, now).parts
    assert ledger.record([fate(old, PartFateKind.NOT_SENT, now)], now=now) == []
    again = claim(intent, now)
    assert again.verdict is Verdict.SEND
    (new,) = again.parts
    assert new.row_id != old.row_id
    assert (new.attempt, new.segment) == (old.attempt, old.segment)
    assert ledger.arm([old], replica="r2", epoch="e2", now=now) == set()
    assert ledger.record([fate(old, PartFateKind.NOT_SENT, now)], now=now) == []
    (row,) = rows(intent.message_id)
    assert (row.id, row.gateway_epoch) == (new.row_id, "e1")


def test_arming_names_only_parts_that_are_still_unsent(now: datetime) -> None:
    parts = claim(make(now, 3), now, arm=1).parts
    assert ledger.arm(parts, replica="r2", epoch="e2", now=now) == {part.row_id for part in parts[1:]}
    assert ledger.arm(parts, replica="r3", epoch="e3", now=now) == set()
    assert [row.gateway_replica for row in rows(parts[0].message_id)] == ["r1", "r2", "r2"]
    assert ledger.arm([], replica="r", epoch="e", now=now) == set()


def test_the_carrier_of_an_unsent_part_is_the_one_of_the_new_claim(now: datetime) -> None:
    intent, backup = make(now), uuid4()
    claim(intent, now, arm=0)
    claim(replace(intent, operator_id=backup), now)
    (row,) = rows(intent.message_id)
    assert (row.operator_id, row.requested_operator_id) == (backup, OPERATOR)


def test_what_expires_unsent_was_carried_by_nobody_but_the_one_asked_for(now: datetime) -> None:
    intent = replace(make(now), operator_id=uuid4(), expires_at=now)
    claimed = claim(intent, now)
    assert (claimed.verdict, claimed.outcome and claimed.outcome.operator_id) == (Verdict.EXPIRED, OPERATOR)
    (row,) = rows(intent.message_id)
    assert (row.operator_id, row.requested_operator_id) == (OPERATOR, OPERATOR)


def test_a_retryable_refusal_waits_and_then_tries_again(now: datetime) -> None:
    intent = make(now)
    (part,) = claim(intent, now).parts
    later = now + timedelta(seconds=5)
    refused = fate(part, PartFateKind.REJECTED, now, command_status=0x58, retry_at=later)
    assert ledger.record([refused], now=now) == []
    waiting = claim(intent, now)
    assert waiting.verdict is Verdict.WAIT
    assert waiting.wait == pytest.approx(5.0)
    again = claim(intent, later)
    assert [(one.attempt, one.possible_duplicate) for one in again.parts] == [(2, False)]
    assert statuses(intent.message_id) == ["REJECTED", "PREPARED"]


def test_a_part_in_doubt_is_resent_after_its_wait_and_says_so(now: datetime) -> None:
    intent = make(now)
    (part,) = claim(intent, now).parts
    (outcome,) = ledger.record([fate(part, PartFateKind.IN_DOUBT, now, reason="unanswered")], now=now)
    assert (outcome.parts[0].status, outcome.parts[0].reason) == (RowStatus.IN_DOUBT, "unanswered")
    assert claim(intent, now).verdict is Verdict.WAIT
    again = claim(intent, now + timedelta(seconds=61))
    assert [(one.attempt, one.possible_duplicate) for one in again.parts] == [(2, True)]
    first, second = rows(intent.message_id)
    assert (first.status, first.policy_action) == ("IN_DOUBT", "resend")
    assert (second.status, second.possible_duplicate) == ("PREPARED", True)


def test_a_part_held_in_doubt_is_parked_until_a_person_replays_it(now: datetime) -> None:
    intent = make(now, in_doubt_policy="hold")
    (part,) = claim(intent, now).parts
    ledger.record([fate(part, PartFateKind.IN_DOUBT, now)], now=now)
    later = now + timedelta(seconds=61)
    parked = claim(intent, later)
    assert parked.verdict is Verdict.PARK
    assert parked.outcome is not None
    assert rows(intent.message_id)[0].policy_action == "hold"
    assert claim(intent, later).verdict is Verdict.PARK
    replayed = claim(replace(intent, replay_attempt=1), later)
    assert [(one.attempt, one.possible_duplicate) for one in replayed.parts] == [(2, True)]


def test_a_late_response_settles_a_part_in_doubt(now: datetime) -> None:
    intent = make(now)
    (part,) = claim(intent, now).parts
    ledger.record([fate(part, PartFateKind.IN_DOUBT, now)], now=now)
    (outcome,) = ledger.record([fate(part, PartFateKind.ACCEPTED, now, late=True)], now=now)
    assert outcome.parts[0].status is RowStatus.SUBMITTED
    assert claim(intent, now).verdict is Verdict.SETTLED


def test_a_late_response_to_an_earlier_try_leaves_the_outcome_to_the_last_one(now: datetime) -> None:
    intent = make(now)
    (first,) = claim(intent, now).parts
    ledger.record([fate(first, PartFateKind.IN_DOUBT, now)], now=now)
    claim(intent, now + timedelta(seconds=61))
    assert ledger.record([fate(first, PartFateKind.ACCEPTED, now, late=True)], now=now) == []
    assert statuses(intent.message_id) == ["SUBMITTED", "PREPARED"]


def test_too_late_and_never_left(now: datetime) -> None:
    intent = make(now, 2, expires_at=now)
    answer = claim(intent, now)
    assert answer.verdict is Verdict.EXPIRED
    assert answer.parts == ()
    assert answer.outcome is not None
    assert [(state.status, state.reason) for state in answer.outcome.parts] == [(RowStatus.EXPIRED, "expired")] * 2
    assert claim(intent, now) == answer
    assert statuses(intent.message_id) == ["EXPIRED", "EXPIRED"]


def test_claimed_but_unsent_rows_expire_in_place(now: datetime) -> None:
    intent = make(now, 2)
    claim(intent, now, arm=0)
    answer = claim(intent, now + timedelta(minutes=11))
    assert answer.verdict is Verdict.EXPIRED
    assert statuses(intent.message_id) == ["EXPIRED", "EXPIRED"]


def test_a_new_event_of_a_submitted_message_is_a_duplicate_with_its_outcome(now: datetime) -> None:
    intent = make(now)
    (part,) = claim(intent, now).parts
    other = replace(intent, event_id=uuid4(), enqueued_at=now - timedelta(days=2))
    assert claim(other, now).verdict is Verdict.WAIT
    (outcome,) = ledger.record([fate(part, PartFateKind.ACCEPTED, now)], now=now)
    answer = claim(other, now)
    assert (answer.verdict, answer.outcome) == (Verdict.DUPLICATE, outcome)


def test_a_new_event_of_a_refused_message_is_sent_whatever_its_day(now: datetime) -> None:
    intent = make(now, enqueued_at=now - timedelta(days=6))
    (part,) = claim(intent, now).parts
    ledger.record([fate(part, PartFateKind.REJECTED, now, command_status=0x0B)], now=now)
    other = replace(intent, event_id=uuid4(), enqueued_at=now)
    (again,) = claim(other, now).parts
    assert again.attempt == 2
    assert {row.enqueued_day for row in rows(intent.message_id)} == {now.date(), now.date() - timedelta(days=6)}
    assert claim(intent, now).verdict is Verdict.DUPLICATE


def test_a_command_older_than_the_lookback_finds_its_own_rows(now: datetime) -> None:
    intent = make(now, enqueued_at=now - timedelta(days=20))
    (part,) = claim(intent, now).parts
    assert part.enqueued_day == now.date() - timedelta(days=20)
    assert claim(intent, now).verdict is Verdict.ASK


def test_a_replay_of_what_is_older_than_the_retention_goes_under_today(now: datetime) -> None:
    (part,) = claim(make(now, enqueued_at=now - timedelta(days=45), replay_attempt=1), now).parts
    assert part.enqueued_day == now.date()


def test_a_changed_cut_tries_all_parts_anew(now: datetime) -> None:
    intent = make(now, 2)
    claim(intent, now, arm=0)
    answer = claim(replace(intent, segments=3), now)
    assert [(part.segment, part.attempt) for part in answer.parts] == [(1, 2), (2, 2), (3, 2)]
    assert [row.reason for row in rows(intent.message_id) if row.attempt == 1] == ["plan_changed"] * 2


def test_a_changed_cut_after_a_part_left_is_parked(now: datetime) -> None:
    intent = make(now, 2)
    parts = claim(intent, now, arm=1).parts
    ledger.record([fate(parts[0], PartFateKind.ACCEPTED, now)], now=now)
    answer = claim(replace(intent, segments=3), now)
    assert answer.verdict is Verdict.PARK
    assert answer.outcome is not None
    assert [state.status for state in answer.outcome.parts] == [RowStatus.SUBMITTED, RowStatus.REJECTED]


def test_strings_that_a_column_cannot_hold_fail_no_batch(now: datetime) -> None:
    intent = make(now, account_id="a\x00" * 200, sender="s" * 60, traceparent="\ud800" * 400)
    (part,) = claim(intent, now).parts
    odd = fate(part, PartFateKind.ACCEPTED, now, operator_message_id="i" * 90, lookup_keys=("k\x00",))
    assert len(ledger.record([odd], now=now)) == 1
    (row,) = rows(intent.message_id)
    assert (row.operator_message_id, row.operator_message_keys) == ("i" * 64, ["k\ufffd"])


def test_parts_are_found_by_their_row_ids(now: datetime) -> None:
    recent = claim(make(now), now).parts[0]
    older = claim(make(now, enqueued_at=now - timedelta(days=20)), now).parts[0]
    found = ledger.find_parts([recent.row_id, older.row_id, uuid4()], now=now)
    assert found == {recent.row_id: (OPERATOR, recent), older.row_id: (OPERATOR, older)}


def _in_threads(*calls: object) -> list[object]:
    """All calls at the same moment, each on a connection of its own."""
    barrier = threading.Barrier(len(calls))

    def run(call: object) -> object:
        try:
            barrier.wait()
            return call()  # type: ignore[operator]
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_two_claims_at_once_one_sends(now: datetime) -> None:
    for _ in range(10):
        intents = [make(now, 2) for _ in range(20)]
        answers = _in_threads(
            lambda some=intents: ledger.claim(some, replica="a", epoch="a", now=now, arm={}),
            lambda some=intents[::-1]: ledger.claim(some, replica="b", epoch="b", now=now, arm={}),
        )
        forward, backward = answers[0], answers[1][::-1]  # type: ignore[index]
        for one, other in zip(forward, backward, strict=True):  # type: ignore[call-overload]
            assert {one.verdict, other.verdict} == {Verdict.SEND, Verdict.ASK}
        assert all(len(rows(intent.message_id)) == 2 for intent in intents)


def test_two_records_at_once_of_two_parts_give_one_outcome(now: datetime) -> None:
    """Each sees the other's part settled or is seen by it: the outcome is told once and never missed."""
    for _ in range(20):
        first, second = claim(make(now, 2), now).parts
        told = _in_threads(
            lambda part=first: ledger.record([fate(part, PartFateKind.ACCEPTED, now)], now=now),
            lambda part=second: ledger.record([fate(part, PartFateKind.ACCEPTED, now)], now=now),
        )
        assert sorted(len(outcomes) for outcomes in told) == [0, 1]  # type: ignore[arg-type]


def test_a_part_failed_in_doubt_counts_as_failed(now: datetime) -> None:
    intent = make(now, in_doubt_policy="fail")
    (part,) = claim(intent, now).parts
    ledger.record([fate(part, PartFateKind.IN_DOUBT, now, reason="unanswered")], now=now)
    for _ in range(2):
        parked = claim(intent, now + timedelta(seconds=61))
        assert (parked.verdict, parked.outcome is not None) == (Verdict.PARK, True)
        assert parked.outcome is not None
        [state] = parked.outcome.parts
        assert (state.status, state.failed, state.reason) == (RowStatus.IN_DOUBT, True, "in_doubt_failed")


def test_a_claim_counts_the_refusals_before_its_part(now: datetime) -> None:
    intent = make(now)
    counted = []
    for status in (0x14, 0x58, 0x58, 0x58):
        (part,) = claim(intent, now).parts
        counted.append((part.same_refusals, part.last_refusal))
        ledger.record([fate(part, PartFateKind.REJECTED, now, command_status=status, retry_at=now)], now=now)
    assert counted == [(0, None), (1, 0x14), (1, 0x58), (2, 0x58)]


def test_a_row_keeps_the_times_of_its_way_to_the_wire(now: datetime) -> None:
    stored, due, sent = (now - timedelta(seconds=seconds) for seconds in (30, 0.5, -2))
    held = Delay("not bound", now - timedelta(seconds=60), now - timedelta(seconds=5))
    permit = Permit(due, 240, held)
    one = make(now, 2, stored_at=stored)
    (answer,) = ledger.claim([one], replica="r", epoch="e", now=now, arm={one.message_id: 1}, permit=permit)
    first, second = answer.parts
    armed, unarmed = rows(one.message_id)
    assert (armed.command_age, armed.permit_age, armed.permit_wait) == (30_000, 500, 240)
    assert (unarmed.command_age, unarmed.permit_age, unarmed.permit_wait) == (30_000, None, None)
    [waited] = delays_of(armed)
    assert (waited.why, waited.since, waited.until) == ("not bound", stored, held.until)
    later = now + timedelta(seconds=1)
    ledger.arm([second], replica="r", epoch="e", now=later, permit=Permit(later, 0))
    ledger.record(
        [
            fate(first, PartFateKind.ACCEPTED, now + timedelta(seconds=3), sent_at=sent, held="window"),
            fate(second, PartFateKind.REJECTED, now, command_status=0x0B, sent_at=later, held="gate"),
        ],
        now=now,
    )
    accepted, refused = rows(one.message_id)
    assert accepted.refused_at is None
    assert delays_of(accepted)[1:] == [Delay("window", now, sent)]
    assert (refused.permit_age, refused.permit_wait, refused.refused_at) == (0, 0, now)
    assert [one.why for one in delays_of(refused)] == ["not bound"]


def test_each_time_a_part_comes_back_unsent_is_kept_but_not_for_ever(now: datetime) -> None:
    one = make(now, stored_at=now)
    permits: list[datetime] = []
    for time in range(12):
        at = now + timedelta(seconds=10 * time)
        (answer,) = ledger.claim([one], replica="r", epoch="e", now=at, arm={}, permit=Permit(at, time))
        permits.append(at)
        back = at + timedelta(seconds=9)
        ledger.record([fate(answer.parts[0], PartFateKind.NOT_SENT, back, reason=f"reason {time}")], now=back)
    [row] = rows(one.message_id)
    assert [one.why for one in delays_of(row)] == ["reason 0", *(f"reason {time}" for time in range(5, 12))]
    assert delays_of(row)[-1] == Delay("reason 11", permits[-1], permits[-1] + timedelta(seconds=9))
    assert (permit_at(row), row.permit_wait) == (permits[-1], 11)
    assert stored_at(row) == datetime.fromtimestamp(int(now.timestamp() * 1000) / 1000, UTC)


def test_what_a_person_says_later_does_not_move_the_time_of_the_answer(now: datetime) -> None:
    one, answered = make(now), now + timedelta(seconds=1)
    (part,) = claim(one, now).parts
    held = fate(part, PartFateKind.HELD, answered, command_status=0x455, reason="unknown_status")
    failed = fate(part, PartFateKind.REJECTED, now + timedelta(hours=1), command_status=0x455, reason="held_failed")
    for outcome in (held, failed):
        ledger.record([outcome], now=now)
        assert rows(one.message_id)[0].refused_at == answered
    two = make(now)
    (part,) = claim(two, now).parts
    ledger.record([fate(part, PartFateKind.IN_DOUBT, answered, reason="unanswered")], now=now)
    ledger.record([fate(part, PartFateKind.REJECTED, now, reason="held_failed")], now=now)
    assert rows(two.message_id)[0].refused_at is None
