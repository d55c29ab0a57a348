"""What of a PDU is a receipt's text: found in either carrier, and turned from octets into characters."""

from __future__ import annotations

from collections.abc import Callable

from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.pdu_message import DataSm, DeliverSm
from ghasi.smpp.tlv import Tag, find

Decoder = Callable[[bytes, int, int], str]
"""Of octets, their data_coding, and how many octets of user data header stood before them."""


def receipt_text(pdu: DeliverSm | DataSm, decode: Decoder | None = None) -> str:
    """The text of a PDU from short_message or message_payload, its user data header taken off."""
    data = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    if not data:
        payload = find(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
        data = payload.value if payload else b""
    header_octets = 1 + data[0] if pdu.esm_class & ESM_UDHI and data and data[0] < len(data) else 0
    data = data[header_octets:]
    return decode(data, pdu.data_coding, header_octets) if decode else decode_by_looks(data, pdu.data_coding)


def decode_by_looks(data: bytes, data_coding: int) -> str:
    """UTF-16 where it is declared or plainly is, else Latin-1, which no octet fails."""
    declared = data_coding == 0x08 or data_coding & 0xFC == 0x18
    if data[:2] == b"\xff\xfe" or (len(data) >= 4 and data[1] == 0 == data[3] and data[0]):
        return data.decode("utf-16-le", "replace").lstrip("\ufeff")
    if (declared and not _is_ascii_text(data)) or (len(data) >= 4 and data[0] == 0 == data[2] and data[1]):
        return data.decode("utf-16-be", "replace").lstrip("\ufeff")
    return data.rstrip(b"\0").decode("latin-1")


def _is_ascii_text(data: bytes) -> bool:
    """Keys in UTF-16 hold NULs; a receipt said to be UCS-2 that has none is plain ASCII after all."""
    return data.isascii() and b"\0" not in data
