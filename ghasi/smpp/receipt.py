"""Delivery receipts: what a deliver_sm or data_sm says about a message sent earlier (SMPP 3.4 §2.11,
appendix B).

The TLVs are believed first, then the text, which is read tolerantly: its form is the operator's own. What
cannot be read is named as such and never becomes a failure state. An incoming message is told from a
receipt and left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final

from ghasi.smpp.constants import ESM_INTERMEDIATE, ESM_RECEIPT, ESM_TYPE_MASK, ESM_UDHI, MessageState
from ghasi.smpp.pdu_message import DataSm, DeliverSm
from ghasi.smpp.receipt_dates import ReceiptDate, parse_date
from ghasi.smpp.receipt_ids import IdBase, fold_id, id_keys, strip_id
from ghasi.smpp.receipt_states import (
    FINAL_STATES,
    DlrState,
    dlr_state,
    state_of_number,
    state_of_tlv,
    state_of_word,
)
from ghasi.smpp.receipt_text import (
    Fields,
    looks_comma_separated,
    looks_like_receipt,
    read_columns,
    read_fields,
)
from ghasi.smpp.tlv import Tag, find

__all__ = [
    "DlrState",
    "IdBase",
    "Receipt",
    "ReceiptRules",
    "Unreadable",
    "fold_id",
    "id_keys",
    "parse_receipt",
]


class Unreadable(StrEnum):
    """Why a receipt cannot be matched or judged."""

    EMPTY = "empty"
    """Marked as a receipt, but neither text nor TLVs."""
    NO_FIELDS = "no_fields"
    """Text without a single known key."""
    COMMA_SEPARATED = "comma_separated"
    """A list of values whose meaning no layout names (ReceiptRules.columns)."""
    NO_ID = "no_id"
    NO_STATE = "no_state"


@dataclass(frozen=True, slots=True)
class ReceiptRules:
    """An operator's dialect; the defaults read every form that needs no knowledge of the operator.

    `unmarked`: take a receipt whose esm_class does not say so, by its TLV or its shape.
    `words`: stat words (upper case) that mean another message_state here.
    `columns`: field names of a comma-separated text, in order (read_fields lists them; "" skips one).
    `decode`: octets and data_coding to text, where the default (UTF-16BE if it is, else Latin-1) is wrong.
    """

    zone: tzinfo = UTC
    unmarked: bool = True
    unknown_is_final: bool = False
    words: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    decode: Callable[[bytes, int], str] | None = None


PLAIN_RULES: Final = ReceiptRules()

_NULL_WORDS: Final = {"", "null", "none", "nil", "n/a", "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One receipt. `id`, `stat` and `error` are as sent; `state` is the platform's word (docs/contract.md
    §3).

    `ids` are all distinct ids it names, the TLV's first. `message_state` is the TLV's number,
    `network_error_code` the TLV's octets. `intermediate` is esm_class 0x20: never `final`, whatever `state`
    says. `text` is the sender's own text as far as the operator repeats it. For an incoming message
    `is_receipt` is False and all else empty.
    """

    is_receipt: bool
    ids: tuple[str, ...] = ()
    stat: str | None = None
    state: DlrState | None = None
    final: bool = False
    intermediate: bool = False
    message_state: int | None = None
    error: str | None = None
    network_error_code: bytes | None = None
    submitted: ReceiptDate | None = None
    done: ReceiptDate | None = None
    text: str | None = field(default=None, repr=False)
    user_message_reference: bytes | None = None
    unreadable: Unreadable | None = None
    zone: tzinfo = UTC

    @property
    def readable(self) -> bool:
        """A receipt with an id and a state."""
        return self.is_receipt and self.unreadable is None

    @property
    def id(self) -> str | None:
        """The id to look for first."""
        return self.ids[0] if self.ids else None

    @property
    def submit_date(self) -> datetime | None:
        """As written, without zone."""
        return self.submitted.local if self.submitted else None

    @property
    def done_date(self) -> datetime | None:
        """As written, without zone."""
        return self.done.local if self.done else None

    @property
    def done_at(self) -> datetime | None:
        """The moment the done date means, in UTC: by its own offset, else in the operator's zone."""
        return self.done.at(self.zone) if self.done else None

    @property
    def error_code(self) -> str | None:
        """The error for an event: the text's as sent, else the TLV's number with at least three digits."""
        if self.error is not None and self.error.lower() not in _NULL_WORDS:
            return self.error
        number = network_error(self.network_error_code)
        return None if number is None else f"{number:03d}"

    def lookup_keys(self, base: IdBase | str = IdBase.TEXT) -> list[str]:
        """`id_keys` of all its ids, without repeats, the first id's first."""
        return list(dict.fromkeys(key for raw in self.ids for key in id_keys(raw, base=base)))


