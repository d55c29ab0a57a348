"""Values of vendor TLVs, written as templates over a command's fields (docs/profiles.md).

`{accountId}` is a field, `{accountId:8}` its first eight characters, `{metadata.costCentre|none}` a field with what
stands in for it where it is missing, `{{` a brace. Nothing else is a language: no expressions, no text, no
destination of the message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from ghasi.contracts.rules import TlvEncoding

FIELDS: Final = (
    "messageId",
    "eventId",
    "accountId",
    "operatorId",
    "messageType",
    "encoding",
)
MAX_DIGITS: Final = 20
"""Of the greatest number of 8 octets."""
METADATA: Final = re.compile(r"metadata\.[A-Za-z][A-Za-z0-9_]{0,39}\Z")
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.]*)(?::([0-9]{1,3}))?(?:\|([^{}|]*))?\Z")


class InvalidTemplate(ValueError):
    """The template cannot be read, or never gives what its encoding needs. The text repeats no value."""


class NoValue(Exception):
    """The template's value cannot be written in its encoding. The text repeats no value."""


class Template:
    """One template, read. Raises InvalidTemplate."""

    __slots__ = ("_pieces", "varies")

    def __init__(self, source: str) -> None:
        self._pieces = tuple(_pieces(source))
        self.varies = any(name for name, _, _ in self._pieces)
        """Whether it names any field, so that the value differs from message to message."""

    def check(self, encoding: TlvEncoding, octets: int) -> None:
        """Raises InvalidTemplate where no command at all could give a value in `encoding`."""
        if self.varies:
            return
        try:
            self.render({}, encoding, octets)
        except NoValue as error:
            raise InvalidTemplate(str(error)) from None

    def render(self, values: Mapping[str, str], encoding: TlvEncoding, octets: int) -> bytes | None:
        """The TLV's octets; None where a field without a substitute is missing. Raises NoValue."""
        found: list[str] = []
        for name, length, substitute in self._pieces:
            if not name:
                found.append(substitute or "")
                continue
            value = values.get(name)
            if value is None:
                value = substitute
            if value is None:
                return None
            found.append(value[:length] if length else value)
        return encode("".join(found), encoding, octets)


def encode(value: str, encoding: TlvEncoding, octets: int) -> bytes:
    """Text as a TLV's value. Raises NoValue."""
    if encoding is TlvEncoding.INTEGER:
        # The length first: Python refuses to read a number of thousands of digits.
        digits = value.isascii() and value.isdecimal() and len(value) <= MAX_DIGITS
        if not digits or int(value) >= 1 << (8 * octets):
            raise NoValue(f"is no number of {octets} octets")
        return int(value).to_bytes(octets, "big")
    if encoding is TlvEncoding.HEX:
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise NoValue("is not hexadecimal") from None
    if not value.isascii() or "\0" in value:
        raise NoValue("has characters outside ASCII")
    return value.encode("ascii") + (b"\0" if encoding is TlvEncoding.CSTRING else b"")


@lru_cache(maxsize=256)
def template(source: str) -> Template:
    """A template, read once. Raises InvalidTemplate."""
    return Template(source)


def _pieces(source: str) -> list[tuple[str, int, str | None]]:
    """(field, length, substitute); text between fields has no field and stands as substitute."""
    found: list[tuple[str, int, str | None]] = []
    for match in _PIECE.finditer(source):
        piece = match[0]
        if piece in ("{{", "}}"):
            found.append(("", 0, piece[0]))
        elif match[1] is not None:
            found.append(_field(match[1]))
        elif piece in "{}":
            raise InvalidTemplate("has a brace that is neither closed nor doubled")
        else:
            found.append(("", 0, piece))
    return found


def _field(source: str) -> tuple[str, int, str | None]:
    match = _FIELD.match(source)
    if match is None or not (match[1] in FIELDS or METADATA.match(match[1])):
        raise InvalidTemplate(f"names a field that is none of {', '.join(FIELDS)}, metadata.NAME")
    return match[1], int(match[2] or 0), match[3]
