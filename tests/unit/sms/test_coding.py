from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms.coding import (
    Alphabet,
    Coding,
    FlashMode,
    Wanted,
    choose,
    decode_text,
    encode_text,
    first_outside,
    flash_data_coding,
    incoming_codec,
)
from ghasi.sms.errors import LoneSurrogate, NotEncodable


@pytest.mark.parametrize(
    ("text", "wanted", "alphabet", "coding", "data"),
    [
        ("a€", Wanted.GSM7, Alphabet.GSM7, Coding.GSM7, "611b65"),
        ("a€", Wanted.AUTO, Alphabet.GSM7, Coding.GSM7, "611b65"),
        ("a€", Wanted.UCS2, Alphabet.GSM7, Coding.UCS2, "006120ac"),
        ("ač", Wanted.GSM7, Alphabet.GSM7, Coding.UCS2, "0061010d"),
        ("ač", Wanted.AUTO, Alphabet.GSM7, Coding.UCS2, "0061010d"),
        ("á@\n\r", Wanted.GSM7, Alphabet.LATIN1, Coding.LATIN1, "e1400a0d"),
        ("€", Wanted.GSM7, Alphabet.LATIN1, Coding.UCS2, "20ac"),
        ("a@_", Wanted.GSM7, Alphabet.ASCII, Coding.ASCII, "61405f"),
        ("é", Wanted.GSM7, Alphabet.ASCII, Coding.UCS2, "00e9"),
        ("a\tb", Wanted.GSM7, Alphabet.ASCII, Coding.UCS2, "006100090062"),
        ("é\x85", Wanted.GSM7, Alphabet.LATIN1, Coding.UCS2, "00e90085"),
        ("🙂", Wanted.GSM7, Alphabet.GSM7, Coding.UCS2, "d83dde42"),
        ("سلام", Wanted.GSM7, Alphabet.GSM7, Coding.UCS2, "0633064406270645"),
        ("", Wanted.GSM7, Alphabet.GSM7, Coding.GSM7, ""),
    ],
)
def test_encode(text: str, wanted: Wanted, alphabet: Alphabet, coding: Coding, data: str) -> None:
    encoded = encode_text(text, wanted, alphabet=alphabet)
    assert (encoded.coding, encoded.data.hex()) == (coding, data)
    assert encoded.data_coding == (8 if coding is Coding.UCS2 else 0)
    assert encoded.units == len(encoded.data) // coding.unit_octets
    assert choose(text, wanted, alphabet=alphabet) is coding
    assert decode_text(encoded.data, encoded.data_coding, alphabet) == text


@pytest.mark.parametrize(
    ("text", "alphabet", "position"),
    [
        ("aç", Alphabet.GSM7, 1),
        ("€", Alphabet.LATIN1, 0),
        ("abé\x00", Alphabet.ASCII, 2),
        ("a\x00é", Alphabet.ASCII, 1),
    ],
)
def test_strict(text: str, alphabet: Alphabet, position: int) -> None:
    with pytest.raises(NotEncodable) as caught:
        encode_text(text, Wanted.GSM7, alphabet=alphabet, strict=True)
    assert caught.value.position == position == first_outside(text, alphabet)
    assert encode_text(text, Wanted.AUTO, alphabet=alphabet, strict=True).coding is Coding.UCS2


def test_nothing_outside() -> None:
    assert first_outside("abc€") is None


@pytest.mark.parametrize("wanted", list(Wanted))
@pytest.mark.parametrize("text", ["ab\ud800", "ab\udc00\ud800", "ab\udfffx"])
@pytest.mark.parametrize("strict", [True, False])
def test_lone_surrogate(text: str, wanted: Wanted, strict: bool) -> None:
    with pytest.raises(LoneSurrogate) as caught:
        encode_text(text, wanted, strict=strict)
    assert caught.value.position == 2


def test_no_error_and_no_repr_quotes_the_text() -> None:
    assert "secret" not in repr(encode_text("secret"))
    for alphabet in Alphabet:
        with pytest.raises(NotEncodable) as caught:
            encode_text("secretЖ", Wanted.GSM7, alphabet=alphabet, strict=True)
        assert "secret" not in str(caught.value)
        assert "Ж" not in str(caught.value)


@pytest.mark.parametrize(
    ("coding", "mode", "data_coding"),
    [
        (Coding.GSM7, FlashMode.DCS, 0x10),
        (Coding.UCS2, FlashMode.DCS, 0x18),
        (Coding.GSM7, FlashMode.F0, 0xF0),
        (Coding.UCS2, FlashMode.F0, 0x18),
        (Coding.LATIN1, FlashMode.DCS, 0x10),
    ],
)
def test_flash(coding: Coding, mode: FlashMode, data_coding: int) -> None:
    assert flash_data_coding(coding, mode) == data_coding


def test_flash_by_subunit_has_no_data_coding() -> None:
    with pytest.raises(ValueError):
        flash_data_coding(Coding.GSM7, FlashMode.SUBUNIT)


@pytest.mark.parametrize(
    ("data_coding", "codec"),
    [
        (0x00, "gsm7"),
        (0x01, "ascii"),
        (0x02, None),
        (0x03, "latin-1"),
        (0x04, None),
        (0x05, None),
        (0x06, "iso8859-5"),
        (0x07, "iso8859-8"),
        (0x08, "utf-16-be"),
        (0x09, None),
        (0x10, "gsm7"),
        (0x13, "gsm7"),
        (0x14, None),
        (0x18, "utf-16-be"),
        (0x1B, "utf-16-be"),
        (0x1C, None),
        (0x20, None),
        (0xC8, None),
        (0xE0, None),
        (0xF0, "gsm7"),
        (0xF3, "gsm7"),
        (0xF4, None),
        (0xF6, None),
    ],
)
def test_incoming(data_coding: int, codec: str | None) -> None:
    assert incoming_codec(data_coding) == codec
    assert (decode_text(b"ab", data_coding) is None) is (codec is None)


def test_incoming_default_alphabet() -> None:
    assert decode_text(b"\x00", 0) == "@"
    assert decode_text(b"@\xe9", 0, Alphabet.LATIN1) == "@é"
    assert decode_text(b"@\xe9", 0, Alphabet.ASCII) == "@\ufffd"
    assert decode_text(b"\x00a\x00", 8) == "a\ufffd"


@given(st.text(), st.sampled_from(Alphabet))
def test_round_trip_in_any_alphabet(text: str, alphabet: Alphabet) -> None:
    encoded = encode_text(text, Wanted.AUTO, alphabet=alphabet)
    assert decode_text(encoded.data, encoded.data_coding, alphabet) == text
