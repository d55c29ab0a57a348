"""Information elements of a user data header (3GPP 23.040 §9.2.3.24): identifier, length, data."""

from __future__ import annotations

from typing import Final

from ghasi.sms.coding import hex_octets
from ghasi.sms.errors import BadHeader

MAX_OWN_OCTETS: Final = 64
"""Of elements that a command brings along: each part repeats them, and a part has to hold more than headers."""
_OURS: Final = {0x00: "concatenation", 0x08: "concatenation", 0x24: "national table", 0x25: "national table"}


def parse_elements(octets: bytes) -> list[tuple[int, bytes]]:
    """Identifier and data of each element, without the length octet of the whole header. Raises BadHeader."""
    elements: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        end = at + 2 + (octets[at + 1] if at + 1 < len(octets) else len(octets))
        if end > len(octets):
            raise BadHeader("udh ends within an element")
        elements.append((octets[at], octets[at + 2 : end]))
        at = end
    return elements


def own_elements(text: str) -> bytes:
    """The elements a command brings along, from hexadecimal. Raises BadHex and BadHeader: malformed, too many, or
    one of those that the connector writes itself."""
    octets = hex_octets(text, "udh")
    if len(octets) > MAX_OWN_OCTETS:
        raise BadHeader(f"udh has more than {MAX_OWN_OCTETS} octets")
    for identifier, _ in parse_elements(octets):
        if identifier in _OURS:
            raise BadHeader(f"udh may not hold element 0x{identifier:02X} ({_OURS[identifier]})")
    return octets
