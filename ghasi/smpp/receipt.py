"""Delivery receipts: what a deliver_sm or data_sm says about a message sent earlier (SMPP 3.4 §2.11,
appendix B).

The TLVs are believed first, then the text, which is read tolerantly: its form is the operator's own. What
cannot be read is named as such and never becomes a failure state. An incoming message is told from a
receipt and left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from ghasi.smpp.cause_tables import cause_in_network
from ghasi.smpp.causes import NULL_WORDS, Cause, NetworkError, read_network_error, says_nothing
from ghasi.smpp.constants import ESM_INTERMEDIATE, ESM_RECEIPT, ESM_TYPE_MASK, MessageState
from ghasi.smpp.pdu_message import DataSm, DeliverSm
from ghasi.smpp.receipt_body import receipt_text
from ghasi.smpp.receipt_dates import ReceiptDate, parse_date
from ghasi.smpp.receipt_ids import IdBase, fold_id, id_keys, strip_id
from ghasi.smpp.receipt_rules import PLAIN_RULES, IdSource, ReceiptRules
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
    Layout,
    layout_of,
    looks_like_receipt,
    looks_separated,
    read_columns,
    read_fields,
)
from ghasi.smpp.tlv import Tag, find

__all__ = [
    "DlrState",
    "IdBase",
    "IdSource",
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
    """Values without keys, whose meaning no layout names (ReceiptRules.columns)."""
    NO_ID = "no_id"
    NO_STATE = "no_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One receipt. `id`, `stat` and `error` are as sent; `state` is the platform's word (docs/contract.md
    §3).

    `ids` are all distinct ids it names, the TLV's first; `key_ids` what the operator's rules leave of them to be
    looked for. `message_state` is the TLV's number, `network_error_code` the TLV's octets. `intermediate` is
    esm_class 0x20: never `final`, whatever `state` says. `cause` is why it was not delivered, None where the
    operator names no error. `text` is the sender's own text as far as the operator repeats it. For an incoming
    message `is_receipt` is False and all else empty.
    """

    is_receipt: bool
    ids: tuple[str, ...] = ()
    key_ids: tuple[str, ...] = ()
    stat: str | None = None
    state: DlrState | None = None
    final: bool = False
    intermediate: bool = False
    message_state: int | None = None
    error: str | None = None
    network_error_code: bytes | None = None
    cause: Cause | None = None
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
    def network_error(self) -> NetworkError | None:
        """Network and code in the TLV."""
        return read_network_error(self.network_error_code)

    @property
    def error_code(self) -> str | None:
        """The error for an event: the text's as sent, else the TLV's number with at least three digits."""
        return _error_code(self.error, self.network_error)

    def lookup_keys(self, base: IdBase | str = IdBase.TEXT) -> list[str]:
        """`id_keys` of all its ids, without repeats, the first id's first."""
        return list(dict.fromkeys(key for raw in self.key_ids for key in id_keys(raw, base=base)))


def parse_receipt(pdu: DeliverSm | DataSm, rules: ReceiptRules = PLAIN_RULES) -> Receipt:
    """What `pdu` says by an operator's `rules`. Never raises: what cannot be read is `unreadable` by name."""
    kind = pdu.esm_class & ESM_TYPE_MASK
    intermediate = bool(kind & ESM_INTERMEDIATE)
    body = receipt_text(pdu, rules.decode)
    layout = layout_of(rules.keys, rules.mark)
    tlv_id = _tlv_id(pdu)
    message_state = state_of_tlv(_tlv_value(pdu, Tag.MESSAGE_STATE) or b"")
    fields = _fields(body, rules, layout, tlv_id=tlv_id, state_given=message_state is not None)
    marked = intermediate or bool(kind & ESM_RECEIPT)
    if not marked and not (rules.unmarked and (tlv_id or _looks_like_receipt(body, fields, rules, layout))):
        return Receipt(is_receipt=False, zone=rules.zone)
    text_id = _unless_null(fields.get("id"))
    ids = tuple(dict.fromkeys(raw for raw in (tlv_id, text_id) if raw))
    stat = _unless_null(fields.get("stat"))
    state = _state(message_state, stat, rules)
    has_state = stat is not None or message_state is not None
    error = fields.get("err") or None
    network_error_code = _tlv_value(pdu, Tag.NETWORK_ERROR_CODE)
    return Receipt(
        is_receipt=True,
        ids=ids,
        key_ids=ids if rules.plain_ids else _key_ids(tlv_id, text_id, rules),
        stat=stat,
        state=dlr_state(state) if has_state else None,
        final=not intermediate and _is_final(state, rules),
        intermediate=intermediate,
        message_state=message_state,
        error=error,
        network_error_code=network_error_code,
        cause=cause_of(state, error, stat, read_network_error(network_error_code), rules),
        submitted=parse_date(fields.get("submit_date", ""), rules.date_forms),
        done=parse_date(fields.get("done_date", ""), rules.date_forms),
        text=fields.get("text"),
        user_message_reference=_tlv_value(pdu, Tag.USER_MESSAGE_REFERENCE),
        unreadable=None if ids and has_state else _why_unreadable(body, fields, rules, bool(ids), has_state),
        zone=rules.zone,
    )


