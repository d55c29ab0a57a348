"""workers.outcomes: from what the ledger settled to the events of docs/contract.md §3 and §5."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from ghasi.contracts import subjects
from ghasi.contracts.events import SubmitResult, stable_id
from ghasi.contracts.publication import Publication
from ghasi.correlations.types import MatchedReceipt, MessageOutcome, PartState, ReceiptFacts, RowStatus
from workers import outcomes

NOW = datetime(2026, 4, 18, 10, 30, 1, 234_567, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MESSAGE = UUID("7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071")
OPERATOR = UUID("550e8400-e29b-41d4-a716-446655440001")
BACKUP = UUID("550e8400-e29b-41d4-a716-446655440002")

SUBMITTED, RECEIVED = RowStatus.SUBMITTED, RowStatus.DLR_RECEIVED
REJECTED, EXPIRED, IN_DOUBT, PREPARED = (
    RowStatus.REJECTED,
    RowStatus.EXPIRED,
    RowStatus.IN_DOUBT,
    RowStatus.PREPARED,
)


def part(status: RowStatus, segment: int = 1, **changes: Any) -> PartState:
    accepted = status in (SUBMITTED, RECEIVED)
    state = PartState(
        segment=segment,
        attempt=1,
        status=status,
        operator_id=OPERATOR,
        operator_message_id=f"id-{segment}" if accepted else None,
        command_status=0 if accepted else None,
        error_code=None,
        reason=None,
        possible_duplicate=False,
        submitted_at=NOW if accepted else None,
        retry_at=None,
    )
    return replace(state, **changes)


def message(*parts: PartState) -> MessageOutcome:
    return MessageOutcome(MESSAGE, uuid4(), "account-1", OPERATOR, TRACE, parts)


def told(publication: Publication) -> dict[str, Any]:
    return json.loads(publication.payload)  # type: ignore[no-any-return]


def result(outcome: MessageOutcome) -> dict[str, Any]:
    first = outcomes.message_publications(outcome, now=NOW)[0]
    assert first.subject == subjects.SUBMIT_RESULT
    return told(first)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([SUBMITTED], "ACCEPTED"),
        ([RECEIVED], "ACCEPTED"),
        ([SUBMITTED, RECEIVED], "ACCEPTED"),
        ([EXPIRED], "EXPIRED"),
        ([SUBMITTED, EXPIRED], "EXPIRED"),
        ([EXPIRED, REJECTED, SUBMITTED], "REJECTED"),
        ([SUBMITTED, IN_DOUBT, REJECTED, EXPIRED], "IN_DOUBT"),
    ],
)
def test_the_worst_part_wins(statuses: list[RowStatus], expected: str) -> None:
    outcome = message(*(part(status, n) for n, status in enumerate(statuses, 1)))
    assert outcomes.result_of(outcome) is SubmitResult(expected)
    assert result(outcome)["result"] == expected


def test_a_result_carries_every_field_of_the_contract() -> None:
    outcome = message(part(SUBMITTED, 1), part(SUBMITTED, 2, operator_message_id=None, attempt=3))
    [publication] = outcomes.message_publications(outcome, now=NOW)
    event = told(publication)
    event_id = UUID(event.pop("eventId"))
    assert event_id.version == 4
    assert event == {
        "version": "1.0",
        "occurredAt": "2026-04-18T10:30:01.234Z",
        "messageId": str(MESSAGE),
        "accountId": "account-1",
        "operatorId": str(OPERATOR),
        "result": "ACCEPTED",
        "segments": 2,
        "operatorMessageIds": ["id-1", None],
        "commandStatus": None,
        "reason": None,
        "possibleDuplicate": False,
        "attempt": 3,
    }
    assert publication.msg_id == stable_id(MESSAGE, 3, "ACCEPTED")
    assert publication.headers == {"traceparent": TRACE}


def test_status_and_reason_are_the_worst_parts() -> None:
    outcome = message(
        part(SUBMITTED, 1),
        part(REJECTED, 2, command_status=0x0B, reason="refused"),
        part(REJECTED, 3, command_status=0x0A),
    )
    assert result(outcome)["commandStatus"] == "ESME_RINVDSTADR"
    assert result(outcome)["reason"] == "refused"
    assert outcomes.command_status_of(outcome) == "ESME_RINVDSTADR"


def test_a_status_no_table_lists_is_told_by_its_number() -> None:
    assert result(message(part(REJECTED, command_status=0x404)))["commandStatus"] == "0x00000404"


def test_in_doubt_names_its_reason_and_no_status() -> None:
    event = result(message(part(REJECTED, 1, command_status=0x0B), part(IN_DOUBT, 2, reason="unanswered")))
    assert (event["commandStatus"], event["reason"]) == (None, "unanswered")


def test_one_possible_duplicate_marks_the_message() -> None:
    assert result(message(part(SUBMITTED, 1), part(SUBMITTED, 2, possible_duplicate=True)))["possibleDuplicate"]


@pytest.mark.parametrize(
    ("refused", "status"), [(part(REJECTED, 2, command_status=0x0B), "REJECTED"), (part(EXPIRED, 2), "EXPIRED")]
)
def test_our_own_rejection_or_expiry_is_a_receipt_too(refused: PartState, status: str) -> None:
    refused = replace(refused, operator_id=BACKUP, attempt=2)
    publications = outcomes.message_publications(message(part(SUBMITTED, 1), refused), now=NOW)
    assert [one.subject for one in publications] == [subjects.SUBMIT_RESULT, subjects.DLR_INBOUND]
    event = told(publications[1])
    assert UUID(event.pop("eventId")).version == 4
    assert event == {
        "version": "1.0",
        "occurredAt": "2026-04-18T10:30:01.234Z",
        "messageId": str(MESSAGE),
        "operatorMessageId": f"none:{MESSAGE}:2",
        "operatorId": str(BACKUP),
        "status": status,
        "deliveredAt": None,
        "smppErrorCode": None,
        "stat": None,
        "final": True,
        "segment": 2,
        "segments": 2,
        "errorCode": None,
        "cause": None,
        "submittedAt": None,
        "traceparent": TRACE,
    }
    assert publications[1].msg_id == stable_id(MESSAGE, 2, 2, status)
    assert publications[1].headers == {"traceparent": TRACE}


def test_one_receipt_of_our_own_for_every_part_refused() -> None:
    publications = outcomes.message_publications(message(*(part(EXPIRED, n) for n in (1, 2, 3))), now=NOW)
    assert [told(one).get("segment") for one in publications] == [None, 1, 2, 3]
    assert len({one.msg_id for one in publications}) == 4
    assert len({told(one)["operatorMessageId"] for one in publications[1:]}) == 3


def test_a_part_nothing_was_heard_of_for_three_days_was_accepted() -> None:
    swept = replace(part(SUBMITTED), status=EXPIRED, reason="no_receipt")
    [publication] = outcomes.message_publications(message(swept), now=NOW)
    assert told(publication)["result"] == "ACCEPTED"


@pytest.mark.parametrize(
    "pending", [part(PREPARED, 2), part(REJECTED, 2, command_status=0x58, retry_at=NOW + timedelta(seconds=1))]
)
def test_nothing_is_told_while_a_part_is_pending(pending: PartState) -> None:
    assert outcomes.message_publications(message(part(SUBMITTED, 1), pending), now=NOW) == []


def test_no_result_without_a_settled_part() -> None:
    assert outcomes.message_publications(message(), now=NOW) == []
    with pytest.raises(ValueError, match="settled"):
        outcomes.result_of(message(part(PREPARED)))


def test_told_again_it_is_the_same_event() -> None:
    outcome = message(part(EXPIRED))
    first = outcomes.message_publications(outcome, now=NOW)
    again = outcomes.message_publications(outcome, now=NOW + timedelta(hours=1))
    assert [one.msg_id for one in first] == [one.msg_id for one in again]
    assert [told(one)["eventId"] for one in first] == [told(one)["eventId"] for one in again]
    assert len({told(one)["eventId"] for one in first}) == 2


FACTS = ReceiptFacts(
    receipt_key=42,
    operator_id=OPERATOR,
    operator_message_id="0A1B",
    lookup_keys=("a1b",),
    status="DELIVERED",
    stat="DELIVRD",
    final=True,
    error_code="000",
    done_at=datetime(2026, 4, 18, 14, 59, tzinfo=timezone(timedelta(hours=4, minutes=30))),
    taken_at=NOW,
    destination="93701234567",
)


def matched(facts: ReceiptFacts = FACTS, **changes: Any) -> MatchedReceipt:
    receipt = MatchedReceipt(facts, MESSAGE, 2, 3, 1, "0a1b", NOW - timedelta(seconds=9), TRACE)
    return replace(receipt, **changes)


def test_a_matched_receipt() -> None:
    [publication] = outcomes.receipt_publications(matched(), now=NOW)
    event = told(publication)
    assert UUID(event.pop("eventId")).version == 4
    assert event == {
        "version": "1.0",
        "occurredAt": "2026-04-18T10:30:01.234Z",
        "messageId": str(MESSAGE),
        "operatorMessageId": "0a1b",
        "operatorId": str(OPERATOR),
        "status": "DELIVERED",
        "deliveredAt": "2026-04-18T10:29:00.000Z",
        "smppErrorCode": "000",
        "stat": "DELIVRD",
        "final": True,
        "segment": 2,
        "segments": 3,
        "errorCode": "000",
        "cause": None,
        "submittedAt": "2026-04-18T10:29:52.234Z",
        "traceparent": TRACE,
    }
    assert publication.subject == subjects.DLR_INBOUND
    assert publication.headers == {"traceparent": TRACE}
    assert publication.msg_id == stable_id(MESSAGE, 2, 1, "DELIVRD", "000", "2026-04-18T10:29:00.000Z", 42)


def test_the_operators_id_is_the_one_of_its_response() -> None:
    [publication] = outcomes.receipt_publications(matched(operator_message_id=None), now=NOW)
    assert told(publication)["operatorMessageId"] == f"none:{MESSAGE}:2"


def test_delivered_without_a_done_date_is_delivered_when_taken_in() -> None:
    [publication] = outcomes.receipt_publications(matched(replace(FACTS, done_at=None)), now=NOW)
    assert told(publication)["deliveredAt"] == "2026-04-18T10:30:01.234Z"
    assert publication.msg_id == stable_id(MESSAGE, 2, 1, "DELIVRD", "000", None, 42)


@pytest.mark.parametrize("status", ["UNDELIVERABLE", "EXPIRED", "DELETED", "ACCEPTED", "UNKNOWN", "REJECTED"])
def test_only_delivered_has_a_time_of_delivery(status: str) -> None:
    [publication] = outcomes.receipt_publications(matched(replace(FACTS, status=status)), now=NOW)
    assert (told(publication)["status"], told(publication)["deliveredAt"]) == (status, None)


def test_the_cause_stands_beside_the_error_code() -> None:
    failed = replace(FACTS, status="UNDELIVERABLE", error_code="027", cause="ABSENT_SUBSCRIBER")
    for publication in (
        *outcomes.receipt_publications(matched(failed), now=NOW),
        outcomes.unmatched_publication(failed),
    ):
        assert told(publication)["cause"] == "ABSENT_SUBSCRIBER"


def test_optional_parameters_stand_under_the_profiles_names_or_not_at_all() -> None:
    named = replace(FACTS, tlvs=(("mccMnc", "41220"), ("cost", "12")))
    for publication in (
        *outcomes.receipt_publications(matched(named), now=NOW),
        outcomes.unmatched_publication(named),
    ):
        assert told(publication)["tlvs"] == {"mccMnc": "41220", "cost": "12"}
    assert "tlvs" not in told(outcomes.unmatched_publication(FACTS))


def test_a_cause_that_an_operators_table_names_later_makes_no_other_event() -> None:
    named = replace(FACTS, error_code="027", cause="ABSENT_SUBSCRIBER")
    [first], [second] = (
        outcomes.receipt_publications(matched(one), now=NOW) for one in (named, replace(named, cause="UNKNOWN"))
    )
    assert first.msg_id == second.msg_id


def test_an_error_code_stays_as_sent() -> None:
    event = told(outcomes.receipt_publications(matched(replace(FACTS, error_code="099")), now=NOW)[0])
    assert (event["smppErrorCode"], event["errorCode"]) == ("099", "099")


@pytest.mark.parametrize(
    "other",
    [
        replace(FACTS, receipt_key=43),
        replace(FACTS, stat="EXPIRED"),
        replace(FACTS, error_code="001"),
        replace(FACTS, done_at=None),
    ],
)
def test_other_facts_are_another_event(other: ReceiptFacts) -> None:
    [first], [second] = (outcomes.receipt_publications(matched(facts), now=NOW) for facts in (FACTS, other))
    assert first.msg_id != second.msg_id
    assert told(first)["eventId"] != told(second)["eventId"]


def test_a_receipt_that_settles_a_part_in_doubt_tells_the_result_too() -> None:
    publications = outcomes.receipt_publications(matched(settled=message(part(RECEIVED))), now=NOW)
    assert [one.subject for one in publications] == [subjects.DLR_INBOUND, subjects.SUBMIT_RESULT]
    assert told(publications[1])["result"] == "ACCEPTED"


def test_a_receipt_the_inbox_gave_up_on_names_no_message() -> None:
    publication = outcomes.unmatched_publication(FACTS)
    event = told(publication)
    assert (event["messageId"], event["segment"], event["segments"], event["submittedAt"]) == (None,) * 4
    assert event["operatorMessageId"] == "0A1B"
    assert event["deliveredAt"] == "2026-04-18T10:29:00.000Z"
    assert publication.msg_id == stable_id(42, "unmatched")
    assert publication.headers == {}


def test_no_number_leaves_with_an_event() -> None:
    publications = [
        *outcomes.receipt_publications(matched(), now=NOW),
        outcomes.unmatched_publication(FACTS),
    ]
    assert not any(b"93701234567" in one.payload for one in publications)


def test_a_part_given_up_in_doubt_is_told_as_rejected() -> None:
    doubted = part(IN_DOUBT, 2, reason="unanswered", submitted_at=None)
    held = message(part(SUBMITTED, 1), doubted)
    given_up = message(part(SUBMITTED, 1), replace(doubted, reason="in_doubt_failed", failed=True))
    [before] = outcomes.message_publications(held, now=NOW)
    told_result, own = outcomes.message_publications(given_up, now=NOW)
    assert (told(before)["result"], told(told_result)["result"]) == ("IN_DOUBT", "REJECTED")
    assert (told(told_result)["reason"], told(told_result)["commandStatus"]) == ("in_doubt_failed", None)
    assert (told(own)["status"], told(own)["segment"], told(own)["final"]) == ("REJECTED", 2, True)
    assert len({before.msg_id, told_result.msg_id, own.msg_id}) == 3
