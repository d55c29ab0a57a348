"""Where a message stands and how it came there, from rows alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ghasi.correlations import where_events
from ghasi.correlations.ids import row_id
from ghasi.correlations.lookup import numbers_of
from ghasi.correlations.models import DeadLetter, InboxReceipt, MessageCorrelation
from ghasi.correlations.models_accounting import AccountingOpen
from ghasi.correlations.where_entries import Kept, entries_of
from ghasi.correlations.where_words import Level, parts_of, standing_of

NOW = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
OPERATOR = UUID("550e8400-e29b-41d4-a716-446655440001")
OTHER = UUID("550e8400-e29b-41d4-a716-446655440002")
NAMES = {OPERATOR: "Roshan", OTHER: "Etisalat"}


def row(status: str = "PREPARED", segment: int = 1, segments: int = 1, attempt: int = 1, **fields: Any) -> Any:
    given: dict[str, Any] = {
        "id": row_id(NOW + timedelta(seconds=attempt)),
        "message_id": uuid4(),
        "operator_id": OPERATOR,
        "requested_operator_id": OPERATOR,
        "prepared_at": NOW + timedelta(seconds=attempt),
        "expires_at": NOW + timedelta(hours=1),
        "destination": "+93701234567",
        **fields,
    }
    return MessageCorrelation(status=status, segment=segment, segments=segments, attempt=attempt, **given)


def sent(**fields: Any) -> Any:
    given = {"gateway_replica": "gw-1", "gateway_epoch": "e1", **fields}
    return row(given.pop("status", "SUBMITTED"), **given)


def iso(moment: datetime) -> str:
    return moment.isoformat()


def words(*rows: Any, **more: Any) -> tuple[Level, str]:
    found = standing_of(Kept(rows=rows, names=NAMES, **more), NOW)
    return found.level, found.words


@pytest.mark.parametrize(
    ("one", "level", "said"),
    [
        (
            row(command_age=1_000),
            Level.WAITS,
            "With us since 2026-04-18 10:30:00 UTC: it waits to be handed to Roshan.",
        ),
        (sent(status="PREPARED"), Level.WAITS, "Given to gateway gw-1 at 2026-04-18 10:30:01 UTC; no answer yet."),
        (
            sent(submitted_at=NOW),
            Level.WAITS,
            "With Roshan, which took it at 2026-04-18 10:30:00 UTC; no receipt yet.",
        ),
        (
            sent(submitted_at=NOW, dlr_state="ACCEPTED"),
            Level.WAITS,
            "With Roshan, which last said ACCEPTED: on its way to the handset.",
        ),
        (
            sent(status="DLR_RECEIVED", dlr_state="DELIVERED", dlr_received_at=NOW),
            Level.DONE,
            "Delivered: Roshan said so at 2026-04-18 10:30:00 UTC.",
        ),
        (
            sent(status="DLR_RECEIVED", dlr_state="UNDELIVERABLE", error_code="027", dlr_received_at=NOW),
            Level.FAILED,
            "Not delivered: Roshan said UNDELIVERABLE, error 027 at 2026-04-18 10:30:00 UTC.",
        ),
        (
            sent(status="IN_DOUBT", in_doubt_at=NOW, policy_action="hold"),
            Level.DOUBT,
            "In doubt since 2026-04-18 10:30:00 UTC: Roshan may have it. It is left to a person.",
        ),
        (
            sent(status="REJECTED", command_status=0x0B),
            Level.FAILED,
            "Refused for good by Roshan with ESME_RINVDSTADR.",
        ),
        (
            sent(status="REJECTED", command_status=0x58, retry_at=NOW + timedelta(seconds=5)),
            Level.WAITS,
            "Refused for now by Roshan with ESME_RTHROTTLED; the next attempt follows at 2026-04-18 10:30:05 UTC.",
        ),
        (
            sent(status="REJECTED", command_status=0x58, retry_at=NOW - timedelta(seconds=5)),
            Level.WAITS,
            "Refused for now by Roshan with ESME_RTHROTTLED; the next attempt is overdue since "
            "2026-04-18 10:29:55 UTC.",
        ),
        (row("EXPIRED"), Level.FAILED, "Expired before it could be sent: nothing of it left."),
        (
            sent(status="EXPIRED", submitted_at=NOW),
            Level.DONE,
            "With Roshan, which took it at 2026-04-18 10:30:00 UTC and never said what came of it.",
        ),
    ],
)
def test_one_part_in_words(one: Any, level: Level, said: str) -> None:
    assert words(one) == (level, said)


def test_the_worst_part_speaks_for_the_message() -> None:
    delivered = sent(status="DLR_RECEIVED", segments=2, dlr_state="DELIVERED", dlr_received_at=NOW)
    doubtful = sent(status="IN_DOUBT", segment=2, segments=2, in_doubt_at=NOW)
    level, said = words(delivered, doubtful)
    assert level is Level.DOUBT
    assert said.startswith("1 of 2 parts: In doubt")
    assert said.endswith("The others: 1 done.")
    assert "1 of 2 parts have no row yet." in words(delivered)[1]


def test_only_the_last_attempt_of_the_last_plan_stands() -> None:
    first = sent(status="REJECTED", command_status=0x58, retry_at=NOW)
    second = sent(status="SUBMITTED", attempt=2, submitted_at=NOW)
    [one] = parts_of(Kept(rows=[second, first], names=NAMES), NOW)
    assert one.row is second


def test_what_has_no_rows() -> None:
    letter = DeadLetter(operator_id=OPERATOR, stream_seq=7, reason="bad_sender", at=NOW)
    waiting = AccountingOpen(operator_id=OPERATOR, stream_seq=9, stored_at=NOW)
    lost = AccountingOpen(operator_id=OPERATOR, stream_seq=9, stored_at=NOW, lost_at=NOW)
    assert "a dead letter, bad_sender" in words(dead=[letter])[1]
    assert words(commands=[waiting])[0] is Level.WAITS
    assert "without an outcome" in words(commands=[lost])[1]
    assert words()[1].startswith("Nothing is known of it")


def test_the_timeline_is_in_order_and_makes_up_no_time() -> None:
    refused = sent(status="REJECTED", command_status=0x58, retry_at=NOW + timedelta(seconds=2))
    tried = sent(
        status="DLR_RECEIVED",
        attempt=3,
        possible_duplicate=True,
        requested_operator_id=OTHER,
        submitted_at=NOW + timedelta(seconds=5),
        operator_message_id="0A",
        dlr_state="DELIVERED",
        dlr_received_at=NOW + timedelta(seconds=9),
    )
    found = entries_of(Kept(rows=[tried, refused], names=NAMES))
    assert [(one.kind, one.part, one.at is None) for one in found] == [
        ("claimed", "1/1, attempt 1", False),
        ("permits", "1/1, attempt 1", True),
        ("handed over", "1/1, attempt 1", False),
        ("answer", "1/1, attempt 1", True),
        ("retry", "1/1, attempt 1", False),
        ("claimed", "1/1, attempt 3", False),
        ("permits", "1/1, attempt 3", True),
        ("handed over", "1/1, attempt 3", False),
        ("answer", "1/1, attempt 3", False),
        ("receipt", "1/1, attempt 3", False),
    ]
    again = next(one for one in found if one.kind == "claimed" and "attempt 3" in one.part)
    assert "for Roshan instead of Etisalat" in again.what
    assert again.note == "It may double an earlier attempt."


def test_the_way_to_the_wire_has_its_times() -> None:
    at = NOW + timedelta(seconds=1)
    one = sent(
        status="REJECTED",
        command_status=0x0B,
        command_age=31_000,
        permit_age=2,
        permit_wait=240,
        refused_at=at + timedelta(seconds=3),
        delays=[
            ["not bound", iso(NOW - timedelta(seconds=20)), iso(NOW - timedelta(seconds=5))],
            ["deadline", iso(NOW - timedelta(seconds=4)), iso(NOW)],
            ["window", iso(at), iso(at + timedelta(seconds=2))],
        ],
    )
    found = entries_of(Kept(rows=[one], names=NAMES))
    assert [(one.kind, one.at) for one in found] == [
        ("command", NOW - timedelta(seconds=30)),
        ("waited", NOW - timedelta(seconds=20)),
        ("unsent", NOW),
        ("permits", at - timedelta(milliseconds=2)),
        ("claimed", at),
        ("waited", at),
        ("handed over", at),
        ("answer", at + timedelta(seconds=3)),
        ("rejected", at + timedelta(seconds=3)),
    ]
    told = {one.kind: one for one in found}
    assert told["permits"].note == "booked 0.240 s before"
    assert told["unsent"].what == "Came back unsent from the gateway: deadline."
    assert told["waited"].what == "Waited in the gateway: the window of the bind was full."
    assert told["waited"].note == "2.000 s, until 10:30:03 UTC"
    assert "Waited in hand: Roshan was not bound." in [one.what for one in found]


def test_a_part_that_came_back_unsent_and_waits_tells_of_it() -> None:
    one = row(command_age=1_000, delays=[["unbound", iso(NOW), iso(NOW + timedelta(seconds=9))]])
    assert [entry.kind for entry in entries_of(Kept(rows=[one]))] == ["command", "claimed", "unsent"]


def test_a_command_is_told_once_for_all_its_parts_and_tries() -> None:
    replayed = NOW + timedelta(hours=1)
    rows = [
        sent(command_age=1_000, segments=2, status="REJECTED"),
        sent(command_age=1_000, segment=2, segments=2),
        sent(id=row_id(replayed), command_age=0, segments=2, attempt=2),
    ]
    found = [one.at for one in entries_of(Kept(rows=rows)) if one.kind == "command"]
    assert found == [NOW, replayed]
    waiting = AccountingOpen(operator_id=OPERATOR, stream_seq=9, stored_at=NOW + timedelta(microseconds=700))
    found = [one.at for one in entries_of(Kept(rows=rows[:2], commands=[waiting])) if one.kind == "command"]
    assert found == [waiting.stored_at]


@pytest.mark.parametrize("fields", [{"policy_action": "failed"}, {"reason": "plan_changed"}])
def test_the_time_of_an_answer_is_not_that_of_giving_up(fields: Any) -> None:
    one = sent(status="REJECTED", command_status=0x455, refused_at=NOW + timedelta(seconds=5), **fields)
    told = {entry.kind: entry for entry in entries_of(Kept(rows=[one]))}
    assert told["answer"].at == NOW + timedelta(seconds=5)
    assert told["rejected"].at is None


def test_a_part_proven_by_its_receipt_is_told_as_such() -> None:
    at = NOW + timedelta(seconds=30)
    one = sent(status="DLR_RECEIVED", in_doubt_at=NOW, submitted_at=at, dlr_received_at=at, dlr_state="DELIVERED")
    assert "Proven taken by its receipt, without an id." in [entry.what for entry in entries_of(Kept(rows=[one]))]


def test_what_expired_unsent_never_left() -> None:
    found = entries_of(Kept(rows=[row("EXPIRED")]))
    assert [one.kind for one in found] == ["claimed", "expired"]
    assert "valid until 2026-04-18 11:30:00 UTC" in found[-1].note


def test_a_receipt_of_the_inbox_tells_its_whole_way() -> None:
    one = sent(submitted_at=NOW)
    receipt = InboxReceipt(
        operator_id=OPERATOR,
        receipt_key=7,
        operator_message_id="0A",
        status="DELIVERED",
        taken_at=NOW,
        given_up_at=NOW + timedelta(minutes=10),
        matched_at=NOW + timedelta(minutes=20),
        matched_row=one.pk,
        published_at=NOW + timedelta(minutes=21),
    )
    found = [entry for entry in entries_of(Kept(rows=[one], receipts=[receipt])) if entry.after >= NOW]
    assert [entry.kind for entry in found if entry.kind in ("receipt", "event", "matched")] == [
        "receipt",
        "event",
        "matched",
        "event",
    ]


def test_nothing_of_the_timeline_shows_a_number() -> None:
    kept = Kept(rows=[sent(submitted_at=NOW)], names=NAMES)
    assert "93701234567" not in repr(entries_of(kept)) + repr(kept)


def test_times_that_lie_together_are_read_once() -> None:
    near, far = NOW + timedelta(seconds=30), NOW + timedelta(hours=1)
    assert where_events.spans([far, NOW, near]) == [
        (NOW - timedelta(seconds=1), near + timedelta(seconds=60)),
        (far - timedelta(seconds=1), far + timedelta(seconds=60)),
    ]
    many = [NOW + timedelta(hours=hour) for hour in range(40)]
    assert len(where_events.spans(many)) == where_events.MOMENTS


@pytest.mark.parametrize(
    ("term", "found"),
    [("+93701234567", ["93701234567", "+93701234567"]), ("0A1B", []), ("", []), ("9" * 20, [])],
)
def test_a_number_is_looked_for_with_and_without_its_plus(term: str, found: list[str]) -> None:
    assert numbers_of(term) == found
