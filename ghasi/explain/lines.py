"""Lines of an explanation, before anybody decides how they look."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

HEX_SHOWN = 8
HEX_ROW = 24


class Mark(Enum):
    """What a line is."""

    HEAD = "head"
    FIELD = "field"
    PLAIN = "plain"
    WARNING = "warning"
    """Something the specification does not allow, or that is seldom meant."""


@dataclass(frozen=True, slots=True)
class Line:
    """`where` and `octets` are a field's place in the PDU and its octets in hexadecimal; both empty elsewhere."""

    mark: Mark
    name: str
    value: str = ""
    meaning: str = ""
    where: str = ""
    octets: str = ""
    depth: int = 0


def head(text: str) -> Line:
    return Line(Mark.HEAD, text)


def plain(name: str, value: str = "", meaning: str = "", depth: int = 0) -> Line:
    return Line(Mark.PLAIN, name, value, meaning, depth=depth)


def warning(text: str, depth: int = 0) -> Line:
    return Line(Mark.WARNING, text, depth=depth)


def hex_of(octets: bytes, most: int = HEX_SHOWN) -> str:
    """In hexadecimal, cut with an ellipsis where it is longer than `most` octets."""
    return octets.hex() if len(octets) <= most else f"{octets[: most - 1].hex()}…"


def hex_rows(octets: bytes) -> list[str]:
    """All of it, in rows."""
    return [octets[at : at + HEX_ROW].hex(" ") for at in range(0, len(octets), HEX_ROW)]


def printable(text: str) -> str:
    """Control characters written out: what an operator sends must not steer the reader's terminal."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"


def quoted(text: str) -> str:
    """As Python writes it: what cannot be seen is written out, and nothing steers the terminal."""
    return repr(text)
