"""ghasi.sms.septets"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms import gsm7
from ghasi.sms.septets import fill_bits, pack, unpack, unpack_exact

septets = st.binary(max_size=170).map(lambda data: bytes(octet & 0x7F for octet in data))


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("", ""),
        ("a", "61"),
        ("hello", "e8329bfd06"),
        ("hellohello", "e8329bfd4697d9ec37"),
        ("1234567", "31d98c56b3dd1a"),
        ("12345678", "31d98c56b3dd70"),
        ("€", "9b32"),
    ],
)
def test_octets(text: str, packed: str) -> None:
    assert pack(gsm7.encode(text)).hex() == packed
    assert gsm7.decode(unpack(bytes.fromhex(packed))) == text


def test_seven_spare_bits_hold_no_at_sign() -> None:
    assert pack(gsm7.encode("1234567"))[-1] >> 1 == 0x0D
    assert unpack(pack(gsm7.encode("1234567"))) == gsm7.encode("1234567")


def test_what_else_fills_seven_spare_bits() -> None:
    zeros = bytes.fromhex("31d98c56b3dd00")
    assert unpack(zeros) == gsm7.encode("1234567@")
    assert unpack(zeros, padding=b"\r\0") == gsm7.encode("1234567")
    assert unpack(b"\x00", padding=b"\r\0") == b"\0"


@pytest.mark.parametrize(("header", "bits"), [(0, 0), (4, 3), (6, 1), (7, 0), (9, 5), (12, 2)])
def test_the_first_septet_after_a_header_starts_at_a_septet_boundary(header: int, bits: int) -> None:
    assert fill_bits(header) == bits
    assert (header * 8 + bits) % 7 == 0


def test_160_septets_are_140_octets() -> None:
    assert len(pack(b"x" * 160)) == 140
    assert len(pack(b"x" * 153, fill_bits(6))) == 134
    assert len(pack(b"x" * 146, fill_bits(12))) == 128


@given(septets, st.sampled_from([0, 4, 6, 7, 9, 12]))
def test_round_trip(data: bytes, header: int) -> None:
    fill = fill_bits(header)
    packed = pack(data, fill)
    assert len(packed) == (fill + 7 * len(data) + 7) // 8
    read = unpack(packed, fill)
    ends_in_padding = data[-1:] == b"\r" and (fill + 7 * (len(data) - 1)) % 8 == 1
    assert read == (data[:-1] if ends_in_padding else data)


@given(septets.filter(lambda data: not data.endswith(b"\r")), st.sampled_from([0, 4, 6, 7, 9, 12]))
def test_what_is_packed_is_known_to_be(data: bytes, header: int) -> None:
    assert unpack_exact(pack(data, fill_bits(header)), header) == data


@pytest.mark.parametrize(("octets", "header"), [(b"hello", 0), (b"\x01", 6), (b"\x80", 0)])
def test_bits_that_belong_to_no_septet(octets: bytes, header: int) -> None:
    assert unpack_exact(octets, header) is None
