"""ghasi.correlations.audit: the span the options name, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ghasi.correlations.accounting import Balance, Outcome, Position
from ghasi.correlations.audit import Report, Span, span
from ghasi.correlations.statements import Mark

NOW = datetime(2026, 5, 4, 8, 15, 30, tzinfo=UTC)
OPERATOR = uuid4()


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, 4, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "last", "wanted"),
    [
        (None, None, None, Span(at(7, 15), at(8, 16))),
        (None, None, "90m", Span(at(6, 45), at(8, 16))),
        (None, None, "2d", Span(at(8, 15) - timedelta(days=2), at(8, 16))),
        ("2026-05-04T06:00:59Z", "2026-05-04T07:00:01Z", None, Span(at(6), at(7, 1))),
        ("2026-05-04T06:00", "2026-05-04T07:00", None, Span(at(6), at(7))),
        ("2026-05-04T10:30+04:30", None, None, Span(at(6), at(8, 16))),
    ],
)
def test_a_span_is_widened_to_whole_minutes(
    since: str | None, until: str | None, last: str | None, wanted: Span
) -> None:
    assert span(NOW, since, until, last) == wanted


@pytest.mark.parametrize(
    ("since", "until", "last"),
    [
        ("2026-05-04T06:00", None, "1h"),
        (None, "2026-05-04T06:00", None),
        ("yesterday", None, None),
        (None, None, "1 hour"),
        (None, None, "0m"),
        ("2026-05-04T07:00", "2026-05-04T06:00", None),
    ],
)
def test_a_span_that_is_none_is_refused_with_a_sentence(
    since: str | None, until: str | None, last: str | None
) -> None:
    with pytest.raises(ValueError, match=" "):
        span(NOW, since, until, last)


SIX = at(6)


def report(balance: Balance, *, began: datetime = SIX, position: bool = True) -> Report:
    positions = {OPERATOR: Position(OPERATOR, at(1), 5, 9, 3, 4)} if position else {}
    marks = {OPERATOR: Mark(OPERATOR, at(1), 9, began, NOW, balance.excess)}
    return Report(Span(at(7), at(8)), [balance], positions, marks)


def test_a_report_that_holds_says_where_jetstream_stands() -> None:
    said = report(Balance(OPERATOR, taken=3, outcomes={Outcome.SUBMITTED: 2}, in_hand=1))
    assert said.holds
    lines = said.in_words()
    assert lines[0] == "commands stored from 2026-05-04 07:00 to 2026-05-04 08:00 UTC"
    assert lines[2].split() == [str(OPERATOR), "3", "2", "0", "0", "0", "0", "0", "1", "0", "0"]
    assert lines[3:] == [f"{OPERATOR} now: 3 unsettled, 4 not pulled", "holds"]
    (told,) = said.as_json()["operators"]
    assert (told["inDoubt"], told["inHand"], told["waitingNow"], told["holds"]) == (0, 1, 4, True)


def test_what_it_cannot_explain_is_named_and_what_it_cannot_tell_is_said() -> None:
    lost = tuple(f"message-{n}" for n in range(52))
    balance = Balance(OPERATOR, taken=55, outcomes={}, lost=lost, doubled=("twice",), excess=1, untold=3)
    said = report(balance, began=at(7, 30), position=False)
    assert not said.holds
    text = "\n".join(said.in_words())
    assert f"{OPERATOR} lost: message-49\n{OPERATOR} lost: 2 more, all of them with --json" in text
    assert f"{OPERATOR} doubled: twice" in text
    assert "1 more, named once the ack floor has passed them" in text
    assert "untold: 3" in text
    assert "books begin at 2026-05-04 07:30" in text
    assert "has no consumer" in text
    assert text.endswith("does not hold")
    (told,) = said.as_json()["operators"]
    assert told["lost"] == list(lost)
    assert told["waitingNow"] is None
