"""User data headers element by element (3GPP 23.040 §9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_NAMES: Final = {
    0x00: "concatenation, 8-bit reference",
    0x01: "special message indication",
    0x04: "ports, 8 bits",
    0x05: "ports, 16 bits",
    0x06: "SMSC control",
    0x07: "header source",
    0x08: "concatenation, 16-bit reference",
    0x09: "wireless control message",
    0x0A: "text formatting (EMS)",
    0x0B: "predefined sound (EMS)",
    0x0C: "own sound (EMS)",
    0x0D: "predefined animation (EMS)",
    0x20: "e-mail header (RFC 822)",
    0x22: "reply address",
    0x24: "national language, single shift",
    0x25: "national language, locking shift",
}
_LANGUAGES: Final = {
    1: "Turkish", 2: "Spanish", 3: "Portuguese", 4: "Bengali", 5: "Gujarati", 6: "Hindi", 7: "Kannada",
    8: "Malayalam", 9: "Oriya", 10: "Punjabi", 11: "Tamil", 12: "Telugu", 13: "Urdu",
}  # fmt: skip
_PORTS: Final = {
    2948: "WAP push",
    2949: "WAP push, secure",
    5505: "ring tone",
    5506: "operator logo",
    5507: "group logo",
    9200: "WAP",
    9204: "vCard",
    9205: "vCalendar",
}
_SIZES: Final = {0x00: 3, 0x01: 2, 0x04: 2, 0x05: 4, 0x08: 4, 0x24: 1, 0x25: 1}


@dataclass(frozen=True, slots=True)
class Element:
    """One information element: its octets with id and length, what it says, and what is wrong with it."""

    octets: bytes
    name: str
    meaning: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Which part of which message."""

    reference: int
    total: int
    number: int
    bits: int


@dataclass(frozen=True, slots=True)
class Header:
    """`octets` with the length octet in front; `language` is the number of a locking or single shift table."""

    octets: bytes
    elements: tuple[Element, ...]
    concatenation: Concatenation | None = None
    warnings: tuple[str, ...] = ()


def read_header(user_data: bytes) -> Header | None:
    """The header at the beginning of `user_data`; None where its length does not fit."""
    if not user_data or user_data[0] >= len(user_data):
        return None
    octets = user_data[: 1 + user_data[0]]
    elements: list[Element] = []
    warnings: list[str] = []
    concatenation: Concatenation | None = None
    at = 1
    while at < len(octets):
        if at + 2 > len(octets) or at + 2 + octets[at + 1] > len(octets):
            warnings.append("the last element is longer than the header")
            break
        end = at + 2 + octets[at + 1]
        elements.append(_element(octets[at:end]))
        concatenation = _concatenation(octets[at], octets[at + 2 : end]) or concatenation
        at = end
    if len({element.octets[0] for element in elements}) < len(elements):
        warnings.append("an element stands twice; phones take the last one")
    return Header(octets, tuple(elements), concatenation, tuple(warnings))


def _element(octets: bytes) -> Element:
    kind, value = octets[0], octets[2:]
    name = _NAMES.get(kind, f"element 0x{kind:02X}")
    wanted = _SIZES.get(kind)
    if wanted is not None and len(value) != wanted:
        return Element(octets, name, "", (f"must have {wanted} octets, has {len(value)}",))
    part = _concatenation(kind, value)
    if part is not None:
        return Element(octets, name, _part_words(part), _part_warnings(part))
    if kind in (0x24, 0x25):
        language = _LANGUAGES.get(value[0])
        return Element(octets, name, language or "", () if language else ("no such language table",))
    if kind in (0x04, 0x05):
        half = len(value) // 2
        to, source = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
        return Element(octets, name, f"to {to}{f' ({_PORTS[to]})' if to in _PORTS else ''}, from {source}")
    return Element(octets, name)


def _concatenation(kind: int, value: bytes) -> Concatenation | None:
    if kind == 0x00 and len(value) == 3:
        return Concatenation(value[0], value[1], value[2], 8)
    if kind == 0x08 and len(value) == 4:
        return Concatenation(int.from_bytes(value[:2], "big"), value[2], value[3], 16)
    return None


def _part_words(part: Concatenation) -> str:
    return f"part {part.number} of {part.total}, reference {part.reference}"


def _part_warnings(part: Concatenation) -> tuple[str, ...]:
    if 1 <= part.number <= part.total:
        return ()
    return ("the part's number is not within 1 and the number of parts: phones show a message of its own",)
