"""Text of one part as a phone would show it: header elements, national tables and data_coding taken together."""

from __future__ import annotations

from ghasi.sms.coding import Alphabet, decode_text, incoming_codec
from ghasi.sms.errors import BadHeader
from ghasi.sms.header import parse_elements
from ghasi.sms.national import announced


def decode_part(udh: bytes, body: bytes, data_coding: int, alphabet: Alphabet = Alphabet.GSM7) -> str | None:
    """Text of `body`, unreadable octets as U+FFFD; None where `data_coding` means binary.

    `udh` starts with its length octet and may be empty. One that is malformed announces no tables.
    """
    if not udh or incoming_codec(data_coding, alphabet) != "gsm7":
        return decode_text(body, data_coding, alphabet)
    try:
        elements = parse_elements(udh[1:])
    except BadHeader:
        elements = []
    return announced(elements).decode(body, "replace")
