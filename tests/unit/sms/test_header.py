"""ghasi.sms.header and ghasi.sms.reading"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms.coding import Alphabet, incoming_codec
from ghasi.sms.errors import BadHeader, BadHex
from ghasi.sms.header import own_elements, parse_elements
from ghasi.sms.reading import decode_part


def test_elements() -> None:
    octets = bytes.fromhex("0003a502012401017000")
    assert parse_elements(octets) == [(0x00, b"\xa5\x02\x01"), (0x24, b"\x01"), (0x70, b"")]
    assert parse_elements(b"") == []


@pytest.mark.parametrize("octets", ["05", "0504", "050423f4", "24010125"])
def test_an_element_that_is_cut(octets: str) -> None:
    with pytest.raises(BadHeader, match="ends within"):
        parse_elements(bytes.fromhex(octets))


def test_a_port_is_the_senders_own() -> None:
    assert own_elements("05040B8423F0").hex() == "05040b8423f0"
    assert len(own_elements("4e3e" + "00" * 62)) == 64


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", BadHex, "udh is not hexadecimal"),
        ("0504 0b84", BadHex, "udh is not hexadecimal"),
        ("0504", BadHeader, "ends within"),
        ("0003a50201", BadHeader, r"0x00 \(concatenation\)"),
        ("0804a5010201", BadHeader, r"0x08 \(concatenation\)"),
        ("05040b8423f0250101", BadHeader, r"0x25 \(national table\)"),
        ("4e3f" + "00" * 63, BadHeader, "more than 64 octets"),
    ],
)
def test_a_header_that_a_command_may_not_have(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        own_elements(text)


@pytest.mark.parametrize(
    ("udh", "body", "data_coding", "alphabet", "text"),
    [
        ("", "611b65", 0, Alphabet.GSM7, "a€"),
        ("03250101", "0b41", 0, Alphabet.GSM7, "ĞA"),
        ("03250101", "0b41", 0x10, Alphabet.GSM7, "ĞA"),
        ("03240101", "1b670b", 0xF0, Alphabet.GSM7, "ğØ"),
        ("060804a5010201", "0b", 0, Alphabet.GSM7, "Ø"),
        ("03250101", "0b", 0, Alphabet.LATIN1, "\x0b"),
        ("03250101", "0042", 8, Alphabet.GSM7, "B"),
        ("0325", "0b", 0, Alphabet.GSM7, "Ø"),
        ("03250101", "ff0b", 0, Alphabet.GSM7, "\ufffdĞ"),
        ("060504 0b8423f0", "0605", 4, Alphabet.GSM7, None),
    ],
)
def test_a_part_reads_as_a_phone_shows_it(
    udh: str, body: str, data_coding: int, alphabet: Alphabet, text: str | None
) -> None:
    assert decode_part(bytes.fromhex(udh), bytes.fromhex(body), data_coding, alphabet) == text


@given(st.binary(max_size=20), st.binary(max_size=60), st.integers(0, 255), st.sampled_from(Alphabet))
def test_whatever_comes_in_is_read(elements: bytes, body: bytes, data_coding: int, alphabet: Alphabet) -> None:
    udh = bytes((len(elements),)) + elements if elements else b""
    shown = decode_part(udh, body, data_coding, alphabet)
    assert (shown is None) is (incoming_codec(data_coding, alphabet) is None)
