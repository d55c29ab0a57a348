"""workers.minutes: what a process counts until it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations.types import PartFateKind, PartOutcome
from workers.minutes import Minutes

NOW = datetime(2026, 11, 21, 17, 30, 12, 345, tzinfo=UTC)
MINUTE = NOW.replace(second=0, microsecond=0)
OPERATOR = str(uuid4())


def outcome(kind: PartFateKind, *, retry: bool = False) -> PartOutcome:
    return PartOutcome(
        row_id=uuid4(),
        enqueued_day=NOW.date(),
        message_id=uuid4(),
        kind=kind,
        at=NOW,
        retry_at=NOW if retry else None,
    )


def test_answers_are_counted_by_what_they_mean() -> None:
    minutes = Minutes()
    said = [
        outcome(PartFateKind.ACCEPTED),
        outcome(PartFateKind.ACCEPTED),
        outcome(PartFateKind.REJECTED),
        outcome(PartFateKind.REJECTED, retry=True),
        outcome(PartFateKind.HELD),
        outcome(PartFateKind.IN_DOUBT),
        outcome(PartFateKind.NOT_SENT),
    ]
    minutes.answered(OPERATOR, said, NOW)
    (tally,) = minutes.take().values()
    assert tally.counts == {"submitted": 2, "refused": 1, "retried": 1, "held": 1, "in_doubt": 1}


def test_times_fall_into_their_buckets() -> None:
    minutes = Minutes()
    fates = [
        PartFate("a", Fate.ACCEPTED, "1", sent_ms=1_000, answered_ms=1_030),
        PartFate("b", Fate.UNANSWERED, sent_ms=1_000),
        PartFate("c", Fate.ACCEPTED, "2"),
    ]
    minutes.answered(OPERATOR, [], NOW, fates=fates, waited=[0.004, 1000.0])
    (tally,) = minutes.take().values()
    assert [place for place, count in enumerate(tally.answered) if count] == [5]
    assert [place for place, count in enumerate(tally.to_wire) if count] == [2, len(tally.to_wire) - 1]


def test_receipts_by_state_and_minute() -> None:
    minutes = Minutes()
    minutes.receipts([(OPERATOR, "DELIVERED", 3), (OPERATOR, "EXPIRED", 1), (OPERATOR, "of tomorrow", 1)], NOW)
    minutes.receipts([(OPERATOR, "DELIVERED", 2)], NOW + timedelta(minutes=1))
    taken = minutes.take()
    assert taken[MINUTE, OPERATOR].counts == {"dlr_delivered": 3, "dlr_expired": 1}
    assert taken[MINUTE + timedelta(minutes=1), OPERATOR].counts == {"dlr_delivered": 2}
    assert minutes.take() == {}


def test_what_could_not_be_written_is_added_again_unless_it_is_old() -> None:
    minutes = Minutes()
    minutes.receipts([(OPERATOR, "DELIVERED", 3)], NOW)
    minutes.receipts([(OPERATOR, "DELIVERED", 4)], NOW - timedelta(hours=3))
    taken = minutes.take()
    minutes.receipts([(OPERATOR, "DELIVERED", 1)], NOW)
    minutes.put_back(taken, NOW)
    assert {minute: tally.counts["dlr_delivered"] for (minute, _), tally in minutes.take().items()} == {MINUTE: 4}
