"""GSM 03.38 (3GPP 23.038 §6.2.1), one septet per octet, top bit clear: as SMPP carries it behind
data_coding 0.

A character of the extension table is ESC and a second septet, so it counts two and must not be cut in
between. National language tables are further `SeptetTable`s: other characters and the header elements that
announce them.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Final

from ghasi.sms.errors import NotEncodable, NotSeptets

ESCAPE: Final = 0x1B
GAP: Final = "\ufffe"
"""Stands in a basic table where a national language has no character; such a septet reads as a space."""

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}


class SeptetTable:
    """A basic table of 128 characters and its extension table, both ways.

    `elements` are the information elements (3GPP 23.040 §9.2.3.24.15/16) that the user data header must
    carry for a phone to read these tables; empty for the default ones.
    """

    __slots__ = ("_shown", "_to_septets", "basic", "elements", "extension")

    def __init__(self, basic: str, extension: Mapping[int, str], elements: bytes = b"") -> None:
        if len(basic) != 128 or basic[ESCAPE] != "\x1b":
            raise ValueError("a basic table has 128 characters with ESC at 0x1B")
        self.basic = basic
        self.extension = dict(extension)
        self.elements = elements
        self._shown = basic.replace(GAP, " ")
        # The basic table goes in last: where both tables have a character, one septet is cheaper than two.
        self._to_septets = {ord(char): bytes((ESCAPE, code)) for code, char in extension.items()} | {
            ord(char): bytes((code,)) for code, char in enumerate(basic) if code != ESCAPE and char != GAP
        }

    def __contains__(self, char: str) -> bool:
        return ord(char) in self._to_septets

    def encode(self, text: str) -> bytes:
        """Septets, one per octet. Raises NotEncodable at the first character that neither table has."""
        try:
            return codecs.charmap_encode(text, "strict", self._to_septets)[0]
        except UnicodeEncodeError as error:
            position = error.start
        # Raised here, outside the handler: the codec's error holds the whole text.
        raise NotEncodable("GSM7", position)

    def decode(self, septets: bytes, errors: str = "strict") -> str:
        """Text of unpacked septets.

        As 3GPP 23.038 asks of a receiver: an unknown extension code reads as its basic character, an ESC
        before another ESC or at the end as a space. Octets above 0x7F raise NotSeptets, or with
        `errors="replace"` read as U+FFFD.
        """
        if not septets.isascii():
            if errors != "replace":
                raise NotSeptets(next(i for i, octet in enumerate(septets) if octet > 0x7F))
            return "".join(
                self.decode(run) if run.isascii() else "\ufffd" * len(run) for run in _runs_by_top_bit(septets)
            )
        if ESCAPE not in septets:
            return self._decode_basic(septets)
        return "".join(self._decode_escaped(septets))

    def _decode_basic(self, septets: bytes) -> str:
        return codecs.charmap_decode(septets, "strict", self._shown)[0]

    def _decode_escaped(self, septets: bytes) -> list[str]:
        pieces: list[str] = []
        start = 0
        while (at := septets.find(ESCAPE, start)) >= 0:
            pieces.append(self._decode_basic(septets[start:at]))
            code = septets[at + 1] if at + 1 < len(septets) else ESCAPE
            pieces.append(" " if code == ESCAPE else self.extension.get(code, self._shown[code]))
            start = at + 2
        pieces.append(self._decode_basic(septets[start:]))
        return pieces


def _runs_by_top_bit(octets: bytes) -> list[bytes]:
    runs: list[bytes] = []
    start = 0
    for i in range(1, len(octets) + 1):
        if i == len(octets) or (octets[i] ^ octets[start]) & 0x80:
            runs.append(octets[start:i])
            start = i
    return runs


DEFAULT: Final = SeptetTable(_BASIC, _EXTENSION)


def encode(text: str) -> bytes:
    """`text` in the default tables, one septet per octet. Raises NotEncodable."""
    return DEFAULT.encode(text)


def decode(septets: bytes, errors: str = "strict") -> str:
    """Text of unpacked septets in the default tables. Raises NotSeptets unless `errors` is "replace"."""
    return DEFAULT.decode(septets, errors)


def is_encodable(text: str) -> bool:
    """True when every character is in the default tables."""
    return all(ord(char) in DEFAULT._to_septets for char in text)


def count_septets(text: str) -> int:
    """Septets the text takes; a character of the extension table counts two. Raises NotEncodable."""
    return len(DEFAULT.encode(text))
