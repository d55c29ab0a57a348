"""Bodies of messages: their header, their octets, their text, and what does not fit together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from ghasi.explain.lines import HEX_ROW, Line, hex_rows, plain, quoted, warning
from ghasi.explain.udh import Header, read_header
from ghasi.smpp import constants as c
from ghasi.smpp.receipt_body import Decoder
from ghasi.sms.coding import Alphabet, incoming_codec
from ghasi.sms.gsm7 import ESCAPE
from ghasi.sms.reading import decode_part
from ghasi.sms.segmentation import USER_DATA_OCTETS
from ghasi.sms.septets import unpack_exact

_UTF16: Final = "utf-16-be"


MASK: Final = b"*"
"""What a masked PDU has for each octet of its text (`ghasi.smpp.masking`)."""


class Packing(Enum):
    """Of a text by its operator's profile."""

    NONE = ""
    PACKED = "packed"
    MASKED = "packed, masked"
    UNFIT = "not packed"
    """It should be, and bits are set that belong to no septet."""


@dataclass(frozen=True, slots=True)
class Body:
    """User data of a message and how its octets are to be read."""

    octets: bytes
    data_coding: int
    esm_class: int
    alphabet: Alphabet
    """Behind data_coding 0."""
    is_receipt: bool = False
    is_payload: bool = False
    packed: bool = False
    """Septets come packed."""
    decode: Decoder | None = None
    """How the operator writes its receipts, where a rule says so."""

    @property
    def header(self) -> Header | None:
        return read_header(self.octets) if self.esm_class & c.ESM_UDHI else None

    @property
    def text_octets(self) -> bytes:
        """Without the header."""
        header = self.header
        return self.octets[len(header.octets) :] if header else self.octets

    @property
    def codec(self) -> str | None:
        """Receipts are written in ASCII even where messages behind data_coding 0 are GSM 03.38."""
        return incoming_codec(self.data_coding, Alphabet.LATIN1 if self.is_receipt else self.alphabet)

    @property
    def packing(self) -> Packing:
        """Whether the octets behind the header are packed septets, where they should be."""
        if not self.packed or self.codec != "gsm7" or not self.text_octets:
            return Packing.NONE
        if not self.text_octets.strip(MASK):
            return Packing.MASKED
        return Packing.UNFIT if self._unpacked is None else Packing.PACKED

    @property
    def _unpacked(self) -> bytes | None:
        header = self.header
        return unpack_exact(self.text_octets, len(header.octets) if header else 0)

    @property
    def units(self) -> bytes:
        """What stands for characters: the octets behind the header, unpacked where they are packed septets."""
        unpacked = self._unpacked if self.packing is Packing.PACKED else None
        return self.text_octets if unpacked is None else unpacked

    @property
    def text(self) -> str | None:
        alphabet = Alphabet.LATIN1 if self.is_receipt else self.alphabet
        header = self.header.octets if self.header else b""
        if self.is_receipt and self.decode is not None:
            return self.decode(self.text_octets, self.data_coding, len(header))
        return decode_part(header, self.units, self.data_coding, alphabet)


def body_lines(body: Body, depth: int = 1) -> list[Line]:
    """Header elements, octets and text, with warnings."""
    lines = _header_lines(body, depth)
    if body.text_octets:
        lines += _octet_lines(body.text_octets, depth)
        text = body.text
        if text is None:
            lines.append(plain("text", "-", "data_coding means octets, no text", depth))
        else:
            lines.append(plain("text", quoted(text), f"{len(text)} characters, {_units(body)}", depth))
    return lines + [warning(text, depth) for text in body_warnings(body)]


def _header_lines(body: Body, depth: int) -> list[Line]:
    header = body.header
    if header is None:
        return []
    lines = [plain("user data header", header.octets.hex(), f"{len(header.octets)} octets", depth)]
    for element in header.elements:
        lines.append(plain(element.name, element.octets.hex(), element.meaning, depth + 1))
        lines += [warning(text, depth + 1) for text in element.warnings]
    return lines + [warning(text, depth + 1) for text in header.warnings]


def _octet_lines(octets: bytes, depth: int) -> list[Line]:
    rows = hex_rows(octets)
    first = plain("octets", rows[0], "" if len(octets) <= HEX_ROW else f"{len(octets)} in all", depth)
    return [first, *(plain("", row, depth=depth) for row in rows[1:])]


def _units(body: Body) -> str:
    octets = body.text_octets
    if body.packing is Packing.PACKED:
        return f"{len(body.units)} septets packed in {len(octets)} octets"
    if body.packing is Packing.MASKED:
        return f"masked, packed septets in {len(octets)} octets"
    if body.codec == "gsm7":
        return f"{len(octets)} septets"
    return f"{len(octets) // 2} UTF-16 units" if body.codec == _UTF16 else f"{len(octets)} octets"


def body_warnings(body: Body) -> list[str]:
    """What is wrong between octets, data_coding and esm_class."""
    found = []
    if body.esm_class & c.ESM_UDHI and body.header is None:
        found.append("esm_class says user data header, and the octets hold none")
    if not body.esm_class & c.ESM_UDHI and _looks_like_header(body.octets):
        found.append("this looks like a user data header, and esm_class (0x40) does not say so: it shows as text")
    if body.codec == "gsm7":
        found += _septet_warnings(body)
    if body.codec == _UTF16:
        found += _utf16_warnings(body.text_octets)
    if not body.is_payload and not body.is_receipt and _octets_on_air(body) > USER_DATA_OCTETS:
        found.append(f"{_octets_on_air(body)} octets on the air; a short message holds {USER_DATA_OCTETS}")
    return found


def _looks_like_header(octets: bytes) -> bool:
    return octets[:3] == b"\x05\x00\x03" or octets[:3] == b"\x06\x08\x04"


def _septet_warnings(body: Body) -> list[str]:
    octets = body.units
    if body.packing is Packing.UNFIT:
        return ["no packed septets, which the operator's profile says (text.packed): read as one septet an octet"]
    high = next((at for at, octet in enumerate(octets) if octet > 0x7F), None)
    if high is not None:
        return [f"octet {high + 1} is 0x{octets[high]:02X}: septets end at 0x7F. Latin-1, or packed septets?"]
    if octets.endswith(bytes((ESCAPE,))):
        return ["ends with half of an escape pair"]
    return []


def _utf16_warnings(octets: bytes) -> list[str]:
    if len(octets) % 2:
        return ["UCS-2 with an odd number of octets"]
    if octets[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return ["begins with a byte order mark, which phones show or choke on"]
    try:
        octets.decode(_UTF16)
    except UnicodeDecodeError:
        return ["holds half of a surrogate pair"]
    return []


def _octets_on_air(body: Body) -> int:
    """Septets are packed there, from the next septet's border behind a header on."""
    if body.codec != "gsm7" or body.packing in (Packing.PACKED, Packing.MASKED):
        return len(body.octets)
    header = body.header
    septets = (len(header.octets) * 8 + 6) // 7 if header else 0
    return ((septets + len(body.text_octets)) * 7 + 7) // 8
