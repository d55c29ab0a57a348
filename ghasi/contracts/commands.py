"""SmsDispatchCommand v1.0 (docs/contract.md §2): from bytes to a checked command, or why it is none."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from ghasi.contracts import timers


class DeadReason(StrEnum):
    """Why a command can never be sent; the header `Smpp-Reason` of its dead letter."""

    NOT_JSON = "not_json"
    MALFORMED = "malformed"
    UNSUPPORTED_VERSION = "unsupported_version"
    OPERATOR_MISMATCH = "operator_mismatch"
    TOO_BIG = "too_big"
    TOO_LONG = "too_long"
    BAD_TIME = "bad_time"
    BAD_DESTINATION = "bad_destination"
    BAD_SENDER = "bad_sender"
    BAD_TEXT = "bad_text"


class Refused(Exception):
    """The command becomes a dead letter. `detail` names the field and the rule, never a value."""

    def __init__(self, reason: DeadReason, detail: str, message_id: str | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.message_id = message_id


class SmsDispatchCommand(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One SMS to send. `to` and `text` never reach a log: the repr leaves them out."""

    version: str
    event_id: UUID
    message_id: UUID
    to: str
    sender: str = msgspec.field(name="from")
    text: str
    operator_id: UUID
    account_id: Annotated[str, msgspec.Meta(max_length=128)]
    message_type: Literal["SMS", "FLASH"]
    encoding: Literal["GSM7", "UCS2"]
    long_message_strategy: Literal["CSMS", "TLV"]
    enqueued_at: Annotated[datetime, msgspec.Meta(tz=True)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    traceparent: str | None = None

    def __repr__(self) -> str:
        return f"SmsDispatchCommand(message_id={self.message_id}, operator_id={self.operator_id})"


class _Peek(msgspec.Struct, rename="camel"):
    version: str | None = None
    message_id: str | None = None


_decoder = msgspec.json.Decoder(SmsDispatchCommand)
LAST_YEAR = 9999
"""In another zone its last day is no date any more."""
_DIGITS = re.compile(r"\+?[0-9]{5,15}\Z")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z", re.IGNORECASE)


def decode_command(
    data: bytes, *, operator_id: str, now: datetime, retention_days: int, replayed: bool = False
) -> SmsDispatchCommand:
    """A command fit to be segmented, or Refused. `operator_id` is the one its subject names.

    A `replayed` command may be of any age: its rows go under today. Text length in parts is not judged here: it
    depends on the operator's alphabet.
    """
    if len(data) > timers.MAX_COMMAND_OCTETS:
        raise Refused(DeadReason.TOO_BIG, f"{len(data)} octets, at most {timers.MAX_COMMAND_OCTETS}")
    try:
        command = _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _explain(data, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(DeadReason.NOT_JSON, "not a JSON object in UTF-8") from None
    message_id = str(command.message_id)
    _check_version(command.version, message_id)
    if str(command.operator_id) != operator_id.lower():
        raise Refused(DeadReason.OPERATOR_MISMATCH, "operatorId is not the subject's", message_id)
    _check_fields(command, message_id)
    _check_times(command, message_id, now, None if replayed else retention_days)
    return command


def _explain(data: bytes, error: str) -> Refused:
    """A command of another major version has other fields: the version is the reason then."""
    message_id: str | None = None
    try:
        peek = msgspec.json.decode(data, type=_Peek)
    except msgspec.DecodeError:
        return Refused(DeadReason.MALFORMED, _field_of(error))
    message_id = _valid_uuid(peek.message_id)
    if peek.version is not None and not peek.version.startswith("1."):
        return Refused(DeadReason.UNSUPPORTED_VERSION, "version is not 1.x", message_id)
    return Refused(DeadReason.MALFORMED, _field_of(error), message_id)


def _valid_uuid(value: str | None) -> str | None:
    try:
        return str(UUID(value)) if value else None
    except ValueError:
        return None


_SAFE_ERROR = re.compile(
    r"^(Expected `[^`]*`(?:, got `[^`]*`)?|Object missing required field `[^`]*`|Invalid [A-Za-z0-9 ]+)"
)


def _field_of(error: str) -> str:
    """msgspec's message without any value of the sender's: rule and place only."""
    place = re.search(r" - at `(\$[^`]*)`$", error)
    rule = _SAFE_ERROR.match(error)
    return f"{rule.group(1) if rule else 'invalid value'}{' at ' + place.group(1) if place else ''}"


def _check_version(version: str, message_id: str) -> None:
    if not re.fullmatch(r"1\.[0-9]{1,3}", version):
        raise Refused(DeadReason.UNSUPPORTED_VERSION, "version is not 1.x", message_id)


def _check_fields(command: SmsDispatchCommand, message_id: str) -> None:
    if not _UUID4.match(str(command.event_id)):
        raise Refused(DeadReason.MALFORMED, "eventId is not a UUID v4", message_id)
    if not _DIGITS.match(command.to):
        raise Refused(DeadReason.BAD_DESTINATION, "to is not an E.164 number of 5 to 15 digits", message_id)
    if not command.text:
        raise Refused(DeadReason.BAD_TEXT, "text is empty", message_id)
    if "\x00" in command.text:
        raise Refused(DeadReason.BAD_TEXT, "text holds NUL", message_id)


def _check_times(command: SmsDispatchCommand, message_id: str, now: datetime, retention_days: int | None) -> None:
    if retention_days is not None and command.enqueued_at < now - timedelta(days=retention_days):
        raise Refused(DeadReason.BAD_TIME, "enqueuedAt is older than the ledger's retention", message_id)
    if command.enqueued_at > now + timedelta(seconds=timers.ENQUEUED_AHEAD):
        raise Refused(DeadReason.BAD_TIME, "enqueuedAt is over an hour ahead", message_id)
    if command.expires_at.year >= LAST_YEAR:
        raise Refused(DeadReason.BAD_TIME, "expiresAt is beyond the year 9998", message_id)
