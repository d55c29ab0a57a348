"""SmsDispatchCommand v1.0 (docs/contract.md §2): from bytes to a checked command, or why it is none."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal
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
    """The command becomes a dead letter. `detail` names the field and the rule, never a value; `by_rules` says that
    an operator of other rules might take it."""

    def __init__(
        self, reason: DeadReason, detail: str, message_id: str | None = None, *, by_rules: bool = False
    ) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.by_rules = by_rules
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
    encoding: Literal["GSM7", "UCS2", "LATIN1", "ASCII", "ISO-8859-5", "BINARY"]
    long_message_strategy: Literal["CSMS", "TLV"]
    enqueued_at: Annotated[datetime, msgspec.Meta(tz=True)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    traceparent: str | None = None
    udh: str | None = None
    """Elements of the user data header of a BINARY body, in hexadecimal."""
    metadata: Any = None
    """What the platform keeps with the message, where it is an object; an operator's TLVs may name its values."""

    def __repr__(self) -> str:
        return f"SmsDispatchCommand(message_id={self.message_id}, operator_id={self.operator_id})"


class _Peek(msgspec.Struct, rename="camel"):
    version: str | None = None
    message_id: str | None = None


_decoder = msgspec.json.Decoder(SmsDispatchCommand)
LAST_YEAR = 9999
"""In another zone its last day is no date any more."""
_DIGITS = re.compile(r"\+?[0-9]{5,15}\Z")
_VERSION_AND_VARIANT = (4, 0b10)
"""Of a UUID v4 (RFC 9562 §5.4)."""
_AHEAD = timedelta(seconds=timers.ENQUEUED_AHEAD)
Problem = tuple[DeadReason, str]
"""Why a command can never be sent, and the field and rule."""


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
    problem = (
        _version_problem(command.version)
        or _operator_problem(command, operator_id)
        or _field_problem(command)
        or _time_problem(command, now, None if replayed else retention_days)
    )
    if problem is not None:
        raise Refused(*problem, str(command.message_id))
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


def _version_problem(version: str) -> Problem | None:
    if version != "1.0" and not re.fullmatch(r"1\.[0-9]{1,3}", version):
        return DeadReason.UNSUPPORTED_VERSION, "version is not 1.x"
    return None


def _operator_problem(command: SmsDispatchCommand, operator_id: str) -> Problem | None:
    if command.operator_id != _uuid(operator_id):
        return DeadReason.OPERATOR_MISMATCH, "operatorId is not the subject's"
    return None


@lru_cache(maxsize=4096)
def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _field_problem(command: SmsDispatchCommand) -> Problem | None:
    number = command.event_id.int
    if (number >> 76 & 0xF, number >> 62 & 0x3) != _VERSION_AND_VARIANT:
        return DeadReason.MALFORMED, "eventId is not a UUID v4"
    if not _DIGITS.match(command.to):
        return DeadReason.BAD_DESTINATION, "to is not an E.164 number of 5 to 15 digits"
    if not command.text:
        return DeadReason.BAD_TEXT, "text is empty"
    if "\x00" in command.text:
        return DeadReason.BAD_TEXT, "text holds NUL"
    return None


def _time_problem(command: SmsDispatchCommand, now: datetime, retention_days: int | None) -> Problem | None:
    if retention_days is not None and command.enqueued_at < now - timedelta(days=retention_days):
        return DeadReason.BAD_TIME, "enqueuedAt is older than the ledger's retention"
    if command.enqueued_at > now + _AHEAD:
        return DeadReason.BAD_TIME, "enqueuedAt is over an hour ahead"
    if command.expires_at.year >= LAST_YEAR:
        return DeadReason.BAD_TIME, "expiresAt is beyond the year 9998"
    return None
