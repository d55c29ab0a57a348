"""ghasi.correlations.accounting: what became of a command, by its rows; and the sum of a span."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from ghasi.correlations.accounting import (
    Balance,
    Entry,
    Outcome,
    Try,
    doubled_segments,
    outcome_of,
    surplus,
    two_outcomes,
)
from ghasi.correlations.types import RowStatus

STORED = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
MESSAGE, EVENT, OTHER, OPERATOR = uuid4(), uuid4(), uuid4(), uuid4()


def entry(**fields: object) -> Entry:
    given: dict[str, object] = {"message_id": MESSAGE, "event_id": EVENT, "enqueued_at": STORED, **fields}
    return Entry(7, STORED, **given)  # type: ignore[arg-type]


def one(status: str, segment: int = 1, attempt: int = 1, event: UUID = EVENT, **fields: object) -> Try:
    given: dict[str, object] = {"prepared_at": STORED + timedelta(seconds=1), **fields}
    return Try(MESSAGE, event, OPERATOR, segment, attempt, RowStatus(status), **given)  # type: ignore[arg-type]


def judged(*tries: Try, settled: bool = True, dead: bool = False, **fields: object) -> Outcome | None:
    return outcome_of(entry(**fields), tries, dead=dead, settled=settled)


@pytest.mark.parametrize(
    ("tries", "outcome"),
    [
        ([one("SUBMITTED")], Outcome.SUBMITTED),
        ([one("DLR_RECEIVED")], Outcome.SUBMITTED),
        ([one("EXPIRED", submitted=True)], Outcome.SUBMITTED),
        ([one("EXPIRED")], Outcome.EXPIRED),
        ([one("REJECTED")], Outcome.REJECTED),
        ([one("IN_DOUBT", policy_action="hold")], Outcome.IN_DOUBT),
        ([one("IN_DOUBT", policy_action="fail")], Outcome.IN_DOUBT),
        ([one("SUBMITTED"), one("REJECTED", 2)], Outcome.REJECTED),
        ([one("REJECTED"), one("IN_DOUBT", 2, policy_action="expired")], Outcome.IN_DOUBT),
        ([one("EXPIRED"), one("SUBMITTED", 2)], Outcome.EXPIRED),
        ([one("REJECTED", retried=True), one("SUBMITTED", attempt=2)], Outcome.SUBMITTED),
        ([one("IN_DOUBT", policy_action="resend"), one("SUBMITTED", attempt=2)], Outcome.SUBMITTED),
    ],
)
def test_the_worst_of_the_last_tries_is_the_outcome(tries: list[Try], outcome: Outcome) -> None:
    assert judged(*tries) is outcome
    assert judged(*reversed(tries), settled=False) is outcome


@pytest.mark.parametrize(
    "tries",
    [
        [],
        [one("PREPARED")],
        [one("PREPARED", armed=True)],
        [one("REJECTED", retried=True)],
        [one("IN_DOUBT")],
        [one("IN_DOUBT", policy_action="resend")],
        [one("SUBMITTED"), one("PREPARED", 2)],
        [one("SUBMITTED"), one("REJECTED", 2, retried=True)],
    ],
)
def test_what_is_under_way_is_no_outcome_and_settled_it_is_a_loss(tries: list[Try]) -> None:
    assert judged(*tries, settled=False) is None
    assert judged(*tries, settled=True) is None


def test_a_dead_letter_is_one_whatever_the_ledger_says() -> None:
    assert judged(dead=True, message_id=None, event_id=None) is Outcome.DEAD
    assert judged(one("SUBMITTED"), dead=True) is Outcome.DEAD
    assert judged(message_id=None, event_id=None) is None


@pytest.mark.parametrize("status", ["SUBMITTED", "DLR_RECEIVED", "IN_DOUBT"])
def test_another_event_of_a_message_that_stands_is_a_duplicate_at_once(status: str) -> None:
    assert judged(one(status, event=OTHER), settled=False) is Outcome.DUPLICATES


@pytest.mark.parametrize("status", ["PREPARED", "REJECTED", "EXPIRED"])
def test_while_the_message_does_not_stand_its_new_event_may_yet_be_sent(status: str) -> None:
    assert judged(one(status, event=OTHER), settled=False) is None
    assert judged(one(status, event=OTHER), settled=True) is Outcome.DUPLICATES


def test_a_command_replaced_by_a_newer_one_ends_as_its_own_rows_do() -> None:
    tries = [one("REJECTED", retried=True), one("PREPARED", attempt=2, event=OTHER)]
    assert judged(*tries) is Outcome.REJECTED


def test_a_repeat_is_told_by_rows_that_are_older_than_it() -> None:
    before = STORED - timedelta(minutes=1)
    assert judged(one("SUBMITTED", prepared_at=before)) is Outcome.DUPLICATES
    assert judged(one("PREPARED", prepared_at=before), settled=False) is None
    assert judged(one("PREPARED", prepared_at=before), settled=True) is Outcome.DUPLICATES
    clocks_differ = STORED - timedelta(seconds=4)
    assert judged(one("SUBMITTED", prepared_at=clocks_differ)) is Outcome.SUBMITTED


@pytest.mark.parametrize(
    ("tries", "outcome"),
    [
        ([one("REJECTED", attempt=2)], None),
        ([one("EXPIRED", attempt=1)], None),
        ([one("IN_DOUBT", attempt=2, policy_action="hold")], None),
        ([one("REJECTED", attempt=2), one("SUBMITTED", attempt=3)], Outcome.SUBMITTED),
        ([one("REJECTED", attempt=2), one("REJECTED", attempt=3)], Outcome.REJECTED),
        ([one("SUBMITTED", 1), one("REJECTED", 2)], None),
        ([one("SUBMITTED", 1), one("REJECTED", 2), one("SUBMITTED", 2, attempt=3)], Outcome.SUBMITTED),
    ],
)
def test_a_replay_is_done_when_what_it_names_was_tried_again(tries: list[Try], outcome: Outcome | None) -> None:
    yesterday = STORED - timedelta(days=1)
    aged = [replace(t, prepared_at=yesterday) if t.attempt <= 2 else t for t in tries]
    assert judged(*aged, replay_attempt=2) is outcome


def test_a_part_that_left_twice_must_say_so() -> None:
    first, again = one("SUBMITTED"), one("SUBMITTED", attempt=2)
    assert doubled_segments([first, again]) == [1]
    assert doubled_segments([again, first]) == [1]
    assert doubled_segments([first, one("SUBMITTED", attempt=2, possible_duplicate=True)]) == []
    assert doubled_segments([one("REJECTED"), again]) == []
    assert doubled_segments([one("EXPIRED"), again]) == []
    assert doubled_segments([first, one("SUBMITTED", 2)]) == []
    assert doubled_segments([first, one("PREPARED", attempt=2)]) == []
    assert doubled_segments([first, one("PREPARED", attempt=2, armed=True)]) == [1]
    assert doubled_segments([one("IN_DOUBT", 2), one("DLR_RECEIVED", 2, attempt=3), one("REJECTED", 2, 2)]) == [2]


def test_two_outcomes_are_a_dead_letter_and_a_part_of_the_same_command_that_left() -> None:
    assert two_outcomes(entry(), OPERATOR, [one("SUBMITTED")])
    assert not two_outcomes(entry(), OPERATOR, [one("PREPARED")])
    assert not two_outcomes(entry(), OPERATOR, [one("SUBMITTED", event=OTHER)])
    assert not two_outcomes(entry(), uuid4(), [one("SUBMITTED")]), "published to two operators under one event"
    before = STORED - timedelta(minutes=1)
    assert not two_outcomes(entry(), OPERATOR, [one("SUBMITTED", prepared_at=before)]), "rows of an earlier command"


def test_a_balance_holds_when_everything_taken_is_somewhere() -> None:
    outcomes = {Outcome.SUBMITTED: 90, Outcome.REJECTED: 4, Outcome.DEAD: 3, Outcome.DUPLICATES: 1}
    assert Balance(OPERATOR, taken=100, outcomes=outcomes, in_hand=2).holds
    short = Balance(OPERATOR, taken=101, outcomes=outcomes, in_hand=2, lost=("a",))
    assert (short.difference, short.unexplained, short.holds) == (1, 1, False)
    over = Balance(OPERATOR, taken=99, outcomes=outcomes, in_hand=2)
    assert (over.difference, over.unexplained, over.holds) == (-1, 1, False)
    assert not Balance(OPERATOR, taken=100, outcomes=outcomes, in_hand=2, excess=1).holds
    assert Balance(OPERATOR, taken=103, outcomes=outcomes, in_hand=2, untold=3).holds


def test_a_loss_and_a_double_do_not_offset_each_other() -> None:
    both = Balance(OPERATOR, taken=2, outcomes={Outcome.SUBMITTED: 1}, lost=("a",), doubled=("b",))
    assert both.unexplained == 2


def test_more_without_an_outcome_than_jetstream_holds_is_too_many() -> None:
    assert [surplus(5, 7), surplus(7, 7), surplus(9, 7)] == [0, 0, 2]
