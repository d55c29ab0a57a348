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
from ghasi.sms.errors import BadHex, LoneSurrogate, NoFlash, NotEncodable


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
    ("text", "wanted", "coding", "data", "data_coding"),
    [
        ("Olá@", Wanted.LATIN1, Coding.LATIN1, "4f6ce140", 0x03),
        ("a@_", Wanted.ASCII, Coding.ASCII, "61405f", 0x01),
        ("Привет №1", Wanted.ISO_8859_5, Coding.ISO_8859_5, "bfe0d8d2d5e220f031", 0x06),
        ("Olé €", Wanted.LATIN1, Coding.UCS2, "004f006c00e9002020ac", 0x08),
        ("é", Wanted.ASCII, Coding.UCS2, "00e9", 0x08),
        ("Привет é", Wanted.ISO_8859_5, Coding.UCS2, "041f04400438043204350442002000e9", 0x08),
        ("00fF7f", Wanted.BINARY, Coding.BINARY, "00ff7f", 0x04),
    ],
)
@pytest.mark.parametrize("alphabet", list(Alphabet))
def test_a_coding_by_its_name(
    text: str, wanted: Wanted, coding: Coding, data: str, data_coding: int, alphabet: Alphabet
) -> None:
    encoded = encode_text(text, wanted, alphabet=alphabet)
    assert (encoded.coding, encoded.data.hex(), encoded.data_coding) == (coding, data, data_coding)
    assert encoded.units == len(data) // (4 if coding is Coding.UCS2 else 2)
    assert decode_text(encoded.data, encoded.data_coding) == (None if coding is Coding.BINARY else text)


@pytest.mark.parametrize("wanted", [Wanted.LATIN1, Wanted.ASCII, Wanted.ISO_8859_5])
def test_a_coding_by_its_name_is_strict_likewise(wanted: Wanted) -> None:
    with pytest.raises(NotEncodable) as caught:
        encode_text("ab\u0686", wanted, strict=True)
    assert (caught.value.coding, caught.value.position) == (wanted.value, 2)


@pytest.mark.parametrize("text", ["", "0", "0g", "00 11", " 00", "00\n", "\u0660\u0661", "0x00", "ab\ud800"])
def test_a_binary_body_is_hexadecimal(text: str) -> None:
    with pytest.raises(BadHex) as caught:
        encode_text(text, Wanted.BINARY)
    assert str(caught.value) == "text is not hexadecimal, two digits an octet"


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


@pytest.mark.parametrize("wanted", [wanted for wanted in Wanted if wanted is not Wanted.BINARY])
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
        (Coding.BINARY, FlashMode.DCS, 0x14),
        (Coding.BINARY, FlashMode.F0, 0xF4),
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


@pytest.mark.parametrize("mode", [FlashMode.DCS, FlashMode.F0])
@pytest.mark.parametrize("coding", [Coding.LATIN1, Coding.ASCII, Coding.ISO_8859_5])
def test_no_flash_value_names_such_octets(coding: Coding, mode: FlashMode) -> None:
    with pytest.raises(NoFlash, match=f"no flash form for {coding.value}"):
        flash_data_coding(coding, mode)
