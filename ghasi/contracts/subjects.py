"""Every subject, stream, durable and bucket name, once (docs/contract.md §1)."""

from __future__ import annotations

SMS_DISPATCH = "SMS_DISPATCH"
DLR_EVENTS = "DLR_EVENTS"
OPERATOR_EVENTS = "OPERATOR_EVENTS"
SMPP_RECEIPTS = "SMPP_RECEIPTS"
SUBMIT_EVENTS = "SUBMIT_EVENTS"
SMPP_DEAD = "SMPP_DEAD"

DLR_INBOUND = "sms.dlr.inbound"
SUBMIT_RESULT = "sms.submit.result"
OPERATOR_HEALTH = "operator.health"

BUCKET_REPLICAS = "smpp_replicas"
BUCKET_SLOTS = "smpp_slots"
BUCKET_SESSIONS = "smpp_sessions"
BUCKET_WANTED = "smpp_wanted"
BUCKET_PROFILES = "SMPP_PROFILES"

HEADER_KIND = "Smpp-Kind"
KIND_RESPONSE = "response"
HEADER_REPLAY = "Smpp-Replay"
HEADER_REASON = "Smpp-Reason"
HEADER_TAKEN_AT = "Smpp-Taken-At"
HEADER_MSG_ID = "Nats-Msg-Id"
HEADER_TRACEPARENT = "traceparent"


def dispatch(operator_id: str) -> str:
    """The subject of one operator's commands."""
    return f"smpp.operator.{operator_id}"


def dispatch_operator(subject: str) -> str:
    """The operator a dispatch subject names."""
    return subject.rsplit(".", 1)[-1]


def dispatch_durable(operator_id: str) -> str:
    return f"smpp-connector-{operator_id}"


def receipt(operator_id: str) -> str:
    """The subject on which the gateway publishes one operator's receipts and late responses."""
    return f"smpp.receipt.{operator_id}"


def receipt_durable(operator_id: str) -> str:
    return f"smpp-receipts-{operator_id}"


def dead(operator_id: str) -> str:
    """The subject of one operator's dead letters."""
    return f"smpp.dead.{operator_id}"


def submit(operator_id: str, replica: str) -> str:
    """The request subject on which one gateway replica takes PDUs for one operator."""
    return f"smpp.session.{operator_id}.{replica}.submit"


def control(operator_id: str, replica: str | None = None) -> str:
    """The control subject of an operator: every holder answers, or the one replica named."""
    return f"smpp.control.{operator_id}" if replica is None else f"smpp.control.{operator_id}.{replica}"


def trace(operator_id: str, trace_id: str) -> str:
    """Where copies of an operator's PDUs go while somebody watches."""
    return f"smpp.trace.{operator_id}.{trace_id}"


def session_key(operator_id: str, replica: str) -> str:
    """Key of a session record in the sessions bucket."""
    return f"{operator_id}.{replica}"


def slot_key(operator_id: str, slot: int) -> str:
    """Key of a bind slot in the slots bucket."""
    return f"{operator_id}.{slot}"
