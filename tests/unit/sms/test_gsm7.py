from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms import gsm7
from ghasi.sms.errors import NotEncodable, NotSeptets

CHARACTERS = gsm7.DEFAULT.basic.replace("\x1b", "") + "".join(gsm7.DEFAULT.extension.values())
texts = st.text(st.sampled_from(CHARACTERS))


@pytest.mark.parametrize(
    ("text", "septets"),
    [
        ("@", "00"),
        ("£$¥èéùìòÇ", "010203040506070809"),
        ("\nØø\rÅå", "0a0b0c0d0e0f"),
        ("Δ_ΦΓΛΩΠΨΣΘΞ", "101112131415161718191a"),
        ("ÆæßÉ", "1c1d1e1f"),
        ("¤¡ÄÖÑÜ§¿äöñüà", "24405b5c5d5e5f607b7c7d7e7f"),
        ("\f^{}\\[~]|€", "1b0a1b141b281b291b2f1b3c1b3d1b3e1b401b65"),
        ("hello 1", "68656c6c6f2031"),
        ("", ""),
    ],
)
def test_octets(text: str, septets: str) -> None:
    assert gsm7.encode(text).hex() == septets
    assert gsm7.decode(bytes.fromhex(septets)) == text


def test_ascii_that_gsm_writes_as_it_is() -> None:
    same = "".join(chr(code) for code in range(0x20, 0x7B) if chr(code) not in "$@[\\]^_`")
    assert gsm7.encode(same) == same.encode("ascii")


@pytest.mark.parametrize("char", list("`ç\táíóúêãõ“”’–—\u00a0\u2126č\x00\x1bтد🙂\ud800"))
def test_characters_it_does_not_have(char: str) -> None:
    assert not gsm7.is_encodable(char)
    with pytest.raises(NotEncodable) as caught:
        gsm7.encode(f"ab{char}c")
    assert (caught.value.position, caught.value.coding) == (2, "GSM7")
    assert caught.value.__context__ is None


def test_every_code_is_used_once() -> None:
    assert len(set(CHARACTERS)) == len(CHARACTERS) == 127 + 10


@given(texts)
def test_round_trip(text: str) -> None:
    septets = gsm7.encode(text)
    assert septets.isascii()
    assert gsm7.decode(septets) == text
    assert gsm7.is_encodable(text)
    assert gsm7.count_septets(text) == len(text) + sum(text.count(c) for c in gsm7.DEFAULT.extension.values())


@given(st.binary().map(lambda data: bytes(octet & 0x7F for octet in data)))
def test_every_septet_string_has_a_text(septets: bytes) -> None:
    text = gsm7.decode(septets)
    assert gsm7.is_encodable(text)


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        ("1b", " "),
        ("611b", "a "),
        ("1b1b65", " e"),
        ("1b61", "a"),
        ("1b00", "@"),
        ("1b651b65", "€€"),
    ],
)
def test_escapes_nobody_defined(septets: str, text: str) -> None:
    assert gsm7.decode(bytes.fromhex(septets)) == text


def test_octets_above_seven_bits() -> None:
    with pytest.raises(NotSeptets) as caught:
        gsm7.decode(b"ab\xe9c")
    assert caught.value.position == 2
    assert gsm7.decode(b"ab\xe9\xe9c\x1b\x65\xff", "replace") == "ab\ufffd\ufffdc€\ufffd"


def test_a_national_table_is_another_table() -> None:
    basic = gsm7.DEFAULT.basic.replace("à", "ğ")
    turkish = gsm7.SeptetTable(basic, {0x65: "€", 0x73: "ş"}, bytes.fromhex("240101"))
    assert turkish.encode("ğş€").hex() == "7f1b731b65"
    assert turkish.decode(bytes.fromhex("7f1b731b65")) == "ğş€"
    assert turkish.elements.hex() == "240101"


def test_one_septet_is_preferred_to_two() -> None:
    table = gsm7.SeptetTable(gsm7.DEFAULT.basic, {0x61: "a"})
    assert table.encode("a") == b"a"


@pytest.mark.parametrize("basic", ["", "a" * 128, gsm7.DEFAULT.basic + "x"])
def test_a_table_that_is_none(basic: str) -> None:
    with pytest.raises(ValueError):
        gsm7.SeptetTable(basic, {})
