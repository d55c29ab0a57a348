"""PDUs that may be shown: passwords gone, and numbers and texts unreadable where the viewer may not have them.

What stays is enough to see what went wrong: header, lengths, codings, header elements of concatenation, ids, states,
dates and error codes of receipts. A masked PDU keeps the length of each field, so it is read like the original; only
a password gets a length of its own, because a length tells something of it. What cannot be taken apart is hidden
whole.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection
from typing import Final

from ghasi.smpp.constants import (
    ESM_INTERMEDIATE,
    ESM_RECEIPT,
    ESM_TYPE_MASK,
    ESM_UDHI,
    HEADER_LENGTH,
    RESPONSE_BIT,
    CommandId,
)
from ghasi.smpp.layout import Layout, Span, SpanKind, lay_out
from ghasi.smpp.tlv import TAG_BY_NAME, TAGS, Tag, Tlv

HIDDEN_PASSWORD: Final = b"********"
"""The same eight octets for every password: the most that SMPP 3.4 §4.1.1 allows, so a reader takes them."""

_BINDS: Final = frozenset(
    {CommandId.BIND_TRANSMITTER, CommandId.BIND_RECEIVER, CommandId.BIND_TRANSCEIVER, CommandId.OUTBIND}
)
_NUMBERS: Final = frozenset({"source_addr", "destination_addr", "esme_addr", "dl_name"})
_FILL: Final = b"*"
_MASKED_UNIT: Final = b"\0*"
_SHOWN_FIRST: Final = 4
_SHOWN_LAST: Final = 2
_SHORT: Final = 8
_LEAST: Final = 5
_TOGETHER: Final = 7
_RUN: Final = re.compile(rb"[0-9]{5,}")
_LENGTH: Final = struct.Struct(">I")

_OPEN_TAGS: Final = frozenset(TAGS) - {
    TAG_BY_NAME[name]
    for name in (
        "message_payload",
        "callback_num",
        "callback_num_atag",
        "source_subaddress",
        "dest_subaddress",
        "its_session_info",
    )
}
"""TLVs of the specification that hold neither a number nor a text; a vendor's can hold anything."""

_OPEN_ELEMENTS: Final = frozenset({0x00, 0x04, 0x05, 0x08, 0x24, 0x25})
"""Concatenation, ports and national tables (3GPP 23.040 §9.2.3.24)."""

# What a receipt may show: a key of SMPP 3.4 appendix B with one value of a form that holds no words.
_RECEIPT_KEY: Final = re.compile(
    rb"(?<![A-Za-z0-9])(?:"
    rb"(?:(?:(?:message|msg)[ _-]?)?id|sub|dlvrd|delivrd|err(?:or)?)\s*:\s*[A-Za-z0-9._-]{1,64}"
    rb"|stat(?:us)?\s*:\s*[A-Za-z0-9_]{1,16}"
    rb"|(?:submit|done)[ _-]?date\s*:\s*[0-9]{2}[0-9T:.+-]{0,22}(?: [0-9:]{5,8}(?![0-9]))?"
    rb")(?![A-Za-z0-9._@-])",
    re.IGNORECASE,
)
_TEXT_KEY: Final = re.compile(rb"(?<![A-Za-z0-9])text\s*:", re.IGNORECASE)


def without_password(frame: bytes) -> bytes:
    """The PDU as it is, but for the password of a bind or outbind; what cannot be read of those is hidden whole."""
    if len(frame) >= HEADER_LENGTH and int.from_bytes(frame[4:8], "big") not in _BINDS:
        return frame
    layout = lay_out(frame)
    password = next((span for span in layout.spans if span.name == "password"), None)
    if password is None or layout.trouble:
        return frame[:HEADER_LENGTH] + _FILL * (len(frame) - HEADER_LENGTH)
    changed = frame[: password.start] + HIDDEN_PASSWORD + b"\0" + frame[password.end :]
    return _LENGTH.pack(len(changed)) + changed[_LENGTH.size :]


def masked(frame: bytes, request: bytes = b"", open_tags: Collection[int] = ()) -> bytes:
    """The PDU without password, numbers and texts. Never raises.

    `request` is the PDU that `frame` answers: an id in a response may hold the number that the message went to. Of a
    response whose request nobody knows, every long run of digits is hidden. `open_tags` are vendor TLVs that the
    operator's profile reads; they are shown but for the PDU's numbers.
    """
    frame = without_password(frame)
    layout = lay_out(frame)
    view = _View(layout, lay_out(request) if request else None, open_tags)
    return b"".join([_masked(span, frame[span.start : span.end], view) for span in layout.spans])


class _View:
    """A PDU laid out, with the numbers that must not be seen in it."""

    def __init__(self, layout: Layout, request: Layout | None, open_tags: Collection[int]) -> None:
        self.value = layout.value
        self.open_tags = open_tags
        self.numbers = [*_numbers(layout), *(_numbers(request) if request else ())]
        is_response = bool(layout.value("command_id", 0) & RESPONSE_BIT)
        self.suspicious = is_response and request is None
        """Any run of digits may be the number that the message went to."""


def _numbers(layout: Layout) -> list[bytes]:
    addresses = [span.value.encode("latin-1") for span in layout.spans if span.name in _NUMBERS]
    return [number for address in addresses for number in _RUN.findall(address)]


def mask_number(octets: bytes) -> bytes:
    """`93701234567` → `9370*****67`; a short number keeps its last two digits, a name all but a number in it."""
    digits = octets.lstrip(b"+")
    if digits.isdigit():
        return octets[: len(octets) - len(digits)] + _mask_digits(digits)
    return _RUN.sub(lambda run: _mask_digits(run[0]), octets)


