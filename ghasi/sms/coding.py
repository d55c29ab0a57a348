"""Which alphabet a text travels in, and the data_coding that says so (SMPP 3.4 §5.2.19, 3GPP 23.038 §4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ghasi.sms import gsm7
from ghasi.sms.errors import BadHex, LoneSurrogate, NoFlash, NotEncodable

DEFAULT_ALPHABET: Final = 0x00
IA5: Final = 0x01
LATIN_1: Final = 0x03
BINARY: Final = 0x04
CYRILLIC: Final = 0x06
UCS2: Final = 0x08
GSM7_FLASH: Final = 0x10
BINARY_FLASH: Final = 0x14
UCS2_FLASH: Final = 0x18
GSM7_FLASH_MESSAGE_CLASS: Final = 0xF0
BINARY_FLASH_MESSAGE_CLASS: Final = 0xF4


class Coding(StrEnum):
    """What the octets of a body are. UCS2 is UTF-16BE: characters beyond the BMP are surrogate pairs."""

    GSM7 = "GSM7"
    LATIN1 = "LATIN1"
    ASCII = "ASCII"
    UCS2 = "UCS2"
    ISO_8859_5 = "ISO-8859-5"
    BINARY = "BINARY"

    @property
    def unit_octets(self) -> int:
        """Octets of one unit (septet, octet or UTF-16 unit) in short_message."""
        return 2 if self is Coding.UCS2 else 1

    @property
    def unit_bits(self) -> int:
        """Bits one unit takes of the 140 octets of user data: septets are packed on the air."""
        if self is Coding.GSM7:
            return 7
        return 16 if self is Coding.UCS2 else 8


class Wanted(StrEnum):
    """What a command asks for (docs/contract.md §2). AUTO and GSM7 are the same: the operator's alphabet, else UCS-2.

    The three that follow name an alphabet and its data_coding, and step back to UCS-2 likewise. BINARY is a body in
    hexadecimal, which stays as it is.
    """

    GSM7 = "GSM7"
    UCS2 = "UCS2"
    AUTO = "auto"
    LATIN1 = "LATIN1"
    ASCII = "ASCII"
    ISO_8859_5 = "ISO-8859-5"
    BINARY = "BINARY"


class Alphabet(StrEnum):
    """What an operator means by data_coding 0, its "SMSC default alphabet"."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    ASCII = "ascii"


