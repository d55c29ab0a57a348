"""Which alphabet a text travels in, and the data_coding that says so (SMPP 3.4 §5.2.19, 3GPP 23.038 §4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ghasi.sms import gsm7
from ghasi.sms.errors import LoneSurrogate, NotEncodable

DEFAULT_ALPHABET: Final = 0x00
UCS2: Final = 0x08
GSM7_FLASH: Final = 0x10
UCS2_FLASH: Final = 0x18
GSM7_FLASH_MESSAGE_CLASS: Final = 0xF0


class Coding(StrEnum):
    """What the octets of a body are. UCS2 is UTF-16BE: characters beyond the BMP are surrogate pairs."""

    GSM7 = "GSM7"
    LATIN1 = "LATIN1"
    ASCII = "ASCII"
    UCS2 = "UCS2"

    @property
    def unit_octets(self) -> int:
        """Octets of one unit (septet, octet or UTF-16 unit) in short_message."""
        return 2 if self is Coding.UCS2 else 1

    @property
    def unit_bits(self) -> int:
        """Bits one unit takes of the 140 octets of user data: septets are packed on the air."""
        return {Coding.GSM7: 7, Coding.UCS2: 16}.get(self, 8)


class Wanted(StrEnum):
    """What a command asks for. AUTO and GSM7 are the same: the operator's alphabet, else UCS-2."""

    GSM7 = "GSM7"
    UCS2 = "UCS2"
    AUTO = "auto"


class Alphabet(StrEnum):
    """What an operator means by data_coding 0, its "SMSC default alphabet"."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    ASCII = "ascii"


class FlashMode(StrEnum):
    """How a message is marked for immediate display."""

    DCS = "dcs"
    """data_coding 0x10 (GSM 03.38) or 0x18 (UCS-2), class 0 of the general group."""
    F0 = "f0"
    """data_coding 0xF0 for GSM 03.38; the message class group knows no UCS-2, so that stays 0x18."""
    SUBUNIT = "subunit"
    """data_coding as without flash, and the TLV dest_addr_subunit = 1."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A whole text in its coding. `elements` are header elements that reading it needs (national tables)."""

    coding: Coding
    data: bytes = field(repr=False)
    data_coding: int
    elements: bytes = b""

    @property
    def units(self) -> int:
        """Septets, octets or UTF-16 units of the text, without any header."""
        return len(self.data) // self.coding.unit_octets


# Control characters have octets in ASCII and Latin-1, but only LF and CR have a place in a short message.
_CONTROL: Final = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CODECS: Final = {Alphabet.LATIN1: (Coding.LATIN1, "latin-1"), Alphabet.ASCII: (Coding.ASCII, "ascii")}


def encode_text(
    text: str, wanted: Wanted = Wanted.GSM7, *, alphabet: Alphabet = Alphabet.GSM7, strict: bool = False
) -> Encoded:
    """`text` in the operator's alphabet, or in UCS-2 where it is wanted or needed (docs/contract.md §2).

    `strict` refuses the step from GSM7 to UCS-2: a character outside the alphabet raises NotEncodable
    instead. Raises LoneSurrogate for half of a surrogate pair, whatever is wanted.
    """
    if wanted is Wanted.UCS2:
        return _in_ucs2(text)
    try:
        return _in_alphabet(text, alphabet)
    except NotEncodable:
        whole = _in_ucs2(text)
        if strict and wanted is Wanted.GSM7:
            raise
        return whole


def choose(
    text: str, wanted: Wanted = Wanted.GSM7, *, alphabet: Alphabet = Alphabet.GSM7, strict: bool = False
) -> Coding:
    """The coding `encode_text` takes, with the same exceptions."""
    return encode_text(text, wanted, alphabet=alphabet, strict=strict).coding


def first_outside(text: str, alphabet: Alphabet = Alphabet.GSM7) -> int | None:
    """Position of the first character that forces UCS-2, or None."""
    try:
        _in_alphabet(text, alphabet)
    except NotEncodable as error:
        return error.position
    return None


def _in_alphabet(text: str, alphabet: Alphabet) -> Encoded:
    if alphabet is Alphabet.GSM7:
        return Encoded(Coding.GSM7, gsm7.encode(text), DEFAULT_ALPHABET)
    coding, codec = _CODECS[alphabet]
    control = _CONTROL.search(text)
    position = control.start() if control else len(text)
    try:
        data = text[:position].encode(codec)
    except UnicodeEncodeError as error:
        position = error.start
    else:
        if control is None:
            return Encoded(coding, data, DEFAULT_ALPHABET)
    raise NotEncodable(coding, position)


def _in_ucs2(text: str) -> Encoded:
    found = _SURROGATE.search(text)
    if found:
        raise LoneSurrogate(found.start())
    return Encoded(Coding.UCS2, text.encode("utf-16-be"), UCS2)


def flash_data_coding(coding: Coding, mode: FlashMode) -> int:
    """data_coding that marks a message class 0. SUBUNIT has none: its mark is a TLV. Raises ValueError for
    it.
    """
    if mode is FlashMode.SUBUNIT:
        raise ValueError("flash by dest_addr_subunit leaves data_coding as it is")
    if coding is Coding.UCS2:
        return UCS2_FLASH
    return GSM7_FLASH_MESSAGE_CLASS if mode is FlashMode.F0 else GSM7_FLASH


_INCOMING_CODECS: Final = {
    0x01: "ascii",
    0x03: "latin-1",
    0x06: "iso8859-5",
    0x07: "iso8859-8",
    0x08: "utf-16-be",
}


def incoming_codec(data_coding: int, alphabet: Alphabet = Alphabet.GSM7) -> str | None:
    """How to read octets that came with `data_coding`: "gsm7", a Python codec, or None for binary.

    Groups are masked only where they are known: 0x0_ by SMPP's table, 0x1_ by its alphabet bits 2 and 3,
    0xF_ by bit 2. Every other value stays binary, because vendors mean different things by it.
    """
    default = {Alphabet.GSM7: "gsm7", Alphabet.LATIN1: "latin-1", Alphabet.ASCII: "ascii"}[alphabet]
    if data_coding == DEFAULT_ALPHABET:
        return default
    if data_coding >> 4 == 0x1:
        return {0x0: "gsm7", 0x8: "utf-16-be"}.get(data_coding & 0x0C)
    if data_coding >> 4 == 0xF:
        return None if data_coding & 0x04 else "gsm7"
    return _INCOMING_CODECS.get(data_coding)


def decode_text(data: bytes, data_coding: int, alphabet: Alphabet = Alphabet.GSM7) -> str | None:
    """Text of a body as it came in, unreadable octets as U+FFFD; None where `data_coding` means binary."""
    codec = incoming_codec(data_coding, alphabet)
    if codec is None:
        return None
    return gsm7.decode(data, "replace") if codec == "gsm7" else data.decode(codec, "replace")
