"""One PDU in one line: what matters of it, for somebody who watches many go by."""

from __future__ import annotations

from ghasi.explain.dialect import PLAIN, Dialect
from ghasi.explain.texts import MASK, Body, Packing
from ghasi.profiles.tlv_values import tlv_text
from ghasi.smpp.constants import RESPONSE_BIT, command_name, status_name
from ghasi.smpp.errors import SmppError
from ghasi.smpp.pdu import (
    BindRequest,
    BindResponse,
    DataSm,
    DeliverSm,
    Pdu,
    QuerySmResp,
    SubmitMulti,
    SubmitSm,
    decode_pdu,
)
from ghasi.smpp.receipt import Receipt, parse_receipt
from ghasi.smpp.tlv import Tag, find

_SHOWN_TEXT = 60


def command_of(frame: bytes) -> str:
    """The command's name, also of a PDU that cannot be read."""
    return command_name(int.from_bytes(frame[4:8], "big")) if len(frame) >= 8 else "?"


def sequence_of(frame: bytes) -> int:
    return int.from_bytes(frame[12:16], "big")


def is_response(frame: bytes) -> bool:
    return bool(int.from_bytes(frame[4:8], "big") & RESPONSE_BIT)


def brief(frame: bytes, dialect: Dialect = PLAIN) -> str:
    """The line, by the operator's dialect; "" where header and command say it all. Never raises."""
    try:
        pdu = decode_pdu(frame)
    except SmppError as error:
        return f"cannot be read: {error}"
    if pdu.is_response:
        return _of_response(pdu, dialect)
    if isinstance(pdu, BindRequest):
        return f"system_id {pdu.system_id!r} system_type {pdu.system_type!r} version 0x{pdu.interface_version:02X}"
    if isinstance(pdu, SubmitSm | DeliverSm | DataSm):
        return " ".join([_of_message(pdu, dialect), *_named(pdu, dialect)])
    if isinstance(pdu, SubmitMulti):
        return f"{pdu.source_addr} → {len(pdu.dest_address)} destinations"
    message_id = getattr(pdu, "message_id", None)
    return f"id {message_id}" if message_id else ""


def named_tlvs(pdu: Pdu, dialect: Dialect) -> dict[str, str]:
    """Optional parameters that the operator's profile reads, by its names for them."""
    known = ((dialect.tlvs[tlv.tag], tlv.value) for tlv in pdu.tlvs if tlv.tag in dialect.tlvs)
    return {rule.name: tlv_text(value, rule.encoding) for rule, value in known}


def _named(pdu: Pdu, dialect: Dialect) -> list[str]:
    return [f"{name} {_cut(text)}" for name, text in named_tlvs(pdu, dialect).items()]


def _of_response(pdu: Pdu, dialect: Dialect) -> str:
    words = [status_name(pdu.command_status)]
    own = dialect.status(pdu.command_status) if pdu.command_status else None
    if own is not None and own.cause:
        words.append(f"({own.cause})")
    if isinstance(pdu, BindResponse):
        words.append(f"system_id {pdu.system_id!r}")
    elif message_id := getattr(pdu, "message_id", ""):
        words.append(f"id {message_id}")
    if isinstance(pdu, QuerySmResp):
        words.append(f"message_state {pdu.message_state}")
    told = find(pdu.tlvs, Tag.ADDITIONAL_STATUS_INFO_TEXT)
    if told is not None:
        words.append(repr(told.as_text()))
    return " ".join([*words, *_named(pdu, dialect)])


def _of_message(pdu: SubmitSm | DeliverSm | DataSm, dialect: Dialect) -> str:
    ends = f"{_address(pdu, 'source_addr', 'source_addr')} → {_address(pdu, 'dest_addr', 'destination_addr')}"
    short = b"" if isinstance(pdu, DataSm) else pdu.short_message
    payload = find(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    octets = short or (payload.value if payload else b"")
    if isinstance(pdu, DeliverSm | DataSm):
        receipt = parse_receipt(pdu, dialect.receipts)
        if receipt.is_receipt:
            return f"{ends} {_of_receipt(receipt)}" + (" (masked)" if octets and not octets.strip(MASK) else "")
    body = Body(octets, pdu.data_coding, pdu.esm_class, dialect.alphabet, packed=dialect.packed)
    words = [ends, f"dcs 0x{pdu.data_coding:02X}"]
    if pdu.esm_class:
        words.append(f"esm 0x{pdu.esm_class:02X}")
    if pdu.registered_delivery:
        words.append(f"reg 0x{pdu.registered_delivery:02X}")
    if body.header is not None:
        words.append(f"udh {body.header.octets.hex()}")
    if body.packing is not Packing.NONE:
        words.append(f"({body.packing.value})")
    text = body.text
    words.append(f"{len(body.text_octets)} octets" if text is None else _cut(text))
    return " ".join(words)


def _of_receipt(receipt: Receipt) -> str:
    kind = "intermediate" if receipt.intermediate else "receipt"
    state = receipt.state.value if receipt.state else "?"
    words = [kind, f"id {receipt.id or '?'}", f"{receipt.stat or receipt.message_state or '-'}: {state}"]
    if receipt.error_code:
        words.append(f"err {receipt.error_code}")
    if receipt.cause:
        words.append(receipt.cause.value)
    if receipt.unreadable:
        words.append(f"unreadable: {receipt.unreadable.value}")
    return " ".join(words)


def _address(pdu: Pdu, prefix: str, name: str) -> str:
    return f"{getattr(pdu, name) or '-'} ({getattr(pdu, prefix + '_ton')}/{getattr(pdu, prefix + '_npi')})"


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_TEXT else text[:_SHOWN_TEXT] + "…")
