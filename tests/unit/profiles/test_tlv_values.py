"""What a profile reads of optional parameters: under its names, bounded, and without the subscriber's number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.contracts.rules import TlvEncoding, TlvToRead
from ghasi.correlations.id_hiding import without_own_numbers
from ghasi.profiles.tlv_values import MAX_OCTETS, NOT_FOR_EVENTS, read_tlvs, tlv_text
from ghasi.smpp.tlv import Tag, Tlv

NUMBER = "93701234567"


def hide(text: str) -> str:
    return without_own_numbers(text, NUMBER)


def rule(tag: int = 0x1403, encoding: TlvEncoding = TlvEncoding.ASCII, name: str = "mccMnc") -> TlvToRead:
    return TlvToRead(tag, name, encoding)


@pytest.mark.parametrize(
    ("encoding", "value", "text"),
    [
        (TlvEncoding.ASCII, b"41220", "41220"),
        (TlvEncoding.ASCII, b"0.012 EUR", "0.012 EUR"),
        (TlvEncoding.ASCII, b"", ""),
        (TlvEncoding.ASCII, b"41220\0", "343132323000"),
        (TlvEncoding.CSTRING, b"41220\0", "41220"),
        (TlvEncoding.CSTRING, b"41220", "41220"),
        (TlvEncoding.CSTRING, b"caf\xe9\0", "636166e900"),
        (TlvEncoding.HEX, b"\x02\xff", "02ff"),
        (TlvEncoding.INTEGER, b"\x01\x00", "256"),
        (TlvEncoding.INTEGER, b"", ""),
        (TlvEncoding.INTEGER, b"\xff" * 9, "ff" * 9),
    ],
)
def test_values_as_text(encoding: TlvEncoding, value: bytes, text: str) -> None:
    assert tlv_text(value, encoding) == text


def test_only_what_is_wanted_in_the_order_of_the_profile() -> None:
    wanted = [rule(0x1402, TlvEncoding.INTEGER, "cost"), rule()]
    sent = [Tlv(0x1403, b"41220"), Tlv(0x1400, b"other"), Tlv(0x1402, b"\x0c"), Tlv(0x1403, b"second")]
    assert read_tlvs(sent, wanted, hide) == (("cost", "12"), ("mccMnc", "41220"))


def test_a_long_value_is_left_out_and_not_cut() -> None:
    assert read_tlvs([Tlv(0x1403, b"x" * MAX_OCTETS)], [rule()], hide) == (("mccMnc", "x" * MAX_OCTETS),)
    assert read_tlvs([Tlv(0x1403, b"x" * (MAX_OCTETS + 1))], [rule()], hide) == ()


@pytest.mark.parametrize("tag", sorted(NOT_FOR_EVENTS))
def test_texts_numbers_and_the_receipts_own_fields_are_not_told(tag: int) -> None:
    assert read_tlvs([Tlv(tag, b"hello")], [rule(tag)], hide) == ()


def test_an_own_tag_with_the_state() -> None:
    assert read_tlvs([Tlv(0x1501, b"\x02")], [rule(0x1501, TlvEncoding.INTEGER, "state")], hide) == (("state", "2"),)
    assert Tag.NETWORK_ERROR_CODE not in NOT_FOR_EVENTS


@given(
    before=st.binary(max_size=10),
    after=st.binary(max_size=10),
    form=st.sampled_from([NUMBER, "0" + NUMBER[2:], "00" + NUMBER, NUMBER[2:]]),
    encoding=st.sampled_from(list(TlvEncoding)),
)
def test_no_seven_digits_of_the_number_in_a_row(
    before: bytes, after: bytes, form: str, encoding: TlvEncoding
) -> None:
    told = [
        text for _, text in read_tlvs([Tlv(0x1403, before + form.encode() + after)], [rule(encoding=encoding)], hide)
    ]
    runs = [NUMBER[at : at + 7] for at in range(len(NUMBER) - 6)]
    assert not any(run in text or run.encode().hex() in text for run in runs for text in told)
