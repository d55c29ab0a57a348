"""What each mandatory field means, and what is wrong with it by itself (SMPP 3.4 §4, §5.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ghasi.explain import words
from ghasi.explain.addresses import address_warnings
from ghasi.explain.lines import quoted
from ghasi.explain.times import time_said
from ghasi.explain.words import Said
from ghasi.smpp import constants as c
from ghasi.smpp.constants import CommandId
from ghasi.smpp.layout import Layout, Span, SpanKind
from ghasi.sms.coding import Alphabet

_TO_SMSC: Final = frozenset({CommandId.SUBMIT_SM, CommandId.SUBMIT_MULTI})
_ADDRESS_TONS: Final = {
    "source_addr": "source_addr_ton",
    "destination_addr": "dest_addr_ton",
    "esme_addr": "esme_addr_ton",
}
_DEST_FLAGS: Final = {1: "a number", 2: "a distribution list"}
_IN_HEX: Final = {"command_id": 8, "esm_class": 2, "protocol_id": 2, "registered_delivery": 2, "data_coding": 2}
"""Fields whose bits matter, and their hexadecimal digits."""
_REPLACE: Final = {0: "no", 1: "replaces an earlier message of the same type still waiting"}
_ALPHABETS: Final = {Alphabet.LATIN1: "Latin-1", Alphabet.ASCII: "ASCII"}


def field_shown(span: Span) -> str:
    """The value as people write it."""
    if span.kind is SpanKind.TEXT:
        return quoted(span.value)
    digits = _IN_HEX.get(span.name)
    return f"0x{span.value:0{digits}X}" if digits else str(span.value)


def field_said(span: Span, layout: Layout, alphabet: Alphabet = Alphabet.GSM7) -> Said:
    """Meaning and warnings of one mandatory field or field of the header."""
    if span.name == "data_coding" and span.value == 0 and alphabet in _ALPHABETS:
        return Said(f"default of the SMSC, here {_ALPHABETS[alphabet]}")
    said = _by_name(span, layout)
    return Said(said.meaning, (*said.warnings, *_string_warnings(span)))


def _string_warnings(span: Span) -> tuple[str, ...]:
    if span.kind is not SpanKind.TEXT or not span.limit:
        return ()
    found = []
    if len(span.value) >= span.limit and span.name not in _TIMES:
        found.append(f"{len(span.value)} octets; the specification allows {span.limit - 1}")
    if span.end - span.start == len(span.value):
        found.append("ends without its NUL")
    if not span.value.isascii():
        found.append("characters outside ASCII (§3.1)")
    return tuple(found)


def _by_name(span: Span, layout: Layout) -> Said:
    if span.name == "esm_class":
        return words.esm_class(span.value, to_smsc=layout.value("command_id") in _TO_SMSC)
    if span.name in _ADDRESS_TONS:
        ton = _ton_of(span, layout)
        return Said("", tuple(address_warnings(span.value, ton)))
    if span.name in _TIMES:
        return time_said(span.value, _TIMES[span.name])
    words_for = _WORDS.get(span.name)
    return words_for(span.value) if words_for else Said()


def _ton_of(span: Span, layout: Layout) -> int:
    """The type that stands in front of the address, in its own entry of a list."""
    name = _ADDRESS_TONS[span.name]
    before = (one.value for one in reversed(layout.spans) if one.name == name and one.start < span.start)
    return int(next(before, 0))


def _command_id(value: int) -> Said:
    name = c.command_name(value)
    return Said("", ("SMPP 3.4 lists no such command",)) if name.startswith("0x") else Said(name)


def _sequence(value: int) -> Said:
    if c.MIN_SEQUENCE <= value <= c.MAX_SEQUENCE:
        return Said()
    return Said("", ("sequence numbers are 1 to 0x7FFFFFFF (§5.1.4)",))


def _service_type(value: str) -> Said:
    return Said(words.SERVICE_TYPES.get(value, "the operator's own"))


def _password(value: str) -> Said:
    return Said("as shown here, for everybody who reads along" if value.strip("*") else "")


_TIMES: Final = {
    "schedule_delivery_time": "at once",
    "validity_period": "as long as the SMSC keeps messages",
    "final_date": "no final state yet",
}
_WORDS: Final[dict[str, Callable[[Any], Said]]] = {
    "command_length": lambda _: Said("octets, this field included"),
    "command_id": _command_id,
    "sequence_number": _sequence,
    "service_type": _service_type,
    "password": _password,
    "source_addr_ton": lambda value: words.listed(value, words.TON, "type of number"),
    "dest_addr_ton": lambda value: words.listed(value, words.TON, "type of number"),
    "esme_addr_ton": lambda value: words.listed(value, words.TON, "type of number"),
    "addr_ton": lambda value: words.listed(value, words.TON, "type of number"),
    "source_addr_npi": lambda value: words.listed(value, words.NPI, "numbering plan"),
    "dest_addr_npi": lambda value: words.listed(value, words.NPI, "numbering plan"),
    "esme_addr_npi": lambda value: words.listed(value, words.NPI, "numbering plan"),
    "addr_npi": lambda value: words.listed(value, words.NPI, "numbering plan"),
    "protocol_id": words.protocol_id,
    "priority_flag": words.priority_flag,
    "registered_delivery": words.registered_delivery,
    "replace_if_present_flag": lambda value: words.listed(value, _REPLACE, "replace_if_present_flag"),
    "data_coding": words.data_coding,
    "sm_default_msg_id": lambda value: Said("none" if value == 0 else "a text kept at the SMSC"),
    "sm_length": lambda value: Said("octets of short_message", ("254 at most (§5.2.21)",) if value > 254 else ()),
    "interface_version": words.interface_version,
    "message_state": words.message_state,
    "error_code": lambda value: Said("none" if value == 0 else "the network's own"),
    "error_status_code": lambda value: Said(c.status_name(value)),
    "dest_flag": lambda value: words.listed(value, _DEST_FLAGS, "dest_flag"),
}
