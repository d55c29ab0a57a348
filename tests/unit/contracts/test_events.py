"""ghasi.contracts.events: the wire form of events, and their idempotency keys."""

from __future__ import annotations

import json

from ghasi.contracts.events import (
    DlrInboundEvent,
    DlrStatus,
    HealthStatus,
    OperatorHealthEvent,
    encode_event,
    receipt_msg_id,
    stable_id,
)


def test_a_receipt_event_has_every_field_of_the_contract() -> None:
    event = DlrInboundEvent(
        event_id="e",
        occurred_at="2026-04-18T10:30:00.000Z",
        message_id=None,
        operator_message_id="id",
        operator_id="o",
        status=DlrStatus.UNKNOWN,
        delivered_at=None,
        smpp_error_code="099",
        stat="WEIRD",
        final=False,
        segment=None,
        segments=None,
        error_code="099",
        submitted_at=None,
    )
    decoded = json.loads(encode_event(event))
    assert decoded["version"] == "1.0"
    assert decoded["messageId"] is None
    assert decoded["smppErrorCode"] == decoded["errorCode"] == "099"
    assert {"eventId", "occurredAt", "operatorMessageId", "operatorId", "status", "deliveredAt"} <= decoded.keys()


def test_a_health_event_leaves_an_absent_reason_out_but_keeps_null_for_the_first_state() -> None:
    event = OperatorHealthEvent(
        event_id="e",
        occurred_at="t",
        operator_id="o",
        operator_name="n",
        status=HealthStatus.BOUND,
        previous_status=None,
        version="1.0",
    )
    decoded = json.loads(encode_event(event))
    assert "reason" not in decoded
    assert decoded["previousStatus"] is None


def test_equal_facts_give_equal_ids() -> None:
    assert stable_id("m", 1, None) == stable_id("m", 1, None)
    assert stable_id("m", 1) != stable_id("m", 2)
    assert stable_id("a", "bc") != stable_id("ab", "c")


def test_a_repeated_receipt_with_another_sequence_number_has_the_same_id() -> None:
    frame = bytes(range(40))
    again = frame[:12] + b"\xff\xff\xff\xff" + frame[16:]
    assert receipt_msg_id("o", frame) == receipt_msg_id("o", again)
    assert receipt_msg_id("o", frame) != receipt_msg_id("p", frame)
    assert receipt_msg_id("o", frame) != receipt_msg_id("o", frame[:-1] + b"\x00")
