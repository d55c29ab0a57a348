"""When an X.509 certificate expires, read from its octets (RFC 5280 §4.1): the standard library tells it only of a
peer's, and only where it was verified."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Final

_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_CENTURY: Final = 50
"""Two digits of a year from 50 on are of the 20th century (RFC 5280 §4.1.2.5.1)."""


class NotACertificate(ValueError):
    """The octets are no certificate in PEM or DER."""


def expires_at(certificate: bytes) -> float:
    """Unix seconds of notAfter of a certificate in DER, or of the first one of a PEM file. Raises NotACertificate."""
    try:
        if b"-----BEGIN CERTIFICATE-----" in certificate:
            text = certificate.decode("ascii", "replace")
            begin, end = text.index(ssl.PEM_HEADER), text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
            certificate = ssl.PEM_cert_to_DER_cert(text[begin:end])
        return _not_after(certificate)
    except (ValueError, IndexError) as error:
        raise NotACertificate(type(error).__name__) from None


def _not_after(der: bytes) -> float:
    whole, _ = _content(der, 0, _SEQUENCE)
    signed, _ = _content(der, whole, _SEQUENCE)
    at = signed
    if der[at] == _VERSION:
        at = _end(der, at)
    for _ in range(3):  # serialNumber, signature, issuer
        at = _end(der, at)
    not_before, _ = _content(der, at, _SEQUENCE)
    at = _end(der, not_before)
    begin, end = _content(der, at, der[at])
    return _time(der[at], der[begin:end].decode("ascii"))


def _time(tag: int, text: str) -> float:
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= _CENTURY else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _content(der: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    if der[at] != tag:
        raise ValueError("another element")
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + octets], "big"), begin + octets
    if begin + length > len(der):
        raise ValueError("cut")
    return begin, begin + length


def _end(der: bytes, at: int) -> int:
    return _content(der, at, der[at])[1]