def _mask_digits(digits: bytes) -> bytes:
    first = _SHOWN_FIRST if len(digits) >= _SHORT else 0
    hidden = max(0, len(digits) - first - _SHOWN_LAST)
    return digits[:first] + _FILL * hidden + digits[first + hidden :]


def _masked(span: Span, octets: bytes, view: _View) -> bytes:
    if span.kind is SpanKind.REST:
        return _FILL * len(octets)
    if span.kind is SpanKind.TLV:
        return octets[:4] + _masked_tlv(span.value, view)
    if span.kind is SpanKind.OCTETS:
        return _masked_body(octets, view)
    if span.name in _NUMBERS:
        return mask_number(octets.removesuffix(b"\0")) + octets[len(octets.removesuffix(b"\0")) :]
    return _without_numbers(octets, view) if span.kind is SpanKind.TEXT else octets


def _masked_tlv(tlv: Tlv, view: _View) -> bytes:
    if tlv.tag == Tag.MESSAGE_PAYLOAD:
        return _masked_body(tlv.value, view)
    if tlv.tag == Tag.RECEIPTED_MESSAGE_ID:
        return _without_numbers(tlv.value, view)
    if tlv.tag == Tag.ADDITIONAL_STATUS_INFO_TEXT:
        # The operator's own words, and with them whatever it repeats of the message.
        told = tlv.value.removesuffix(b"\0")
        return _FILL * len(told) + tlv.value[len(told) :]
    info = TAGS.get(tlv.tag)
    # One of the specification's that is longer than it may be holds something else.
    if info is not None and tlv.tag in _OPEN_TAGS and len(tlv.value) <= info.sizes[1]:
        return _without_numbers(tlv.value, view)
    if info is None and tlv.tag in view.open_tags:
        return _without_numbers(tlv.value, view)
    return _FILL * len(tlv.value)


def _masked_body(octets: bytes, view: _View) -> bytes:
    """A message's text without its words; of a receipt, what says how the message fared stays."""
    esm_class = view.value("esm_class", 0)
    header, body = b"", octets
    if esm_class & ESM_UDHI and octets and octets[0] < len(octets):
        header, body = octets[: 1 + octets[0]], octets[1 + octets[0] :]
    carrier = view.value("command_id", 0) in (CommandId.DELIVER_SM, CommandId.DATA_SM)
    if carrier and esm_class & ESM_TYPE_MASK in (ESM_RECEIPT, ESM_INTERMEDIATE):
        return _masked_elements(header) + _masked_receipt(body, view)
    return _masked_elements(header) + _masked_text(body, view.value("data_coding", 0))


def _masked_elements(header: bytes) -> bytes:
    kept, at = bytearray(header[:1]), 1
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        known = element in _OPEN_ELEMENTS and length <= 4
        kept += header[at : at + 2] + (value if known else _FILL * len(value))
        at += 2 + length
    return bytes(kept) + _FILL * (len(header) - len(kept))


def _masked_text(body: bytes, data_coding: int) -> bytes:
    wide = data_coding == 0x08 or data_coding & 0xFC == 0x18
    if wide:
        return _MASKED_UNIT * (len(body) // 2) + _FILL * (len(body) % 2)
    return _FILL * len(body)


def _masked_receipt(body: bytes, view: _View) -> bytes:
    """Only what is of a known form stays, and nothing from `text:` on: those are the sender's own words."""
    if b"\0" in body.rstrip(b"\0"):
        return _masked_wide_receipt(body, view)
    text = _TEXT_KEY.search(body)
    end = text.start() if text else len(body)
    kept = bytearray(_FILL * len(body))
    for at in range(end):
        if body[at] == 0x20:
            kept[at] = 0x20
    for found in _RECEIPT_KEY.finditer(body, 0, end):
        kept[found.start() : found.end()] = _without_numbers(found[0], view)
    if text:
        kept[text.start() : text.end()] = text[0]
    return bytes(kept)


def _masked_wide_receipt(body: bytes, view: _View) -> bytes:
    """UTF-16 in either order is masked as its characters are; anything but ASCII in it hides all."""
    high, low = body[0::2], body[1::2]
    if len(high) == len(low) and not any(high) and low.isascii():
        return b"".join([b"\0%c" % octet for octet in _masked_receipt(low, view)])
    if len(high) == len(low) and not any(low) and high.isascii():
        return b"".join([b"%c\0" % octet for octet in _masked_receipt(high, view)])
    return _FILL * len(body)


def _without_numbers(octets: bytes, view: _View) -> bytes:
    """Runs of digits masked that are one of the PDU's own numbers, in whatever form: some ids hold the number."""

    def mask(run: re.Match[bytes]) -> bytes:
        digits = run[0]
        hidden = any(_alike(digits, one) for one in view.numbers) or (view.suspicious and len(digits) >= _TOGETHER)
        return _mask_digits(digits) if hidden else digits

    return _RUN.sub(mask, octets)


def _alike(digits: bytes, number: bytes) -> bool:
    """Whether one holds the other, or both hold seven digits in a row: what stands before the subscriber's own digits
    differs between `+93`, `0093` and `0`."""
    bare, other = digits.lstrip(b"0"), number.lstrip(b"0")
    within = digits in number or number in digits
    national = min(len(bare), len(other)) >= _LEAST and (bare in other or other in bare)
    runs = (digits[at : at + _TOGETHER] for at in range(len(digits) - _TOGETHER + 1))
    return within or national or any(run in number for run in runs)
