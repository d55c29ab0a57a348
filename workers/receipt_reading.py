"""From the octets of SMPP_RECEIPTS to what the ledger can match (docs/contract.md §3). Pure; no input raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from ghasi.contracts.events import DlrStatus
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.subjects import KIND_RESPONSE
from ghasi.contracts.submission import LateResponse, decode_late
from ghasi.correlations.id_hiding import without_own_numbers
from ghasi.correlations.types import ReceiptFacts
from ghasi.profiles.tlv_values import read_tlvs
from ghasi.smpp.errors import SmppError
from ghasi.smpp.pdu import DataSm, DeliverSm, decode_pdu
from ghasi.smpp.receipt import Receipt, parse_receipt
from ghasi.smpp.receipt_ids import receipt_keys
from workers.by_rules import ByRules
from workers.receipt_dialect import Dialect, dialect_of
from workers.receipt_usual import Usual

BROKEN_PDU = "broken_pdu"
OTHER_PDU = "other_pdu"
NOT_A_RECEIPT = "not_a_receipt"
BROKEN_RESPONSE = "broken_response"
LONG_ID = "long_id"
MAX_REFERENCE = 32
"""Octets; ours have two (SMPP 3.4 §5.3.2.17)."""
MAX_KEY = 128
"""Characters; ids are 64 octets at most (SMPP 3.4 §5.2.23), and no index takes one of thousands."""


@dataclass(frozen=True, slots=True)
class RawReceipt:
    """One message of SMPP_RECEIPTS. `kind` is its header `Smpp-Kind`, "" for a receipt."""

    operator_id: str
    stream_seq: int
    frame: bytes
    taken_at: datetime
    kind: str = ""

    def __repr__(self) -> str:
        return f"RawReceipt(operator_id={self.operator_id!r}, stream_seq={self.stream_seq}, kind={self.kind!r})"


@dataclass(frozen=True, slots=True)
class Late:
    """A submit_sm_resp that came after its request was given up, and the row it belongs to."""

    row_id: UUID
    response: LateResponse
    at: datetime


def read_all(batch: Sequence[RawReceipt], rules: SendRules) -> list[ReceiptFacts | Late]:
    """`read` of each message of one operator, in order, in a tenth of the time where the form is the usual one."""
    if not batch:
        return []
    usual = usual_of(batch[0].operator_id, rules)
    dialect = dialect_of(rules)
    found: list[ReceiptFacts | Late] = []
    for raw in batch:
        facts = None if raw.kind else usual.read(raw.frame, raw.stream_seq, raw.taken_at)
        found.append(read_in(dialect, raw) if facts is None else facts)
    return found


class _Readers:
    """What reads the usual form at once, by operator, under equal rules."""

    def __init__(self, rules: SendRules) -> None:
        self._dialect = dialect_of(rules)
        self._usual: dict[str, Usual] = {}

    def of(self, operator_id: str) -> Usual:
        if operator_id not in self._usual:
            dialect = self._dialect
            self._usual[operator_id] = Usual(
                operator_id, dialect.rules, base=dialect.base, submit_dates=dialect.submit_dates
            )
        return self._usual[operator_id]


_readers = ByRules(_Readers)


def usual_of(operator_id: str, rules: SendRules) -> Usual:
    """The short way to read one operator's receipts."""
    return _readers(rules).of(operator_id)


def read(raw: RawReceipt, rules: SendRules) -> ReceiptFacts | Late:
    """What one message of the stream says; what cannot be read is a ReceiptFacts with the reason in `unreadable`."""
    return read_in(dialect_of(rules), raw)


def read_in(dialect: Dialect, raw: RawReceipt) -> ReceiptFacts | Late:
    """`read`, by an operator's dialect."""
    if raw.kind == KIND_RESPONSE:
        return _read_late(raw)
    try:
        pdu = decode_pdu(raw.frame)
    except SmppError:
        return _unreadable(raw, BROKEN_PDU)
    if not isinstance(pdu, DeliverSm | DataSm):
        return _unreadable(raw, OTHER_PDU)
    return _facts(raw, pdu, parse_receipt(pdu, dialect.rules), dialect)


def _read_late(raw: RawReceipt) -> ReceiptFacts | Late:
    try:
        response = decode_late(raw.frame)
        row_id = UUID(response.key)
    except (msgspec.DecodeError, ValueError):
        return _unreadable(raw, BROKEN_RESPONSE)
    if not response.answered_ms:
        return Late(row_id, response, raw.taken_at)
    try:
        return Late(row_id, response, datetime.fromtimestamp(response.answered_ms / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return Late(row_id, response, raw.taken_at)


def _facts(raw: RawReceipt, pdu: DeliverSm | DataSm, receipt: Receipt, dialect: Dialect) -> ReceiptFacts:
    unreadable = receipt.unreadable.value if receipt.unreadable else None
    keys = tuple(receipt_keys(receipt.key_ids, base=dialect.base))
    if not receipt.is_receipt:
        unreadable = NOT_A_RECEIPT
    elif any(len(key) > MAX_KEY for key in keys):
        unreadable, keys = LONG_ID, ()
    return ReceiptFacts(
        receipt_key=raw.stream_seq,
        operator_id=UUID(raw.operator_id),
        operator_message_id=receipt.id or "",
        lookup_keys=keys,
        status=(receipt.state or DlrStatus.UNKNOWN).value,
        stat=receipt.stat,
        final=receipt.final and unreadable is None,
        error_code=receipt.error_code,
        done_at=_moment(receipt),
        taken_at=raw.taken_at,
        destination=pdu.source_addr.lstrip("+"),
        sender=pdu.destination_addr,
        unreadable=unreadable,
        submit_date=_submit_date(receipt, dialect),
        user_message_reference=_reference(receipt),
        cause=receipt.cause.value if receipt.cause else None,
        tlvs=_told(pdu, dialect) if dialect.tlvs and receipt.is_receipt else None,
    )


def _told(pdu: DeliverSm | DataSm, dialect: Dialect) -> tuple[tuple[str, str], ...] | None:
    """Without the digits of the numbers that the receipt is about."""
    numbers = pdu.source_addr, pdu.destination_addr
    return read_tlvs(pdu.tlvs, dialect.tlvs, lambda text: without_own_numbers(text, *numbers)) or None


def _submit_date(receipt: Receipt, dialect: Dialect) -> datetime | None:
    written = receipt.submitted
    if written is None or (written.offset is None and not dialect.submit_dates):
        return None
    try:
        return written.at(receipt.zone)
    except (OverflowError, ValueError):
        return None


def _reference(receipt: Receipt) -> str | None:
    """A value too long for a reference names none of ours."""
    value = receipt.user_message_reference
    return value.hex() if value and len(value) <= MAX_REFERENCE else None


def _moment(receipt: Receipt) -> datetime | None:
    """The done date as a moment; a date at the very edge of the calendar has none in UTC."""
    try:
        return receipt.done_at
    except (OverflowError, ValueError):
        return None


def _unreadable(raw: RawReceipt, reason: str) -> ReceiptFacts:
    return ReceiptFacts(
        receipt_key=raw.stream_seq,
        operator_id=UUID(raw.operator_id),
        operator_message_id="",
        lookup_keys=(),
        status=DlrStatus.UNKNOWN.value,
        stat=None,
        final=False,
        error_code=None,
        done_at=None,
        taken_at=raw.taken_at,
        destination="",
        unreadable=reason,
    )
