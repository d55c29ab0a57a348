"""What a message's rows say together."""

import pytest

from ghasi.correlations.rows import last_attempts, outcome_of
from ghasi.correlations.types import RowStatus
from tests.unit.correlations.build import EVENT, MESSAGE, ago, ahead, armed, row


def test_the_last_try_of_each_segment_in_order() -> None:
    rows = [row(segment=2, segments=2), row("REJECTED", segments=2), row("SUBMITTED", attempt=2, segments=2)]
    assert [(s, one.attempt) for s, one in last_attempts(rows).items()] == [(1, 2), (2, 1)]


def test_an_older_plan_is_history() -> None:
    rows = [row("REJECTED", segment=n, segments=3) for n in (1, 2, 3)] + [row("SUBMITTED", attempt=2, segments=1)]
    outcome = outcome_of(rows)
    assert outcome is not None
    assert [part.status for part in outcome.parts] == [RowStatus.SUBMITTED]


@pytest.mark.parametrize(
    "pending",
    [row(segment=2, segments=2), armed(segment=2, segments=2), row("REJECTED", 2, 1, 2, retry_at=ahead(seconds=1))],
)
def test_no_outcome_while_a_part_is_pending(pending: object) -> None:
    assert outcome_of([row("SUBMITTED", segments=2), pending]) is None  # type: ignore[list-item]


def test_no_outcome_while_a_part_is_missing() -> None:
    assert outcome_of([row("SUBMITTED", segments=2)]) is None
    assert outcome_of([]) is None


def test_the_outcome_carries_the_parts() -> None:
    rows = [
        row("IN_DOUBT", 2, 1, 2, in_doubt_reason="unanswered", reason="other"),
        row("SUBMITTED", 1, 1, 2, operator_message_id="abc"),
    ]
    outcome = outcome_of(rows)
    assert outcome is not None
    assert (outcome.message_id, outcome.event_id) == (MESSAGE, EVENT)
    assert [part.operator_message_id for part in outcome.parts] == ["abc", None]
    assert [part.reason for part in outcome.parts] == [None, "unanswered"]


@pytest.mark.parametrize(
    ("one", "left", "proven"),
    [
        (row(), False, False),
        (armed(), True, False),
        (row("SUBMITTED"), True, True),
        (row("DLR_RECEIVED"), True, True),
        (row("IN_DOUBT"), True, False),
        (row("REJECTED"), False, False),
        (row("EXPIRED"), False, False),
        (row("EXPIRED", submitted_at=ago(days=4)), True, True),
    ],
)
def test_what_may_have_left(one: object, left: bool, proven: bool) -> None:
    assert (one.may_have_left, one.proven) == (left, proven)  # type: ignore[attr-defined]