class FlashMode(StrEnum):
    """How a message is marked for immediate display."""

    DCS = "dcs"
    """data_coding 0x10 (GSM 03.38) or 0x18 (UCS-2), class 0 of the general group. What an operator means by
    data_coding 0 does not reach these values: where that is Latin-1 or ASCII, the text goes out in UCS-2."""
    F0 = "f0"
    """data_coding 0xF0 for GSM 03.38; the message class group knows no UCS-2, so that stays 0x18, as above."""
    SUBUNIT = "subunit"
    """data_coding as without flash, and the TLV dest_addr_subunit = 1."""


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of replacement in a text: what stood there, what stands there now, and how often."""

    found: str = field(repr=False)
    replacement: str = field(repr=False)
    count: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """A whole text in its coding. `elements` are header elements that reading it needs (national tables) or that the
    sender gave (BINARY); they stand in every part. `changes` tells what transliteration replaced.
    """

    coding: Coding
    data: bytes = field(repr=False)
    data_coding: int
    elements: bytes = b""
    changes: tuple[Change, ...] = ()

    @property
    def units(self) -> int:
        """Septets, octets or UTF-16 units of the text, without any header."""
        return len(self.data) // self.coding.unit_octets


# Control characters have octets in ASCII and Latin-1, but only LF and CR have a place in a short message.
_CONTROL: Final = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_HEX: Final = re.compile("(?:[0-9A-Fa-f]{2})+\\Z")
_CODECS: Final = {Alphabet.LATIN1: (Coding.LATIN1, "latin-1"), Alphabet.ASCII: (Coding.ASCII, "ascii")}
_NAMED: Final = {
    Wanted.LATIN1: (Coding.LATIN1, "latin-1", LATIN_1),
    Wanted.ASCII: (Coding.ASCII, "ascii", IA5),
    Wanted.ISO_8859_5: (Coding.ISO_8859_5, "iso8859-5", CYRILLIC),
}


def encode_text(
    text: str, wanted: Wanted = Wanted.GSM7, *, alphabet: Alphabet = Alphabet.GSM7, strict: bool = False
) -> Encoded:
    """`text` in the operator's alphabet or the one wanted, or in UCS-2 where that is wanted or needed
    (docs/contract.md §2).

    `strict` refuses the step to UCS-2 unless AUTO or UCS2 is wanted: a character outside the alphabet raises
    NotEncodable instead. Raises LoneSurrogate for half of a surrogate pair, whatever is wanted, and BadHex.
    """
    try:
        if wanted is Wanted.GSM7 or wanted is Wanted.AUTO:
            return in_alphabet(text, alphabet)
        if wanted is Wanted.UCS2:
            return in_ucs2(text)
        if wanted is Wanted.BINARY:
            return Encoded(Coding.BINARY, hex_octets(text), BINARY)
        return in_named(text, wanted)
    except NotEncodable:
        whole = in_ucs2(text)
        if strict and wanted is not Wanted.AUTO:
            raise
        return whole


def hex_octets(text: str, field_name: str = "text") -> bytes:
    """The octets that a string of hexadecimal digits stands for. Raises BadHex, for an empty one as well."""
    if not _HEX.match(text):
        raise BadHex(field_name)
    return bytes.fromhex(text)


def choose(
    text: str, wanted: Wanted = Wanted.GSM7, *, alphabet: Alphabet = Alphabet.GSM7, strict: bool = False
) -> Coding:
    """The coding `encode_text` takes, with the same exceptions."""
    return encode_text(text, wanted, alphabet=alphabet, strict=strict).coding


def first_outside(text: str, alphabet: Alphabet = Alphabet.GSM7) -> int | None:
    """Position of the first character that forces UCS-2, or None."""
    try:
        in_alphabet(text, alphabet)
    except NotEncodable as error:
        return error.position
    return None


def in_alphabet(text: str, alphabet: Alphabet) -> Encoded:
    """`text` behind data_coding 0. Raises NotEncodable."""
    if alphabet is Alphabet.GSM7:
        return Encoded(Coding.GSM7, gsm7.encode(text), DEFAULT_ALPHABET)
    coding, codec = _CODECS[alphabet]
    return Encoded(coding, _octets(text, coding, codec), DEFAULT_ALPHABET)


def in_named(text: str, wanted: Wanted) -> Encoded:
    """`text` in LATIN1, ASCII or ISO_8859_5 behind the data_coding of that name. Raises NotEncodable."""
    coding, codec, data_coding = _NAMED[wanted]
    return Encoded(coding, _octets(text, coding, codec), data_coding)


def in_ucs2(text: str) -> Encoded:
    """`text` in UTF-16BE. Raises LoneSurrogate."""
    found = _SURROGATE.search(text)
    if found:
        raise LoneSurrogate(found.start())
    return Encoded(Coding.UCS2, text.encode("utf-16-be"), UCS2)


def _octets(text: str, coding: Coding, codec: str) -> bytes:
    control = _CONTROL.search(text)
    position = control.start() if control else len(text)
    try:
        data = text[:position].encode(codec)
    except UnicodeEncodeError as error:
        position = error.start
    else:
        if control is None:
            return data
    raise NotEncodable(coding, position)


def for_flash(text: str, encoded: Encoded, mode: FlashMode) -> Encoded:
    """`text` as it goes out marked by `mode`, where `encoded` is how it would go without the mark: UCS-2 in place of
    the operator's own alphabet (docs/contract.md §2). Raises LoneSurrogate.
    """
    own = encoded.coding is not Coding.GSM7 and encoded.data_coding == DEFAULT_ALPHABET
    return in_ucs2(text) if own and mode is not FlashMode.SUBUNIT else encoded


def flash_data_coding(coding: Coding, mode: FlashMode) -> int:
    """data_coding that marks a message class 0, in place of the plain one. Raises NoFlash for octets of Latin-1,
    ASCII and ISO 8859-5, which no such value names, and ValueError for SUBUNIT, whose mark is a TLV.
    """
    if mode is FlashMode.SUBUNIT:
        raise ValueError("flash by dest_addr_subunit leaves data_coding as it is")
    if coding is Coding.UCS2:
        return UCS2_FLASH
    if coding is Coding.BINARY:
        return BINARY_FLASH_MESSAGE_CLASS if mode is FlashMode.F0 else BINARY_FLASH
    if coding is not Coding.GSM7:
        raise NoFlash(coding)
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
