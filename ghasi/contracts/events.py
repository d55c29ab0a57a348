"""Events the connector publishes (docs/contract.md §3, §4, §5) and their idempotency keys."""

from __future__ import annotations

import hashlib
import uuid
from enum import StrEnum

import msgspec

NAMESPACE = uuid.UUID("6f2f1c1e-8b35-5d6e-9a57-0c1f4b9a2d71")


class DlrStatus(StrEnum):
    DELIVERED = "DELIVERED"
    UNDELIVERABLE = "UNDELIVERABLE"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTED"


class SubmitResult(StrEnum):
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    IN_DOUBT = "IN_DOUBT"
    DEAD = "DEAD"


class HealthStatus(StrEnum):
    BOUND = "BOUND"
    UNBOUND = "UNBOUND"
    FAILBACK = "FAILBACK"


class DlrInboundEvent(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """docs/contract.md §3; times are ISO 8601 in UTC with milliseconds."""

    event_id: str
    occurred_at: str
    message_id: str | None
    operator_message_id: str
    operator_id: str
    status: DlrStatus
    delivered_at: str | None
    smpp_error_code: str | None
    stat: str | None
    final: bool
    segment: int | None
    segments: int | None
    error_code: str | None
    submitted_at: str | None
    cause: str | None = None
    traceparent: str | None = None
    tlvs: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """By the names of the operator's profile; left out where there are none."""
    version: str = "1.0"


class OperatorHealthEvent(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """docs/contract.md §4. `reason` is left out where there is none."""

    event_id: str
    occurred_at: str
    operator_id: str
    operator_name: str
    status: HealthStatus
    previous_status: HealthStatus | None
    version: str
    reason: str | msgspec.UnsetType = msgspec.UNSET


class SubmitResultEvent(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """docs/contract.md §5: one per message and attempt when its last part is settled."""

    event_id: str
    occurred_at: str
    message_id: str | None
    account_id: str | None
    operator_id: str
    result: SubmitResult
    segments: int
    operator_message_ids: list[str | None]
    command_status: str | None
    reason: str | None
    possible_duplicate: bool
    attempt: int
    version: str = "1.0"


Event = DlrInboundEvent | OperatorHealthEvent | SubmitResultEvent
_encoder = msgspec.json.Encoder()
_NAMESPACE = NAMESPACE.bytes


def encode_event(event: Event) -> bytes:
    return _encoder.encode(event)


def stable_id(*parts: object) -> str:
    """UUIDv5 over the parts: equal facts give an equal `Nats-Msg-Id`, so that a repeat is dropped."""
    name = "\x1f".join(["" if part is None else str(part) for part in parts])
    return uuid_text(hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest(), 5)


def uuid_text(digest: bytes, version: int) -> str:
    """The first 16 octets as a UUID of this version, written out (RFC 9562 §5.5, §5.8); `uuid` takes four times as
    long, several times a message."""
    text = digest[:16].hex()
    variant = "89ab"[digest[8] >> 4 & 3]
    return f"{text[:8]}-{text[8:12]}-{version:x}{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def receipt_msg_id(operator_id: str, frame: bytes) -> str:
    """`Nats-Msg-Id` of a receipt: its PDU without the sequence number, which a repeating SMSC changes."""
    digest = hashlib.sha256(operator_id.encode() + frame[:12] + frame[16:]).hexdigest()
    return digest[:40]
