"""What single numbers mean, by the tables of SMPP 3.4 §5.2 and GSM 03.38."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ghasi.smpp import constants as c
from ghasi.smpp.receipt_states import state_of_number
from ghasi.sms.coding import incoming_codec


@dataclass(frozen=True, slots=True)
class Said:
    """What a value means, and what is wrong or unusual about it."""

    meaning: str = ""
    warnings: tuple[str, ...] = ()


TON: Final = {member.value: member.name.lower().replace("_", " ") for member in c.Ton}
NPI: Final = {
    0: "unknown",
    1: "E.164, telephone numbers",
    3: "X.121, data numbers",
    4: "F.69, telex numbers",
    6: "E.212, land mobile",
    8: "national",
    9: "private",
    10: "ERMES",
    14: "internet (IP)",
    18: "WAP client id",
}
SERVICE_TYPES: Final = {
    "": "default of the SMSC",
    "CMT": "cellular messaging",
    "CPT": "cellular paging",
    "VMN": "voice mail notification",
    "VMA": "voice mail alerting",
    "WAP": "wireless application protocol",
    "USSD": "unstructured supplementary services data",
}
_MODES: Final = {0: "", 1: "datagram", 2: "forward", 3: "store and forward"}
_TYPES_FROM_SMSC: Final = {
    0x04: "receipt",
    0x08: "delivery acknowledgement of the user",
    0x10: "manual acknowledgement of the user",
    0x18: "conversation abort",
    0x20: "intermediate notification",
}
_TYPES_TO_SMSC: Final = {0x08: "with delivery acknowledgement", 0x10: "with manual acknowledgement"}
_RECEIPT: Final = {0: "no receipt", 1: "receipt", 2: "receipt on failure", 3: "receipt on success"}
_CODINGS: Final = {
    0x00: "default of the SMSC, read as GSM 03.38",
    0x01: "IA5 (ASCII)",
    0x02: "octets",
    0x03: "Latin-1",
    0x04: "octets",
    0x05: "JIS",
    0x06: "ISO-8859-5, Cyrillic",
    0x07: "ISO-8859-8, Hebrew",
    0x08: "UCS-2",
    0x09: "pictograms",
    0x0A: "ISO-2022-JP",
    0x0D: "extended Kanji JIS",
    0x0E: "KS C 5601",
}
_GSM_ALPHABETS: Final = {0x00: "GSM 03.38", 0x04: "octets", 0x08: "UCS-2", 0x0C: "reserved alphabet"}
_CLASSES: Final = {
    0: "class 0, flash: shown at once",
    1: "class 1, kept by the phone",
    2: "class 2, kept by the SIM",
    3: "class 3, for equipment",
}
_WAITING: Final = {0xC: "discard the text", 0xD: "keep the text, GSM 03.38", 0xE: "keep the text, UCS-2"}
_WAITING_KINDS: Final = ("voice mail", "fax", "e-mail", "other messages")
_PROTOCOLS: Final = {
    0x00: "plain short message",
    0x40: "type 0: the phone shows nothing",
    0x5F: "return call",
    0x7C: "ANSI-136 R-DATA",
    0x7D: "equipment data download",
    0x7E: "equipment depersonalisation",
    0x7F: "SIM data download",
}


def esm_class(value: int, *, to_smsc: bool) -> Said:
    """SMPP 3.4 §5.2.12; the type bits mean different things by direction."""
    words = [_MODES[value & c.ESM_MODE_MASK]]
    kind = value & c.ESM_TYPE_MASK
    warnings: list[str] = []
    if kind:
        known = (_TYPES_TO_SMSC if to_smsc else _TYPES_FROM_SMSC).get(kind)
        words.append(known or f"message type 0x{kind:02X}")
        if known is None:
            of = "submit_sm" if to_smsc else "deliver_sm"
            meant = " (a receipt's type stands in deliver_sm only)" if to_smsc and kind in _TYPES_FROM_SMSC else ""
            warnings.append(f"message type 0x{kind:02X} is reserved in a {of}{meant}")
    if not to_smsc and value & c.ESM_MODE_MASK:
        warnings.append("the mode bits have no meaning from an SMSC")
    words += [
        name for bit, name in ((c.ESM_UDHI, "user data header"), (c.ESM_REPLY_PATH, "reply path")) if value & bit
    ]
    return Said(", ".join(word for word in words if word) or "plain", tuple(warnings))


def registered_delivery(value: int) -> Said:
    """SMPP 3.4 §5.2.17."""
    words = [_RECEIPT[value & 0x03]]
    acks = {0x04: "delivery acknowledgement", 0x08: "manual acknowledgement", 0x0C: "both acknowledgements"}
    if value & 0x0C:
        words.append(acks[value & 0x0C])
    if value & 0x10:
        words.append("intermediate notification")
    warnings = []
    if value & 0x03 == 3:
        warnings.append("receipt on success alone is SMPP 5; SMPP 3.4 reserves it")
    if value & 0xE0:
        warnings.append(f"bits 5 to 7 (0x{value & 0xE0:02X}) are reserved")
    return Said(", ".join(words), tuple(warnings))


def data_coding(value: int) -> Said:
    """SMPP 3.4 §5.2.19, GSM 03.38 §4."""
    group = value >> 4
    if value in _CODINGS:
        unread = value and incoming_codec(value) is None and _CODINGS[value] != "octets"
        return Said(_CODINGS[value], ("the connector keeps such octets and decodes no text",) if unread else ())
    if group == 0x1:
        return Said(f"{_GSM_ALPHABETS[value & 0x0C]}, {_CLASSES[value & 3]}")
    if group == 0xF:
        alphabet = "octets" if value & 0x04 else "GSM 03.38"
        return Said(f"{alphabet}, {_CLASSES[value & 3]}", ("bit 3 is reserved",) if value & 0x08 else ())
    if group in _WAITING:
        change = "waiting" if value & 0x08 else "no longer waiting"
        return Said(f"{_WAITING_KINDS[value & 3]} {change}, {_WAITING[group]}")
    return Said("not listed: octets", ("reserved by SMPP 3.4: a vendor's own meaning",))


def protocol_id(value: int) -> Said:
    """GSM 03.40 §9.2.3.9."""
    if value in _PROTOCOLS:
        return Said(_PROTOCOLS[value])
    if 0x41 <= value <= 0x47:
        return Said(f"replaces an earlier message of type {value - 0x40}")
    return Said("telematic interworking" if 0x20 <= value <= 0x3F else "reserved or private")


def priority_flag(value: int) -> Said:
    """SMPP 3.4 §5.2.14."""
    if value > 3:
        return Said("", ("priorities are 0 to 3",))
    return Said("no priority" if value == 0 else f"priority {value}, on GSM all above 0 mean the same")


def listed(value: int, names: Mapping[int, str], what: str) -> Said:
    """A number of a closed table."""
    name = names.get(value)
    return Said(name) if name is not None else Said("not listed", (f"SMPP 3.4 lists no {what} {value}",))


def interface_version(value: int) -> Said:
    named = f"SMPP {value >> 4}.{value & 0x0F}"
    if value == c.INTERFACE_VERSION:
        return Said(named)
    if value < c.INTERFACE_VERSION:
        return Said(f"{named} or older", ("below 0x34 the other side may send no TLVs (§3.4)",))
    return Said(named, ("newer than 3.4: statuses and TLVs may be unknown here",))


def message_state(value: int) -> Said:
    """SMPP 3.4 §5.2.28."""
    state = state_of_number(value)
    if state is None:
        return Said("not listed", (f"message_state {value} is in no table",))
    late = state.name in ("SCHEDULED", "SKIPPED")
    return Said(state.name, ("a state of SMPP 5",) if late else ())