def parse_receipt(pdu: DeliverSm | DataSm, rules: ReceiptRules = PLAIN_RULES) -> Receipt:
    """What `pdu` says by an operator's `rules`. Never raises: what cannot be read is `unreadable` by name."""
    kind = pdu.esm_class & ESM_TYPE_MASK
    intermediate = bool(kind & ESM_INTERMEDIATE)
    body = _body(pdu, rules)
    tlv_id = _tlv_id(pdu)
    message_state = state_of_tlv(_tlv_value(pdu, Tag.MESSAGE_STATE) or b"")
    fields = _fields(body, rules, tlv_id=tlv_id, state_given=message_state is not None)
    marked = intermediate or bool(kind & ESM_RECEIPT)
    if not marked and not (rules.unmarked and (tlv_id or looks_like_receipt(body, fields))):
        return Receipt(is_receipt=False, zone=rules.zone)
    text_id = _unless_null(fields.get("id"))
    ids = tuple(dict.fromkeys(raw for raw in (tlv_id, text_id) if raw))
    stat = _unless_null(fields.get("stat"))
    state = _state(message_state, stat, rules)
    has_state = stat is not None or message_state is not None
    return Receipt(
        is_receipt=True,
        ids=ids,
        stat=stat,
        state=dlr_state(state) if has_state else None,
        final=not intermediate and _is_final(state, rules),
        intermediate=intermediate,
        message_state=message_state,
        error=fields.get("err") or None,
        network_error_code=_tlv_value(pdu, Tag.NETWORK_ERROR_CODE),
        submitted=parse_date(fields.get("submit_date", "")),
        done=parse_date(fields.get("done_date", "")),
        text=fields.get("text"),
        user_message_reference=_tlv_value(pdu, Tag.USER_MESSAGE_REFERENCE),
        unreadable=None if ids and has_state else _why_unreadable(body, fields, bool(ids), has_state),
        zone=rules.zone,
    )


def network_error(value: bytes | None) -> int | None:
    """The code in a network_error_code TLV: of three octets the last two (SMPP 3.4 §5.3.2.31).

    Three ASCII digits are that number and a single octet is the code, as some operators send it; else None.
    """
    if value and len(value) == 3:
        return int(value) if value.isdigit() else int.from_bytes(value[1:], "big")
    return value[0] if value and len(value) == 1 else None


def _state(message_state: int | None, stat: str | None, rules: ReceiptRules) -> MessageState | None:
    """The TLV's state, else the word's: a number no table lists must not hide a word that one does."""
    by_tlv = None if message_state is None else state_of_number(message_state)
    if by_tlv is not None or stat is None:
        return by_tlv
    return state_of_word(stat, rules.words)


def _is_final(state: MessageState | None, rules: ReceiptRules) -> bool:
    return state in FINAL_STATES or (state is MessageState.UNKNOWN and rules.unknown_is_final)


def _why_unreadable(body: str, fields: Fields, has_id: bool, has_state: bool) -> Unreadable:
    if not has_id and not has_state and not fields:
        if not body.strip():
            return Unreadable.EMPTY
        return Unreadable.COMMA_SEPARATED if looks_comma_separated(body) else Unreadable.NO_FIELDS
    return Unreadable.NO_STATE if has_id else Unreadable.NO_ID


def _unless_null(value: str | None) -> str | None:
    return None if value is None or value.lower() in _NULL_WORDS else value


def _fields(body: str, rules: ReceiptRules, *, tlv_id: str | None, state_given: bool) -> Fields:
    if rules.columns and looks_comma_separated(body):
        return read_columns(body, rules.columns)
    given = [name for name, known in (("id", tlv_id), ("stat", state_given)) if known]
    return read_fields(body, given=given)


def _tlv_value(pdu: DeliverSm | DataSm, tag: Tag) -> bytes | None:
    tlv = find(pdu.tlvs, tag)
    return tlv.value if tlv else None


def _tlv_id(pdu: DeliverSm | DataSm) -> str | None:
    value = _tlv_value(pdu, Tag.RECEIPTED_MESSAGE_ID)
    return strip_id(value.decode("latin-1")).partition("\0")[0] or None if value else None


def _body(pdu: DeliverSm | DataSm, rules: ReceiptRules) -> str:
    """The text of a PDU from either carrier, its user data header taken off."""
    short_message = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    data = short_message or _tlv_value(pdu, Tag.MESSAGE_PAYLOAD) or b""
    if pdu.esm_class & ESM_UDHI and data and data[0] < len(data):
        data = data[1 + data[0] :]
    if rules.decode is not None:
        return rules.decode(data, pdu.data_coding)
    return _decode(data, pdu.data_coding)


def _decode(data: bytes, data_coding: int) -> str:
    """UTF-16 where it is declared or plainly is, else Latin-1, which no octet fails."""
    declared = data_coding == 0x08 or data_coding & 0xFC == 0x18
    if data[:2] == b"\xff\xfe" or (len(data) >= 4 and data[1] == 0 == data[3] and data[0]):
        return data.decode("utf-16-le", "replace").lstrip("\ufeff")
    if (declared and not _is_ascii_text(data)) or (len(data) >= 4 and data[0] == 0 == data[2] and data[1]):
        return data.decode("utf-16-be", "replace").lstrip("\ufeff")
    return data.rstrip(b"\0").decode("latin-1")


def _is_ascii_text(data: bytes) -> bool:
    """Keys in UTF-16 hold NULs; a receipt said to be UCS-2 that has none is plain ASCII after all."""
    return data.isascii() and b"\0" not in data
