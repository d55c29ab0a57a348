"""ghasi.sms.national: places of single characters by hand (3GPP 23.038 annex A), the whole by its digest.

`tests/vectors/tools/national_tables.py` compares every place with two other implementations.
"""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms.errors import NotEncodable
from ghasi.sms.gsm7 import DEFAULT, GAP
from ghasi.sms.national import LANGUAGE_CODES, LOCKING, SINGLE, Language, announced, table

PAIRS = [(locking, single) for locking in (None, *LOCKING) for single in (None, *SINGLE)]


def test_every_language_has_its_tables() -> None:
    assert set(LOCKING) == set(Language) - {Language.SPANISH}
    assert set(SINGLE) == set(Language)
    assert set(LANGUAGE_CODES.values()) == set(Language)
    assert [language.value for language in Language] == list(range(1, 14))
    with pytest.raises(ValueError, match="Spanish"):
        table(Language.SPANISH, None)


@pytest.mark.parametrize(
    ("language", "places"),
    [
        (Language.TURKISH, {0x04: "€", 0x07: "ı", 0x0B: "Ğ", 0x0C: "ğ", 0x1C: "Ş", 0x1D: "ş", 0x40: "İ", 0x60: "ç"}),
        (
            Language.PORTUGUESE,
            {0x06: "ú", 0x12: "ª", 0x15: "∞", 0x18: "€", 0x1A: "|", 0x24: "º", 0x60: "~", 0x7D: "`"},
        ),
        (Language.BENGALI, {0x00: "ঁ", 0x13: "ও", 0x22: "ট", 0x3D: "প", 0x5F: "্", 0x60: "ৎ", 0x7F: "ৱ", 0x45: GAP}),
        (Language.GUJARATI, {0x0C: "ઍ", 0x11: "ઑ", 0x40: "બ", 0x57: "ૅ", 0x60: "ૐ", 0x7F: "૱", 0x12: GAP}),
        (Language.HINDI, {0x03: "अ", 0x15: "क", 0x3C: "ऩ", 0x4D: "ह", 0x50: "ा", 0x5F: "्", 0x60: "ॐ", 0x7E: "ॾ"}),
        (Language.KANNADA, {0x01: "ಂ", 0x24: "ಡ", 0x3D: "ಪ", 0x60: "ೕ", 0x7F: "ೣ", 0x00: GAP}),
        (Language.MALAYALAM, {0x0E: "എ", 0x48: "ഴ", 0x60: "ൗ", 0x7F: "൹", 0x4E: GAP}),
        (Language.ORIYA, {0x22: "ଟ", 0x49: "ଵ", 0x60: "ୖ", 0x7B: "ୗ", 0x45: GAP}),
        (Language.PUNJABI, {0x4A: "ਸ਼", 0x60: "ੑ", 0x7F: "ੴ", 0x55: GAP}),
        (Language.TAMIL, {0x15: "க", 0x1D: "ஜ", 0x3C: "ன", 0x49: "வ", 0x60: "ௐ", 0x7F: "௹", 0x16: GAP, 0x2D: GAP}),
        (Language.TELUGU, {0x03: "అ", 0x45: "ఱ", 0x60: "ౕ", 0x7F: "ౣ", 0x48: GAP}),
        (Language.URDU, {0x00: "ا", 0x05: "پ", 0x2C: ",", 0x47: "ک", 0x56: "ہ", 0x59: "ی", 0x5B: "ے", 0x7F: "ٰ"}),
    ],
)
def test_places_of_the_locking_tables(language: Language, places: dict[int, str]) -> None:
    # Precomposed letters are compared after their one code point, as a table holds one a place.
    assert {code: LOCKING[language][code] for code in places} == {
        code: "\u0a36" if char == "ਸ਼" else char for code, char in places.items()
    }


