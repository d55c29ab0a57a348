"""What a submit uses of SMPP: the words of the rule key `has`, its part number, the start of its text. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.pdu import DataSm, SubmitSm
from ghasi.smpp.tlv import Tag, Tlv, find

_NOTHING: Final[frozenset[str]] = frozenset()
_CONCAT_8: Final = 0x00
_CONCAT_16: Final = 0x08
_CONCAT_16_OCTETS: Final = 6
"""Octets of a header that holds nothing but a 16-bit reference, its length octet excluded."""
_FLASH_CODINGS: Final = frozenset({0x10, 0x14, 0x18, 0xF0, 0xF4})
UCS2_CODINGS: Final = frozenset({0x08, 0x18, 0x19, 0x1A, 0x1B})


@dataclass(frozen=True, slots=True)
class Part:
    """Where a PDU stands in a concatenated message; (1, 1) for a message of one part."""

    number: int = 1
    total: int = 1
    reference: int | None = None


SINGLE: Final = Part()


def body(pdu: SubmitSm | DataSm) -> bytes:
    """The user data, UDH included, wherever it is carried."""
    short = pdu.short_message if isinstance(pdu, SubmitSm) else b""
    if short or not pdu.tlvs:
        return short
    payload = find(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    return payload.value if payload else b""


def part_of(pdu: SubmitSm | DataSm) -> Part:
    """By UDH (3GPP 23.040 §9.2.3.24.1, .8) or by the sar_* TLVs (SMPP 3.4 §5.3.2.22-24)."""
    if pdu.esm_class & ESM_UDHI:
        return _part_by_udh(body(pdu))
    if pdu.tlvs and (total := find(pdu.tlvs, Tag.SAR_TOTAL_SEGMENTS)):
        number, reference = find(pdu.tlvs, Tag.SAR_SEGMENT_SEQNUM), find(pdu.tlvs, Tag.SAR_MSG_REF_NUM)
        return Part(_int(number, 1), _int(total, 1), _int(reference, 0))
    return SINGLE


def _int(tlv: Tlv | None, default: int) -> int:
    value = tlv.as_int() if tlv else None
    return default if value is None else value


def _part_by_udh(data: bytes) -> Part:
    header = data[1 : 1 + data[0]] if data else b""
    at = 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if element == _CONCAT_8 and len(value) == 3:
            return Part(value[2], value[1], value[0])
        if element == _CONCAT_16 and len(value) == 4:
            return Part(value[3], value[2], int.from_bytes(value[:2], "big"))
        at += 2 + length
    return SINGLE


def features(pdu: SubmitSm | DataSm, part: Part) -> frozenset[str]:
    """The words of the rule key `has` that hold for this PDU."""
    if not (pdu.tlvs or pdu.esm_class or pdu.data_coding or pdu.registered_delivery):
        return _NOTHING
    udh = bool(pdu.esm_class & ESM_UDHI)
    subunit = find(pdu.tlvs, Tag.DEST_ADDR_SUBUNIT)
    held = {
        "udh": udh,
        "udh16": udh and _header_octets(pdu) == _CONCAT_16_OCTETS,
        "sar": find(pdu.tlvs, Tag.SAR_TOTAL_SEGMENTS) is not None,
        "laterPart": part.number > 1,
        "messagePayload": find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) is not None,
        "flash": pdu.data_coding in _FLASH_CODINGS or (subunit is not None and subunit.as_int() == 1),
        "ucs2": pdu.data_coding in UCS2_CODINGS,
        "receiptWanted": bool(pdu.registered_delivery & 0x03),
    }
    return frozenset(word for word, holds in held.items() if holds)


def _header_octets(pdu: SubmitSm | DataSm) -> int:
    return body(pdu)[:1][0] if body(pdu) else 0


def text_start(pdu: SubmitSm | DataSm, length: int = 20) -> str:
    """The first characters of the text, as an SMSC quotes them in a receipt. Septets are read as Latin-1."""
    data = body(pdu)
    if pdu.esm_class & ESM_UDHI and data:
        data = data[1 + data[0] :]
    if pdu.data_coding in UCS2_CODINGS:
        return data[: 2 * length].decode("utf-16-be", "replace")
    return data[:length].decode("latin-1")
