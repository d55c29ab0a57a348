"""Segmentation, PDUs and receipts in words, for a person at a terminal. Texts and numbers are shown unmasked:
whoever asks has typed them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ghasi.smpp import constants as c
from ghasi.smpp.pdu import DataSm, DeliverSm, Pdu, field_table
from ghasi.smpp.receipt import Receipt
from ghasi.smpp.receipt_states import state_of_number
from ghasi.smpp.tlv import TAGS, Tag, Tlv, TlvKind
from ghasi.sms.coding import Alphabet, Coding, decode_text, first_outside, incoming_codec
from ghasi.sms.segmentation import LongMode, Part, Segmented, capacity

_UNIT_NAMES: Final = {Coding.GSM7: "septets", Coding.UCS2: "UTF-16 units"}
_MODE_NAMES: Final = {
    None: "plain",
    LongMode.UDH: "joined by a user data header",
    LongMode.SAR: "joined by sar_* TLVs",
    LongMode.PAYLOAD: "in message_payload, cut by the SMSC",
}


def explain_segments(text: str, segmented: Segmented, alphabet: Alphabet = Alphabet.GSM7) -> list[str]:
    """Lines on coding, characters, parts, and the octets of each part."""
    unit = _UNIT_NAMES.get(segmented.coding, "octets")
    why = _why_ucs2(text, alphabet) if segmented.coding is Coding.UCS2 else ""
    lines = [
        f"coding      {segmented.coding.value}, data_coding 0x{segmented.data_coding:02X}{why}",
        f"characters  {len(text)} ({segmented.units} {unit})",
        f"parts       {_parts_in_words(segmented, unit)}",
    ]
    for number, part in enumerate(segmented.parts, 1):
        lines += _part_lines(number, part, segmented, unit)
    return lines


def _why_ucs2(text: str, alphabet: Alphabet) -> str:
    position = first_outside(text, alphabet)
    if position is None:
        return ""
    char = text[position]
    return f" ({alphabet.value} has no {char!r} U+{ord(char):04X}, character {position + 1})"


def _parts_in_words(segmented: Segmented, unit: str) -> str:
    alone = capacity(segmented.coding, 0)
    if segmented.mode is None:
        return f"1, {_MODE_NAMES[None]} (up to {alone} {unit})"
    each = capacity(segmented.coding, 6 if segmented.reference_bits == 8 else 7)
    count = f"{len(segmented.parts)}"
    if segmented.mode is LongMode.PAYLOAD:
        count = f"1 PDU for {segmented.network_parts} parts"
    how = _MODE_NAMES[segmented.mode]
    return f"{count}, {how} ({each} {unit} each, {segmented.reference_bits}-bit reference)"


def _part_lines(number: int, part: Part, segmented: Segmented, unit: str) -> list[str]:
    lines = [f"  part {number}: {part.units} {unit}, {len(part.user_data)} octets"]
    if part.udh:
        lines.append(f"    udh   {part.udh.hex()}")
    lines.append(f"    body  {part.body.hex()}")
    shown = decode_text(part.body, segmented.data_coding, _alphabet_of(segmented.coding))
    lines.append(f"    text  {shown!r}")
    return lines


def _alphabet_of(coding: Coding) -> Alphabet:
    return {Coding.LATIN1: Alphabet.LATIN1, Coding.ASCII: Alphabet.ASCII}.get(coding, Alphabet.GSM7)


def explain_receipt(receipt: Receipt) -> list[str]:
    """Lines on what a receipt says and what the connector makes of it."""
    if not receipt.is_receipt:
        return ["no receipt: an incoming message"]
    state = receipt.state.value if receipt.state else "none"
    if receipt.state:
        state += ", final" if receipt.final else ", not final"
    lines = ["receipt       " + ("intermediate notification" if receipt.intermediate else "delivery receipt")]
    if receipt.unreadable:
        lines.append(f"unreadable    {receipt.unreadable.value}")
    named = (
        ("id", " / ".join(receipt.ids) or None),
        ("lookup key", " / ".join(receipt.lookup_keys()) or None),
        ("stat", receipt.stat),
        ("message_state", _message_state(receipt.message_state)),
        ("state", state),
        ("error", receipt.error),
        ("network error", receipt.network_error_code.hex() if receipt.network_error_code else None),
        ("submit date", receipt.submit_date),
        ("done date", receipt.done_date),
        ("text", None if receipt.text is None else repr(receipt.text)),
    )
    return lines + [f"{name:<13} {'-' if value is None else value}" for name, value in named]


def _message_state(number: int | None) -> str | None:
    if number is None:
        return None
    state = state_of_number(number)
    return f"{number} {state.name if state else '(not listed)'}"


def explain_pdu(pdu: Pdu) -> list[str]:
    """Lines on the header, every field and every TLV of a PDU."""
    status = f"0x{pdu.command_status:08X} {c.status_name(pdu.command_status)}"
    description = c.STATUS_DESCRIPTIONS.get(pdu.command_status)
    lines = [
        f"{pdu.command_name} (0x{pdu.command_id:08X})",
        f"  command_status           {status}{f': {description}' if description else ''}",
        f"  sequence_number          {pdu.sequence_number}",
    ]
    lines += [_field_line(pdu, name) for name, _ in field_table(type(pdu))]
    return lines + [_tlv_line(pdu, tlv) for tlv in pdu.tlvs]


def _field_line(pdu: Pdu, name: str) -> str:
    value = getattr(pdu, name)
    shown = repr(value) if isinstance(value, str) else str(value)
    if isinstance(value, bytes):
        shown = f"{len(value)} octets {value.hex()}{_text_of(pdu, value)}"
    words = _FIELD_WORDS.get(name)
    note = words(value) if words else ""
    return f"  {name:<24} {shown}{f'  ({note})' if note else ''}"


def _tlv_line(pdu: Pdu, tlv: Tlv) -> str:
    info = TAGS.get(tlv.tag)
    note = ""
    if tlv.tag == Tag.MESSAGE_PAYLOAD:
        note = _text_of(pdu, tlv.value)
    elif tlv.tag == Tag.MESSAGE_STATE:
        note = f"  {_message_state(tlv.as_int())}"
    elif info and info.kind is TlvKind.C_STRING:
        note = f"  {tlv.as_text()!r}"
    elif info and info.kind is TlvKind.INTEGER and tlv.value:
        note = f"  {tlv.as_int()}"
    return f"  TLV 0x{tlv.tag:04X} {tlv.name if info else '(vendor)':<22} {tlv.value.hex()}{note}"


def _text_of(pdu: Pdu, user_data: bytes) -> str:
    """The text in a body, after its header; nothing where data_coding means binary."""
    esm_class = getattr(pdu, "esm_class", 0)
    header = b""
    if esm_class & c.ESM_UDHI and user_data and user_data[0] < len(user_data):
        header, user_data = user_data[: 1 + user_data[0]], user_data[1 + user_data[0] :]
    marked = isinstance(pdu, DeliverSm | DataSm) and esm_class & (c.ESM_RECEIPT | c.ESM_INTERMEDIATE)
    # Receipts are written in ASCII even where messages behind data_coding 0 are GSM 03.38.
    text = decode_text(user_data, getattr(pdu, "data_coding", 0), Alphabet.LATIN1 if marked else Alphabet.GSM7)
    shown = "  binary" if text is None else f"  {text!r}"
    return f"  udh {header.hex()}{shown}" if header else shown


def _names(bits: Iterable[tuple[int, str]], value: int) -> str:
    return ", ".join(name for bit, name in bits if value & bit)


def _esm_class(value: int) -> str:
    mode = {0: "", 1: "datagram", 2: "forward", 3: "store and forward"}[value & c.ESM_MODE_MASK]
    bits = (
        (c.ESM_RECEIPT, "receipt"),
        (c.ESM_DELIVERY_ACK, "delivery acknowledgement"),
        (c.ESM_MANUAL_ACK, "manual acknowledgement"),
        (c.ESM_INTERMEDIATE, "intermediate notification"),
        (c.ESM_UDHI, "user data header"),
        (c.ESM_REPLY_PATH, "reply path"),
    )
    return ", ".join(part for part in (mode, _names(bits, value)) if part)


def _registered_delivery(value: int) -> str:
    receipt = {0: "no receipt", 1: "receipt", 2: "receipt on failure", 3: "receipt on success"}[value & 0x03]
    more = _names(
        ((0x04, "delivery acknowledgement"), (0x08, "manual acknowledgement"), (0x10, "intermediate")), value
    )
    return f"{receipt}, {more}" if more else receipt


def _data_coding(value: int) -> str:
    codec = incoming_codec(value)
    meaning = {"gsm7": "GSM 03.38", "utf-16-be": "UCS-2", None: "binary or vendor's own"}.get(codec, str(codec))
    default = "SMSC default, read as " if value == 0 else ""
    flash = ", flash" if value in (0x10, 0x18, 0xF0) else ""
    return f"0x{value:02X}: {default}{meaning}{flash}"


def _name_in(names: type[c.Ton] | type[c.Npi]) -> Callable[[int], str]:
    known = {member.value: member.name.lower().replace("_", " ") for member in names}
    return lambda value: known.get(value, "not listed")


_FIELD_WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "esm_class": _esm_class,
    "registered_delivery": _registered_delivery,
    "data_coding": _data_coding,
    "source_addr_ton": _name_in(c.Ton),
    "source_addr_npi": _name_in(c.Npi),
    "dest_addr_ton": _name_in(c.Ton),
    "dest_addr_npi": _name_in(c.Npi),
    "esme_addr_ton": _name_in(c.Ton),
    "esme_addr_npi": _name_in(c.Npi),
    "addr_ton": _name_in(c.Ton),
    "addr_npi": _name_in(c.Npi),
    "interface_version": lambda value: f"SMPP {value >> 4}.{value & 0x0F}",
    "message_state": lambda value: _message_state(value) or "",
}