@pytest.mark.parametrize(
    ("language", "places"),
    [
        (Language.TURKISH, {0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x65: "€", 0x67: "ğ", 0x69: "ı", 0x73: "ş"}),
        (Language.SPANISH, {0x09: "ç", 0x41: "Á", 0x4F: "Ó", 0x61: "á", 0x65: "€", 0x69: "í", 0x75: "ú"}),
        (
            Language.PORTUGUESE,
            {0x05: "ê", 0x12: "Φ", 0x14: "^", 0x19: "Θ", 0x41: "À", 0x61: "Â", 0x7B: "ã", 0x7F: "â"},
        ),
        (Language.BENGALI, {0x19: "০", 0x1C: "২", 0x25: "ৠ", 0x2B: "৲", 0x34: "৺"}),
        (Language.HINDI, {0x00: "@", 0x19: "।", 0x1C: "०", 0x26: "॑", 0x39: "॰", 0x41: "A", 0x65: "€"}),
        (Language.MALAYALAM, {0x25: "൯", 0x2E: "ൺ", 0x34: "ൿ"}),
        (Language.TELUGU, {0x1C: "౦", 0x26: "ౘ", 0x32: "౿", 0x65: "€"}),
        (Language.URDU, {0x19: "\u0600", 0x1C: "۰", 0x26: "،", 0x33: "؟", 0x3B: "ۍ", 0x3F: "۔"}),
    ],
)
def test_places_of_the_single_tables(language: Language, places: dict[int, str]) -> None:
    assert {code: SINGLE[language][code] for code in places} == places


def test_telugu_has_no_danda() -> None:
    assert 0x19 not in SINGLE[Language.TELUGU]
    assert 0x1A not in SINGLE[Language.TELUGU]


def test_no_place_changes_unseen() -> None:
    """The digest of all tables as they were when they were compared place by place."""
    places = repr(
        [(language.value, LOCKING.get(language), sorted(SINGLE[language].items())) for language in Language]
    )
    assert (
        hashlib.sha256(places.encode()).hexdigest()
        == "912ab5910705dbd38dc9d613bcb163e4909021ac6df8bcf73281e71e6abfe069"
    )


@pytest.mark.parametrize(
    ("locking", "single", "elements"),
    [
        (None, None, ""),
        (None, Language.TURKISH, "240101"),
        (Language.TURKISH, None, "250101"),
        (Language.PORTUGUESE, Language.SPANISH, "240102250103"),
        (Language.URDU, Language.URDU, "24010d25010d"),
    ],
)
def test_elements(locking: Language | None, single: Language | None, elements: str) -> None:
    assert table(locking, single).elements.hex() == elements


@pytest.mark.parametrize(
    ("elements", "locking", "single"),
    [
        ([], None, None),
        ([(0x24, b"\x06")], None, Language.HINDI),
        ([(0x25, b"\x06"), (0x00, b"\x01\x02\x01")], Language.HINDI, None),
        ([(0x25, b"\x02")], None, None),
        ([(0x24, b"\x0e"), (0x25, b"\x00")], None, None),
        ([(0x24, b""), (0x25, b"\x01\x01")], None, None),
    ],
)
def test_what_a_header_announces(
    elements: list[tuple[int, bytes]], locking: Language | None, single: Language | None
) -> None:
    assert announced(elements) is table(locking, single)


@given(st.sampled_from(PAIRS), st.data())
def test_round_trip(pair: tuple[Language | None, Language | None], data: st.DataObject) -> None:
    tables = table(*pair)
    chars = [char for char in tables.basic + "".join(tables.extension.values()) if char not in "\x1b" + GAP]
    text = data.draw(st.text(st.sampled_from(chars)))
    septets = tables.encode(text)
    assert septets.isascii()
    assert tables.decode(septets) == text
    assert all(char in tables for char in text)


@pytest.mark.parametrize("pair", PAIRS)
def test_every_septet_string_has_a_text(pair: tuple[Language | None, Language | None]) -> None:
    tables = table(*pair)
    assert len(tables.decode(bytes(range(0x1B)) + bytes(range(0x1C, 0x80)))) == 127
    assert len(tables.decode(b"".join(bytes((0x1B, code)) for code in range(0x80)))) == 128


def test_a_gap_is_a_space_and_no_character() -> None:
    tables = table(Language.TAMIL, None)
    assert tables.decode(b"\x16") == " "
    assert GAP not in tables
    with pytest.raises(NotEncodable):
        tables.encode(GAP)
    assert tables.encode(" ") == b"\x20"


def test_the_default_pair_is_the_default_table() -> None:
    assert (table(None, None).basic, table(None, None).extension) == (DEFAULT.basic, DEFAULT.extension)


def test_letters_outside_are_refused() -> None:
    # Dari and Pashto have no table of their own, and Urdu's lacks their letters and the zero-width non-joiner.
    for char in "\u200cښځړۍيك":
        assert (char in table(Language.URDU, Language.URDU)) is (char in "ښځړۍ")
