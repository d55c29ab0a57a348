"""Cutting a text into the parts of a concatenated message (3GPP 23.040 §9.2.3.24, SMPP 3.4 §5.3.2.22 to
24).

A part carries at most 140 octets of user data, header included. With an 8-bit reference the header takes 6
octets and leaves 153 septets, 134 octets or 67 UTF-16 units; with a 16-bit one 7 octets and 152, 133 or 66.
Neither an escape pair nor a surrogate pair is ever cut, so a part may be one unit shorter than that; a grapheme
cluster is kept whole where that takes no further part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ghasi.sms.coding import Alphabet, Change, Coding, Encoded, Wanted, encode_text
from ghasi.sms.cutting import count, cut
from ghasi.sms.errors import TooLong

USER_DATA_OCTETS: Final = 140
MAX_PARTS: Final = 255


class Strategy(StrEnum):
    """What a command asks for when its text needs more than one part (docs/contract.md §2)."""

    CSMS = "CSMS"
    TLV = "TLV"


class LongMode(StrEnum):
    """How a text of more than one part goes over SMPP."""

    UDH = "udh"
    """One PDU a part, each with a concatenation element in its user data header."""
    SAR = "sar"
    """One PDU a part, numbered by the sar_* TLVs; the SMSC writes the header, so its octets stay free."""
    PAYLOAD = "payload"
    """One PDU, the whole text in message_payload; the SMSC cuts."""

    @classmethod
    def of(cls, strategy: Strategy) -> LongMode:
        """The plain mode of a strategy, where no operator profile says otherwise."""
        return cls.PAYLOAD if strategy is Strategy.TLV else cls.UDH


@dataclass(frozen=True, slots=True)
class Part:
    """One PDU's share. `udh` starts with its length octet; `body` excludes it. `units` excludes the header
    too.
    """

    units: int
    udh: bytes = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def user_data(self) -> bytes:
        """Header and body as they stand in short_message or message_payload."""
        return self.udh + self.body


@dataclass(frozen=True, slots=True)
class Segmented:
    """A text cut for sending. `mode` is None where one part holds it all: that always goes plain.

    `network_parts` is what a phone puts together: more than `len(parts)` only when the SMSC cuts (PAYLOAD).
    `changes` tells what transliteration replaced.
    """

    coding: Coding
    data_coding: int
    parts: tuple[Part, ...]
    mode: LongMode | None
    reference: int
    reference_bits: int
    network_parts: int
    changes: tuple[Change, ...] = ()

    @property
    def units(self) -> int:
        """Septets, octets or UTF-16 units of the whole text, without headers."""
        return sum(part.units for part in self.parts)


def capacity(coding: Coding, header_octets: int) -> int:
    """Units one part holds beside a user data header of so many octets, its length octet included."""
    return (USER_DATA_OCTETS - header_octets) * 8 // coding.unit_bits


def count_parts(encoded: Encoded, reference_bits: int = 8) -> int:
    """Parts that `segment` makes of it on the air, beyond the most there may be as well."""
    if encoded.units <= capacity(encoded.coding, len(_header(encoded.elements))):
        return 1
    return count(encoded, capacity(encoded.coding, _long_header_octets(encoded.elements, reference_bits)))


def split(
    text: str,
    encoding: Wanted = Wanted.GSM7,
    strategy: Strategy = Strategy.CSMS,
    *,
    reference: int = 0,
    reference_bits: int = 8,
    long_mode: LongMode | None = None,
    alphabet: Alphabet = Alphabet.GSM7,
    strict: bool = False,
    max_parts: int = MAX_PARTS,
) -> Segmented:
    """`text` encoded and cut. `long_mode` overrides the mode that goes with `strategy`.

    Raises LoneSurrogate, NotEncodable (only with `strict`) and TooLong.
    """
    encoded = encode_text(text, encoding, alphabet=alphabet, strict=strict)
    mode = long_mode or LongMode.of(strategy)
    return segment(encoded, mode, reference=reference, reference_bits=reference_bits, max_parts=max_parts)


def segment(
    encoded: Encoded,
    mode: LongMode,
    *,
    reference: int = 0,
    reference_bits: int = 8,
    max_parts: int = MAX_PARTS,
    whole_clusters: bool = True,
) -> Segmented:
    """An encoded text as parts. Raises TooLong; ValueError for a reference that its bits do not hold."""
    if reference_bits not in (8, 16) or not 0 <= reference < 1 << reference_bits:
        raise ValueError("a concatenation reference has 8 or 16 bits")
    plain_header = _header(encoded.elements)
    if encoded.units <= capacity(encoded.coding, len(plain_header)):
        parts: tuple[Part, ...] = (Part(encoded.units, plain_header, encoded.data),)
        return _segmented(encoded, parts, None, (reference, reference_bits), 1)
    room = capacity(encoded.coding, _long_header_octets(encoded.elements, reference_bits))
    bodies = cut(encoded, room, whole_clusters=whole_clusters)
    if len(bodies) > min(max_parts, MAX_PARTS):
        raise TooLong(len(bodies), min(max_parts, MAX_PARTS))
    parts = _parts(encoded, mode, bodies, reference, reference_bits)
    return _segmented(encoded, parts, mode, (reference, reference_bits), len(bodies))


def _segmented(
    encoded: Encoded, parts: tuple[Part, ...], mode: LongMode | None, reference: tuple[int, int], network_parts: int
) -> Segmented:
    return Segmented(
        encoded.coding,
        encoded.data_coding,
        parts,
        mode,
        *reference,
        network_parts=network_parts,
        changes=encoded.changes,
    )


def _parts(
    encoded: Encoded, mode: LongMode, bodies: list[bytes], reference: int, reference_bits: int
) -> tuple[Part, ...]:
    plain_header = _header(encoded.elements)
    if mode is LongMode.PAYLOAD:
        return (Part(encoded.units, plain_header, encoded.data),)
    size = encoded.coding.unit_octets
    if mode is LongMode.SAR:
        return tuple(Part(len(body) // size, plain_header, body) for body in bodies)
    total = len(bodies)
    return tuple(
        Part(
            len(body) // size,
            _header(_concatenation(reference, reference_bits, total, number) + encoded.elements),
            body,
        )
        for number, body in enumerate(bodies, 1)
    )


def _header(elements: bytes) -> bytes:
    return bytes((len(elements),)) + elements if elements else b""


def _long_header_octets(elements: bytes, reference_bits: int) -> int:
    # The same room is kept for sar_* and payload: on the air the SMSC's own header takes it.
    return 1 + len(_concatenation(0, reference_bits, 1, 1)) + len(elements)


def _concatenation(reference: int, reference_bits: int, total: int, number: int) -> bytes:
    """The information element 0x00 or 0x08 (3GPP 23.040 §9.2.3.24.1 and .8)."""
    if reference_bits == 8:
        return bytes((0x00, 3, reference, total, number))
    return bytes((0x08, 4, reference >> 8, reference & 0xFF, total, number))
