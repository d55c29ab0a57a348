from __future__ import annotations

import pytest

from ghasi.contracts.rules import TlvEncoding
from ghasi.profiles.template import InvalidTemplate, NoValue, Template

VALUES = {"accountId": "bank-417", "metadata.mccmnc": "41201", "metadata.class": "otp"}


@pytest.mark.parametrize(
    ("source", "encoding", "octets", "value"),
    [
        ("otp", TlvEncoding.ASCII, 1, b"otp"),
        ("otp", TlvEncoding.CSTRING, 1, b"otp\0"),
        ("{accountId}", TlvEncoding.ASCII, 1, b"bank-417"),
        ("{accountId:4}/{{x}}", TlvEncoding.ASCII, 1, b"bank/{x}"),
        ("{metadata.mccmnc}", TlvEncoding.INTEGER, 3, b"\x00\xa0\xf1"),
        ("{metadata.costCentre|none}", TlvEncoding.ASCII, 1, b"none"),
        ("{metadata.costCentre|}", TlvEncoding.ASCII, 1, b""),
        ("{metadata.costCentre}", TlvEncoding.ASCII, 1, None),
        ("0aFF", TlvEncoding.HEX, 1, b"\x0a\xff"),
        ("255", TlvEncoding.INTEGER, 1, b"\xff"),
        ("18446744073709551615", TlvEncoding.INTEGER, 8, b"\xff" * 8),
    ],
)
def test_values(source: str, encoding: TlvEncoding, octets: int, value: bytes | None) -> None:
    assert Template(source).render(VALUES, encoding, octets) == value


@pytest.mark.parametrize(
    ("source", "encoding", "octets"),
    [
        ("{accountId}", TlvEncoding.INTEGER, 2),
        ("256", TlvEncoding.INTEGER, 1),
        ("{accountId}", TlvEncoding.HEX, 1),
        ("é", TlvEncoding.ASCII, 1),
        ("a\0b", TlvEncoding.CSTRING, 1),
        ("٣", TlvEncoding.INTEGER, 1),
        ("9" * 5000, TlvEncoding.INTEGER, 8),
        ("18446744073709551616", TlvEncoding.INTEGER, 8),
    ],
)
def test_what_the_encoding_cannot_hold_is_refused_without_being_repeated(
    source: str, encoding: TlvEncoding, octets: int
) -> None:
    with pytest.raises(NoValue) as caught:
        Template(source).render(VALUES, encoding, octets)
    assert "bank-417" not in str(caught.value)


@pytest.mark.parametrize("source", ["{text}", "{to}", "{from}", "{a b}", "{", "}", "{accountId", "{metadata.}", "{}"])
def test_templates_that_are_none(source: str) -> None:
    with pytest.raises(InvalidTemplate):
        Template(source)