def _looks_like_receipt(body: str, fields: Fields, rules: ReceiptRules, layout: Layout) -> bool:
    """A person's message may well have as many commas as a receipt: without keys its state must be a known one."""
    if not looks_like_receipt(body, fields, layout):
        return False
    return (
        not rules.columns
        or bool(layout.pattern.search(body))
        or state_of_word(fields["stat"], rules.words) is not None
    )


def cause_of(
    state: MessageState | None,
    error: str | None,
    stat: str | None,
    network: NetworkError | None,
    rules: ReceiptRules,
) -> Cause | None:
    """Why a message in `state` was not delivered; None where it was, or no error is named.

    Asked in this order: the operator's table for the code in the text, for the TLV's and for the stat word, then the
    table of the network that the TLV names.
    """
    if state is MessageState.DELIVERED:
        return None
    codes = rules.errors
    written = None if says_nothing(error) else error
    reported = None if network is None or network.code == 0 else network.code
    named = (
        (codes.named(written) if written is not None else None)
        or (codes.named_number(reported) if reported is not None else None)
        or (codes.named(stat) if stat is not None else None)
        or cause_in_network(network)
    )
    return named or (None if written is None and reported is None else Cause.UNKNOWN)


def _error_code(error: str | None, network: NetworkError | None) -> str | None:
    if error is not None and error.lower() not in NULL_WORDS:
        return error
    return None if network is None else f"{network.code:03d}"


def _key_ids(tlv_id: str | None, text_id: str | None, rules: ReceiptRules) -> tuple[str, ...]:
    """By the operator's rule of which id counts; where the one it names is missing, the other."""
    both = (tlv_id, text_id)
    if tlv_id and text_id and rules.id_source is not IdSource.BOTH:
        both = (tlv_id, None) if rules.id_source is IdSource.TLV else (None, text_id)
    return tuple(dict.fromkeys(rules.key_id(raw) for raw in both if raw))


def _state(message_state: int | None, stat: str | None, rules: ReceiptRules) -> MessageState | None:
    """The TLV's state, else the word's: a number no table lists must not hide a word that one does."""
    by_tlv = None if message_state is None else state_of_number(message_state)
    if by_tlv is not None or stat is None:
        return by_tlv
    return state_of_word(stat, rules.words)


def _is_final(state: MessageState | None, rules: ReceiptRules) -> bool:
    return state in FINAL_STATES or (state is MessageState.UNKNOWN and rules.unknown_is_final)


def _why_unreadable(body: str, fields: Fields, rules: ReceiptRules, has_id: bool, has_state: bool) -> Unreadable:
    if not has_id and not has_state and not fields:
        if not body.strip():
            return Unreadable.EMPTY
        return Unreadable.COMMA_SEPARATED if looks_separated(body, rules.separator) else Unreadable.NO_FIELDS
    return Unreadable.NO_STATE if has_id else Unreadable.NO_ID


def _unless_null(value: str | None) -> str | None:
    return None if value is None or value.lower() in NULL_WORDS else value


def _fields(body: str, rules: ReceiptRules, layout: Layout, *, tlv_id: str | None, state_given: bool) -> Fields:
    least = max(1, min(3, len(rules.columns) - 1))
    if rules.columns and rules.separator and looks_separated(body, rules.separator, layout, least):
        return read_columns(body, rules.columns, rules.separator)
    given = [name for name, known in (("id", tlv_id), ("stat", state_given)) if known]
    fields = read_fields(body, given=given, layout=layout, date_forms=rules.date_forms)
    if "stat" not in fields:
        fields |= _bare_word(fields, rules)
    return fields


def _bare_word(fields: Fields, rules: ReceiptRules) -> Fields:
    """A state that stands behind a date without its key."""
    for name in ("done_date", "submit_date"):
        _, _, rest = fields.get(name, "").partition(" ")
        if rest.isalpha() and state_of_word(rest, rules.words) is not None:
            return {"stat": rest}
    return {}


def _tlv_value(pdu: DeliverSm | DataSm, tag: Tag) -> bytes | None:
    tlv = find(pdu.tlvs, tag)
    return tlv.value if tlv else None


def _tlv_id(pdu: DeliverSm | DataSm) -> str | None:
    value = _tlv_value(pdu, Tag.RECEIPTED_MESSAGE_ID)
    return strip_id(value.decode("latin-1")).partition("\0")[0] or None if value else None
