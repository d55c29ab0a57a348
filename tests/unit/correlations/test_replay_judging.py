"""Which dead letters are replayed, and as which try."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ghasi.correlations.replay_judging import Item, Kept, Letter, Why, judge, later, only_newest
from ghasi.correlations.rows import Row
from tests.unit.correlations.build import EVENT, MESSAGE, NOW, OPERATOR, ago, ahead, armed, row

SWEPT = row("EXPIRED", submitted_at=ago(days=4))


def bytes_of(**fields: Any) -> bytes:
    given = {
        "version": "1.0",
        "eventId": str(EVENT),
        "messageId": str(MESSAGE),
        "to": "+93701234567",
        "from": "GHASI",
        "text": "Your code is 482913",
        "operatorId": str(OPERATOR),
        "accountId": "account",
        "messageType": "SMS",
        "encoding": "GSM7",
        "longMessageStrategy": "CSMS",
        "enqueuedAt": ago(hours=1).isoformat(),
        "expiresAt": ahead(minutes=10).isoformat(),
        **fields,
    }
    return msgspec.json.encode(given)


def letter(reason: str = "in_doubt:hold", seq: int = 7, at: datetime = NOW, message: UUID | None = MESSAGE) -> Letter:
    return Letter(seq, OPERATOR, seq, reason, message, at)


def judged(rows: list[Row], one: Letter | None = None, kept: Kept | None = None, **given: Any) -> Item:
    kept = kept or Kept(bytes_of())
    return judge(one or letter(), kept, rows, now=NOW, retention_days=30, **given)


@pytest.mark.parametrize(
    ("rows", "attempt", "doubled"),
    [
        ([row("IN_DOUBT", policy_action="hold")], 1, True),
        ([row("IN_DOUBT", policy_action="fail")], 1, True),
        ([row("IN_DOUBT", policy_action="expired")], 1, True),
        ([row("REJECTED")], 1, False),
        ([row("EXPIRED")], 1, False),
        ([row("REJECTED"), row("REJECTED", attempt=2)], 2, False),
        ([row("SUBMITTED", 1, segments=2), row("REJECTED", 2, segments=2)], 1, False),
    ],
)
def test_what_is_settled_and_not_with_the_operator_is_tried_again(
    rows: list[Row], attempt: int, doubled: bool
) -> None:
    found = judged(rows)
    assert (found.replays, found.attempt, found.possible_duplicate) == (True, attempt, doubled)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([row("SUBMITTED")], Why.SENT),
        ([row("DLR_RECEIVED")], Why.SENT),
        ([row("REJECTED"), row("SUBMITTED", attempt=2)], Why.SENT),
        ([SWEPT], Why.SWEPT),
        ([row("REJECTED", 1, segments=2), row("EXPIRED", 2, segments=2, submitted_at=ago(days=4))], Why.SWEPT),
        ([row()], Why.UNDER_WAY),
        ([armed()], Why.UNDER_WAY),
        ([row("REJECTED", retry_at=ahead(seconds=5))], Why.UNDER_WAY),
        ([row("IN_DOUBT")], Why.UNDER_WAY),
        ([row("IN_DOUBT", policy_action="resend")], Why.UNDER_WAY),
        ([row("IN_DOUBT", policy_action="hold"), armed(attempt=2)], Why.UNDER_WAY),
        ([], Why.FORGOTTEN),
    ],
)
def test_what_the_ledger_is_against_is_left_alone(rows: list[Row], why: Why) -> None:
    assert judged(rows).why is why


@pytest.mark.parametrize(
    ("rows", "begun", "why", "attempt"),
    [
        ([row("REJECTED")], 1, None, 1),
        ([row("REJECTED"), row("REJECTED", attempt=2)], 1, Why.REPLAYED, 0),
        (
            [row("IN_DOUBT", policy_action="hold"), row("IN_DOUBT", attempt=2, policy_action="hold")],
            1,
            Why.REPLAYED,
            0,
        ),
        ([row("REJECTED"), armed(attempt=2)], 1, Why.UNDER_WAY, 0),
        ([row("REJECTED"), row("SUBMITTED", attempt=2)], 1, Why.SENT, 0),
        # Begun before it had come to the ledger.
        ([row("REJECTED")], 0, Why.REPLAYED, 0),
        # It named the higher of two attempts, and another part is through by now.
        ([row("REJECTED", 1, segments=2), row("SUBMITTED", 2, segments=2, attempt=2)], 2, None, 2),
        # A part that was with the operator then is not of this replay.
        ([row("REJECTED", 1, segments=2, attempt=2), row("REJECTED", 2, segments=2)], 1, None, 1),
    ],
)
def test_what_was_begun_is_the_same_try_or_none(rows: list[Row], begun: int, why: Why | None, attempt: int) -> None:
    found = judged(rows, begun=begun)
    assert (found.why, found.attempt) == (why, attempt)


def test_what_was_begun_and_never_came_to_the_ledger_is_begun_again() -> None:
    found = judged([], letter("bad_text"), begun=0)
    assert (found.why, found.attempt) == (None, 0)


@pytest.mark.parametrize(
    ("enqueued", "made", "why"),
    [
        (ago(hours=1), NOW, None),
        (ago(days=29), ago(days=28), None),
        # A try of it under that day may have been dropped since.
        (ago(days=31), ago(days=29), Why.FORGOTTEN),
        # Too old already when it died: a try of it stands under the day of its claim.
        (ago(days=60), ago(days=2), None),
        (ago(days=80), ago(days=31), Why.FORGOTTEN),
    ],
)
def test_what_never_came_to_the_ledger_is_replayed_while_the_ledger_would_know(
    enqueued: datetime, made: datetime, why: Why | None
) -> None:
    found = judged([], letter("bad_text", at=made), Kept(bytes_of(enqueuedAt=enqueued.isoformat())))
    assert found.why is why
    assert found.attempt == 0


def test_it_is_not_replayed_once_it_was_sent() -> None:
    assert judged([row("SUBMITTED")], letter("bad_text")).why is Why.SENT


def test_what_is_past_its_time_needs_a_new_one() -> None:
    late = Kept(bytes_of(expiresAt=ago(seconds=1).isoformat()))
    assert judged([row("REJECTED")], kept=late).why is Why.EXPIRED
    assert judged([row("REJECTED")], kept=late, expires_in=timedelta(minutes=5)).replays


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no command", "not_json"),
        (bytes_of(version="2.0"), "unsupported_version"),
        (bytes_of(to="nobody"), "bad_destination"),
        (bytes_of(operatorId="550e8400-e29b-41d4-a716-446655440009"), "operator_mismatch"),
    ],
)
def test_what_can_never_be_sent_says_so(data: bytes, said: str) -> None:
    found = judged([], letter("malformed"), Kept(data))
    assert (found.why, found.detail.partition(":")[0]) == (Why.UNFIT, said)


def test_bytes_that_are_not_there_are_not_replayed() -> None:
    assert judge(letter(), None, [row("REJECTED")], now=NOW, retention_days=30).why is Why.GONE
    assert judged([row("REJECTED")], kept=Kept(bytes_of(), cut=True)).why is Why.CUT


def test_of_several_letters_of_a_message_the_newest_goes() -> None:
    old, new = judged([row("REJECTED")], letter(seq=7)), judged([row("REJECTED")], letter(seq=9))
    other = judged([row("REJECTED")], letter(seq=8, message=OPERATOR))
    found = only_newest([old, other, new])
    assert [(item.letter.stream_seq, item.why) for item in found] == [(7, Why.OLDER), (8, None), (9, None)]


def test_a_new_expiry_changes_nothing_else() -> None:
    data = b'{"b":1.10, "expiresAt":"2026-01-01T00:00:00Z","a":{"x" :[1,  2]},"big":12345678901234567890123}'
    assert later(data, NOW) == (
        b'{"b":1.10,"expiresAt":"2026-04-18T10:30:00.000Z","a":{"x" :[1,  2]},"big":12345678901234567890123}'
    )


def test_neither_number_nor_text_is_in_a_repr() -> None:
    kept = Kept(bytes_of())
    shown = repr((kept, judged([row("REJECTED")])))
    assert "93701234567" not in shown
    assert "482913" not in shown
    assert "+9370•••67" in shown
