"""Optional parameters that an operator's profile reads, as text under its names (docs/profiles.md, `tlvs.read`).
Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ghasi.contracts.rules import TlvEncoding, TlvToRead
from ghasi.smpp.tlv import TAG_BY_NAME, Tag, Tlv

MAX_OCTETS: Final = 64
"""A longer value is none of the short facts that events carry."""
_MAX_INTEGER_OCTETS: Final = 8
NOT_FOR_EVENTS: Final = frozenset(
    {Tag.RECEIPTED_MESSAGE_ID, Tag.MESSAGE_STATE}
    | {
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
)
"""What a receipt says in fields of its own, and what may hold a text or a number of a person."""


def tlv_text(value: bytes, encoding: TlvEncoding) -> str:
    """The value as the profile reads it; in hexadecimal where it is not of that form."""
    if encoding is TlvEncoding.INTEGER and 0 < len(value) <= _MAX_INTEGER_OCTETS:
        return str(int.from_bytes(value, "big"))
    if encoding in (TlvEncoding.ASCII, TlvEncoding.CSTRING):
        text = value.rstrip(b"\0") if encoding is TlvEncoding.CSTRING else value
        if all(0x20 <= octet < 0x7F for octet in text):
            return text.decode("ascii")
    return value.hex()


def read_tlvs(
    tlvs: Iterable[Tlv], wanted: Sequence[TlvToRead], hide: Callable[[str], str]
) -> tuple[tuple[str, str], ...]:
    """(name, text) of those that are `wanted`, in the order of the profile; the first of a tag counts. `hide` takes
    what nobody may see out of a text; a value that holds some of that in another form is left out."""
    found: dict[int, bytes] = {}
    for tlv in tlvs:
        found.setdefault(tlv.tag, tlv.value)
    told = []
    for one in wanted:
        value = found.get(one.tag)
        if value is None or one.tag in NOT_FOR_EVENTS or len(value) > MAX_OCTETS:
            continue
        text, octets = tlv_text(value, one.encoding), value.decode("latin-1")
        as_sent = text in (octets, octets.rstrip("\0"))
        if as_sent or hide(octets) == octets:
            told.append((one.name, hide(text)))
    return tuple(told)
