"""What TLVs say, by SMPP 3.4 §5.3.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ghasi.contracts.rules import TlvEncoding, TlvToRead
from ghasi.explain import words
from ghasi.explain.lines import quoted
from ghasi.explain.words import Said
from ghasi.profiles.tlv_values import tlv_text
from ghasi.smpp.receipt_states import state_of_tlv
from ghasi.smpp.tlv import TAG_BY_NAME, TAGS, Tag, TagInfo, Tlv, TlvKind

_NETWORKS: Final = {
    0: "unknown",
    1: "GSM",
    2: "ANSI-136/TDMA",
    3: "IS-95/CDMA",
    4: "PDC",
    5: "PHS",
    6: "iDEN",
    7: "AMPS",
    8: "paging network",
}
_BEARERS: Final = {
    0: "unknown",
    1: "SMS",
    2: "circuit switched data",
    3: "packet data",
    4: "USSD",
    5: "CDPD",
    6: "DataTAC",
    7: "FLEX/ReFLEX",
    8: "cell broadcast",
}
_SUBUNITS: Final = {
    0: "unknown",
    1: "display of the phone (flash)",
    2: "the phone",
    3: "smart card",
    4: "external unit",
}
_ERROR_NETWORKS: Final = {1: "ANSI-136", 2: "IS-95", 3: "GSM", 4: "reserved"}

_TABLES: Final[dict[str, Mapping[int, str]]] = {
    "dest_addr_subunit": _SUBUNITS,
    "source_addr_subunit": _SUBUNITS,
    "dest_network_type": _NETWORKS,
    "source_network_type": _NETWORKS,
    "dest_bearer_type": _BEARERS,
    "source_bearer_type": _BEARERS,
    "payload_type": {0: "default", 1: "WCMP"},
    "privacy_indicator": {0: "not restricted", 1: "restricted", 2: "confidential", 3: "secret"},
    "language_indicator": {
        0: "unspecified",
        1: "English",
        2: "French",
        3: "Spanish",
        4: "German",
        5: "Portuguese",
    },
    "dpf_result": {0: "delivery pending flag not set", 1: "delivery pending flag set"},
    "set_dpf": {0: "delivery pending flag not wanted", 1: "delivery pending flag wanted"},
    "ms_availability_status": {0: "available", 1: "denied", 2: "unavailable"},
    "delivery_failure_reason": {
        0: "destination unavailable",
        1: "destination address invalid",
        2: "permanent network error",
        3: "temporary network error",
    },
    "more_messages_to_send": {0: "no more follow", 1: "more follow"},
    "display_time": {0: "temporary", 1: "default", 2: "invoke"},
    "ms_validity": {0: "store indefinitely", 1: "until powered down", 2: "until another area", 3: "display only"},
    "its_reply_type": {
        0: "digit",
        1: "number",
        2: "telephone number",
        3: "password",
        4: "character line",
        5: "menu",
        6: "date",
        7: "time",
        8: "continue",
    },
    "ussd_service_op": {
        0: "PSSD indication",
        1: "PSSR indication",
        2: "USSR request",
        3: "USSN request",
        16: "PSSD response",
        17: "PSSR response",
        18: "USSR confirm",
        19: "USSN confirm",
    },
}
_UNITS: Final = {"qos_time_to_live": "seconds"}
_REPEATABLE: Final = frozenset(
    TAG_BY_NAME[name] for name in ("callback_num", "callback_num_pres_ind", "callback_num_atag")
)
_VENDORS: Final = range(0x1400, 0x4000)


def may_repeat(tlv: Tlv) -> bool:
    """Whether SMPP lets that tag stand several times."""
    return tlv.tag in _REPEATABLE or tlv.tag not in TAGS


def tlv_said(tlv: Tlv, own: TlvToRead | None = None) -> tuple[str, Said]:
    """The value as to be shown, and what it means; `own` is what the operator's profile says of a vendor's tag."""
    info = TAGS.get(tlv.tag)
    if info is None:
        return (_by_profile(tlv, own), Said("by the profile")) if own is not None else _unlisted(tlv)
    shown, said = _value(tlv, info)
    least, greatest = info.sizes
    if least <= len(tlv.value) <= greatest:
        return shown, said
    rule = f"{least} octets" if least == greatest else f"{least} to {greatest} octets"
    return shown, Said(said.meaning, (*said.warnings, f"must have {rule}, has {len(tlv.value)}"))


def _by_profile(tlv: Tlv, own: TlvToRead) -> str:
    text = tlv_text(tlv.value, own.encoding)
    return quoted(text) if own.encoding in (TlvEncoding.ASCII, TlvEncoding.CSTRING) else text


def _unlisted(tlv: Tlv) -> tuple[str, Said]:
    text = tlv.value.rstrip(b"\0")
    shown = quoted(text.decode("ascii")) if text and _is_readable(text) else f"{len(tlv.value)} octets"
    if tlv.tag in _VENDORS:
        return shown, Said("vendor's own")
    return shown, Said("not listed", ("tags outside 0x1400 to 0x3FFF are reserved (§5.3.1)",))


def _is_readable(octets: bytes) -> bool:
    return all(0x20 <= octet < 0x7F for octet in octets)


def _value(tlv: Tlv, info: TagInfo) -> tuple[str, Said]:
    if tlv.tag == Tag.NETWORK_ERROR_CODE:
        return _network_error(tlv.value)
    if tlv.tag == Tag.MESSAGE_STATE:
        number = state_of_tlv(tlv.value)
        return ("", Said()) if number is None else (str(number), words.message_state(number))
    if tlv.tag == Tag.SC_INTERFACE_VERSION:
        number = tlv.as_int() or 0
        return f"0x{number:02X}", words.interface_version(number)
    if info.kind is TlvKind.C_STRING:
        return quoted(tlv.as_text()), Said("" if tlv.value.endswith(b"\0") else "sent without its NUL")
    if info.kind is TlvKind.FLAG:
        return "", Said("set")
    if info.kind is not TlvKind.INTEGER:
        return f"{len(tlv.value)} octets", Said()
    number = tlv.as_int() or 0
    table = _TABLES.get(info.name)
    if table is None:
        return str(number), Said(_UNITS.get(info.name, ""))
    return str(number), words.listed(number, table, info.name)


def _network_error(value: bytes) -> tuple[str, Said]:
    if len(value) == 3 and value.isdigit():
        return str(int(value)), Said(f"error {int(value)}", ("sent as three ASCII digits, not as network and code",))
    if len(value) == 1:
        return str(value[0]), Said(f"error {value[0]}", ("sent as a single octet, not as network and code",))
    if len(value) != 3:
        return f"{len(value)} octets", Said()
    number = int.from_bytes(value[1:], "big")
    network = _ERROR_NETWORKS.get(value[0])
    warned = () if network else (f"network {value[0]} is not listed",)
    return str(number), Said(f"error {number} of the {network or 'network'}", warned)
