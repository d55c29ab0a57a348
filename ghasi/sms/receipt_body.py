"""Decoders for the text of receipts by name, for operators whose receipts are not what they look like.

`ghasi.smpp.receipt` reads UTF-16 where it shows and Latin-1 otherwise; these are for the rest (ReceiptRules.decode).
"""

from __future__ import annotations

from typing import Final

from ghasi.smpp.receipt_body import Decoder
from ghasi.sms import gsm7
from ghasi.sms.septets import fill_bits, unpack

AUTO: Final = "auto"


def _codec(name: str) -> Decoder:
    return lambda data, *_: data.decode(name, "replace").lstrip("\ufeff").rstrip("\0")


def _septets(data: bytes, *_: int) -> str:
    return gsm7.decode(data, "replace")


def _packed(data: bytes, _: int, header_octets: int) -> str:
    """A last septet that is only fill is dropped, zeros as well: no receipt ends in `@`."""
    return gsm7.decode(unpack(data, fill_bits(header_octets), padding=b"\r\0"), "replace")


DECODERS: Final[dict[str, Decoder | None]] = {
    AUTO: None,
    "latin1": _codec("latin-1"),
    "ascii": _codec("ascii"),
    "utf8": _codec("utf-8"),
    "ucs2": _codec("utf-16-be"),
    "ucs2-le": _codec("utf-16-le"),
    "gsm7": _septets,
    "gsm7-packed": _packed,
}
"""By the name an operator's rules use; None: by its looks."""
KEEP_ASCII: Final = frozenset({"latin1", "ascii", "utf8"})
"""Those that leave ASCII as it is (ReceiptRules.keeps_ascii)."""
