"""What a message's rows say together."""

import pytest

from ghasi.correlations.inbox_rows import Waiting
from ghasi.correlations.rows import last_attempts, outcome_of
from ghasi.correlations.types import ReceiptFacts, RowStatus
from tests.unit.correlations.build import EVENT, MESSAGE, NOW, ago, ahead, armed, intent, keyed, row


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


def test_the_policy_fail_gives_a_part_in_doubt_up() -> None:
    told = {}
    for action in ("fail", "hold", "expired", None):
        outcome = outcome_of([row("IN_DOUBT", in_doubt_reason="unanswered", policy_action=action)])
        assert outcome is not None
        [part] = outcome.parts
        assert part.status is RowStatus.IN_DOUBT
        told[action] = (part.failed, part.reason)
    assert told.pop("fail") == (True, "in_doubt_failed")
    assert set(told.values()) == {(False, "unanswered")}


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], (0, None)),
        ([0x58], (1, 0x58)),
        ([0x14, 0x58, 0x58], (2, 0x58)),
        ([0x58, 0x14], (1, 0x14)),
        ([0x58, None], (0, None)),
        ([0x58, None, 0x58], (1, 0x58)),
    ],
)
def test_refusals_in_a_row_before_a_try(statuses: list[int | None], expected: tuple[int, int | None]) -> None:
    """None is a try that was in doubt."""
    earlier = [
        row("REJECTED" if status else "IN_DOUBT", attempt=n, segments=2, command_status=status)
        for n, status in enumerate(statuses, 1)
    ]
    now = row(attempt=len(statuses) + 1, segments=2)
    others = [row("REJECTED", 2, n, 2, command_status=0x58) for n in range(1, 5)]
    later = row("REJECTED", attempt=len(statuses) + 2, segments=2, command_status=0x58)
    part = now.part([later, now, *others, *reversed(earlier)])
    assert (part.same_refusals, part.last_refusal) == expected


def test_no_repr_tells_a_number() -> None:
    facts = ReceiptFacts(
        1, MESSAGE, "id", (), "DELIVERED", None, True, None, None, NOW, "93701", "93702", None, b"93703"
    )
    waiting = Waiting(
        MESSAGE,
        1,
        NOW,
        "id",
        (),
        "DELIVERED",
        None,
        True,
        None,
        None,
        "93701",
        "93702",
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    )
    for one in (facts, waiting, keyed(destination="93701"), intent()):
        assert "9370" not in repr(one)
