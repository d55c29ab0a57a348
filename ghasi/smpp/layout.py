"""Which octets of a PDU are which field, for those who show, mask or judge octets and not values.

The decoder (`ghasi.smpp.codec`) gives what a PDU says and refuses what is broken. This gives where it stands, and
goes as far as a broken PDU can be read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

from ghasi.smpp.codec import PDU_CLASSES
from ghasi.smpp.constants import HEADER_LENGTH
from ghasi.smpp.fields import BrokenField, Counted, CString, FieldType, UInt
from ghasi.smpp.pdu_base import Pdu, field_table
from ghasi.smpp.pdu_multi import DEST_FLAGS, ENTRY_TABLES, Entries, UnsuccessSme
from ghasi.smpp.tlv import Tlv

_HEADER_FIELDS: Final = ("command_length", "command_id", "command_status", "sequence_number")
_TLV_HEAD: Final = struct.Struct(">HH")
_OCTET: Final = UInt(1)


class SpanKind(Enum):
    """What a run of octets is."""

    HEADER = "header"
    INTEGER = "integer"
    TEXT = "text"
    """A C-octet string: `value` is its text, the octets include the NUL where it is there."""
    OCTETS = "octets"
    """short_message: `value` is the octets."""
    COUNT = "count"
    """sm_length, number_of_dests, no_unsuccess."""
    TLV = "tlv"
    """`value` is the Tlv; the octets include tag and length."""
    REST = "rest"
    """What could not be read."""


class Span(NamedTuple):
    """One field: octets `start` to before `end` of the PDU. `limit` is a string's greatest length, its NUL included.

    `entry` counts the entries of a list (submit_multi) from 1; 0 where the field stands in none.
    """

    name: str
    kind: SpanKind
    start: int
    end: int
    value: Any
    limit: int = 0
    entry: int = 0

    def __repr__(self) -> str:
        """Without the value, which may be a number or a text."""
        return f"Span({self.name!r}, {self.kind.name}, {self.start}, {self.end})"


@dataclass(frozen=True, slots=True)
class Layout:
    """All octets of one PDU, in order and without gaps. `trouble` says why the rest could not be read."""

    pdu_class: type[Pdu] | None
    spans: tuple[Span, ...]
    trouble: str = ""

    def value(self, name: str, default: Any = None) -> Any:
        """The value of the first field of that name."""
        return next((span.value for span in self.spans if span.name == name), default)


def lay_out(frame: bytes) -> Layout:
    """The spans of `frame`, which is one PDU or what is left of one. Never raises."""
    spans = [
        Span(name, SpanKind.HEADER, at, at + 4, int.from_bytes(frame[at : at + 4], "big"))
        for at, name in zip(range(0, HEADER_LENGTH, 4), _HEADER_FIELDS, strict=True)
        if at + 4 <= len(frame)
    ]
    if len(frame) < HEADER_LENGTH:
        return _ended(None, spans, frame, "less than the 16 octets of a header")
    pdu_class = PDU_CLASSES.get(spans[1].value)
    if pdu_class is None:
        return _ended(None, spans, frame, "" if len(frame) == HEADER_LENGTH else "unknown command_id")
    if len(frame) == HEADER_LENGTH and pdu_class.is_response:
        # An answer may leave its body out (SMPP 3.4 §3.2 with an error; peers do so without one, too).
        return Layout(pdu_class, tuple(spans))
    try:
        pos = _mandatory(pdu_class, frame, spans)
    except BrokenField as broken:
        return _ended(pdu_class, spans, frame, broken.why)
    while pos < len(frame):
        found = _tlv(frame, pos)
        if found is None:
            return _ended(pdu_class, spans, frame, "a TLV is longer than the PDU")
        spans.append(found)
        pos = found.end
    return Layout(pdu_class, tuple(spans))


def _ended(pdu_class: type[Pdu] | None, spans: list[Span], frame: bytes, trouble: str) -> Layout:
    end = spans[-1].end if spans else 0
    if end < len(frame):
        spans.append(Span("", SpanKind.REST, end, len(frame), frame[end:]))
    return Layout(pdu_class, tuple(spans), trouble)


def _mandatory(pdu_class: type[Pdu], frame: bytes, spans: list[Span]) -> int:
    """Adds the mandatory fields; the position behind them. Raises BrokenField."""
    pos = HEADER_LENGTH
    for name, kind in field_table(pdu_class):
        if pdu_class.is_response and isinstance(kind, CString) and frame.find(0, pos) < 0:
            # Some SMSCs leave out the NUL behind a message_id that ends the PDU.
            spans.append(_span(name, kind, pos, len(frame), frame[pos:].decode("latin-1")))
            return len(frame)
        pos = _field(name, kind, frame, pos, spans)
    return pos


def _field(name: str, kind: FieldType, frame: bytes, pos: int, spans: list[Span], entry: int = 0) -> int:
    if isinstance(kind, Entries):
        return _entries(name, kind, frame, pos, spans)
    value, end = kind.decode(frame, pos, False)
    if isinstance(kind, Counted):
        spans.append(Span("sm_length", SpanKind.COUNT, pos, pos + 1, frame[pos]))
        pos += 1
    spans.append(_span(name, kind, pos, end, value, entry))
    return end


def _entries(name: str, kind: Entries, frame: bytes, pos: int, spans: list[Span]) -> int:
    count, pos = _OCTET.decode(frame, pos, False)
    counted = "number_of_dests" if kind.flagged else "no_unsuccess"
    spans.append(Span(counted, SpanKind.COUNT, pos - 1, pos, count))
    for entry in range(1, count + 1):
        entry_class: type = UnsuccessSme
        if kind.flagged:
            pos = _field("dest_flag", _OCTET, frame, pos, spans, entry)
            found = DEST_FLAGS.get(spans[-1].value)
            if found is None:
                raise BrokenField(0, "dest_flag is neither 1 nor 2")
            entry_class = found
        for inner, inner_kind in ENTRY_TABLES[entry_class]:
            pos = _field(inner, inner_kind, frame, pos, spans, entry)
    return pos


def _span(name: str, kind: FieldType, start: int, end: int, value: Any, entry: int = 0) -> Span:
    if isinstance(kind, CString):
        return Span(name, SpanKind.TEXT, start, end, value, kind.limit, entry)
    return Span(name, SpanKind.OCTETS if isinstance(kind, Counted) else SpanKind.INTEGER, start, end, value, 0, entry)


def _tlv(frame: bytes, pos: int) -> Span | None:
    if len(frame) - pos < _TLV_HEAD.size:
        return None
    tag, length = _TLV_HEAD.unpack_from(frame, pos)
    end = pos + _TLV_HEAD.size + length
    if end > len(frame):
        return None
    tlv = Tlv(tag, frame[pos + _TLV_HEAD.size : end])
    return Span(tlv.name, SpanKind.TLV, pos, end, tlv)
