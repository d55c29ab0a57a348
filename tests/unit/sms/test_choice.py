"""ghasi.sms.choice"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms.choice import PLAIN_TEXT, TextRules, encode
from ghasi.sms.coding import Alphabet, Coding, Wanted, encode_text
from ghasi.sms.errors import BadHex, DataCodingNotAllowed, LoneSurrogate, NotEncodable, SmsError
from ghasi.sms.national import LOCKING, Language, table
from ghasi.sms.reading import decode_part
from ghasi.sms.segmentation import LongMode, count_parts, segment
from ghasi.sms.transliteration import Transliteration

TR, ES, PT, HI, UR = Language.TURKISH, Language.SPANISH, Language.PORTUGUESE, Language.HINDI, Language.URDU
TURKISH = TextRules(locking=(TR,), single=(TR,))
ALL = TextRules(locking=tuple(LOCKING), single=tuple(Language))

ANY_RULES = st.builds(
    TextRules,
    alphabet=st.sampled_from(Alphabet),
    strict=st.booleans(),
    locking=st.sampled_from([(), (TR,), (PT, HI), (UR,)]),
    single=st.sampled_from([(), (TR,), (ES, PT, HI, UR)]),
    transliteration=st.sampled_from(Transliteration),
    data_codings=st.sampled_from([None, frozenset({0}), frozenset({0, 8}), frozenset({3, 6, 8}), frozenset({1})]),
    fallback=st.booleans(),
    reference_bits=st.sampled_from([8, 16]),
)
ANY_TEXTS = st.one_of(
    st.text(st.sampled_from("abcğışİŞç€é “”'’…–"), max_size=500),
    st.text(st.sampled_from("कखगघि्ा abc।०"), max_size=500),
    st.text(st.sampled_from("ابپتٹکگہیے ،۔a"), max_size=500),
    st.text(st.characters(codec="utf-8"), max_size=100),
)


@pytest.mark.parametrize(
    ("text", "rules", "elements", "septets"),
    [
        ("Şifreniz: 1234", TURKISH, "240101", 15),
        ("şğıİ" * 10, TURKISH, "240101", 80),
        ("şğıİ" * 20, TURKISH, "250101", 80),
        ("ş" + "a" * 152, TURKISH, "240101", 154),
        ("ş" * 155, TURKISH, "250101", 155),
        ("Información útil: mañana", TextRules(single=(ES,)), "240102", 26),
        ("Olá, coração! ções" * 3, TextRules(locking=(PT,), single=(PT,)), "240103", 69),
        ("नमस्ते दुनिया", TextRules(locking=(HI,)), "250106", 13),
        ("नमस्ते ABC।", TextRules(locking=(HI,), single=(HI,)), "240106250106", 15),
        ("پاکستان زندہ باد", TextRules(locking=(UR,), single=(UR,)), "25010d", 16),
        ("şğ é ú" * 3, TextRules(locking=(TR,), single=(ES, PT)), "240102250101", 21),
    ],
)
def test_the_cheapest_tables(text: str, rules: TextRules, elements: str, septets: int) -> None:
    encoded = encode(text, Wanted.GSM7, rules)
    assert (encoded.coding, encoded.data_coding, encoded.elements.hex()) == (Coding.GSM7, 0, elements)
    assert encoded.units == septets
    assert not encoded.changes


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("hello €", ALL),
        ("€" * 160, ALL),
        ("", ALL),
    ],
)
def test_what_fits_the_default_alphabet_takes_no_tables(text: str, rules: TextRules) -> None:
    assert encode(text, Wanted.GSM7, rules) == encode_text(text)


@pytest.mark.parametrize(
    ("text", "wanted", "rules"),
    [
        ("ş", Wanted.GSM7, TURKISH),  # an element costs more than it saves
        ("Şifre", Wanted.UCS2, TURKISH),
        ("سلام دنیا از کابل", Wanted.GSM7, TURKISH),
        ("می‌شود پښتو", Wanted.GSM7, ALL),  # no table has ZWNJ
        ("Şifreniz: 1234", Wanted.GSM7, TextRules()),
        ("Şifreniz: 1234", Wanted.GSM7, replace(TURKISH, alphabet=Alphabet.LATIN1)),
    ],
)
def test_where_tables_do_not_help(text: str, wanted: Wanted, rules: TextRules) -> None:
    encoded = encode(text, wanted, rules)
    assert (encoded.coding, encoded.elements) == (Coding.UCS2, b"")


def test_parts_count_before_octets() -> None:
    """Two parts of septets are cheaper than three of UCS-2, and one of either costs what its octets do."""
    text = "ğ" + "a" * 150
    assert (count_parts(encode(text, Wanted.UCS2)), count_parts(encode(text, Wanted.GSM7, TURKISH))) == (3, 1)


def test_strict_takes_tables_and_refuses_ucs2() -> None:
    rules = replace(TURKISH, strict=True)
    assert encode("Şifreniz: 1234", Wanted.GSM7, rules).elements.hex() == "240101"
    with pytest.raises(NotEncodable) as caught:
        encode("Şifre Ж", Wanted.GSM7, rules)
    # Named by the default alphabet, in which the first stranger is the Ş.
    assert (caught.value.coding, caught.value.position) == ("GSM7", 0)
    assert encode("Şifre Ж", Wanted.AUTO, rules).coding is Coding.UCS2


@pytest.mark.parametrize(
    ("level", "text", "coding", "changed"),
    [
        (Transliteration.OFF, "“hi”", Coding.UCS2, 0),
        (Transliteration.PUNCTUATION, "“hi” — ok…", Coding.GSM7, 4),
        (Transliteration.PUNCTUATION, "“hi” ó", Coding.UCS2, 0),
        (Transliteration.LETTERS, "“hi” ó", Coding.GSM7, 3),
        (Transliteration.LETTERS, "“hi” سلام", Coding.UCS2, 0),
        (Transliteration.GREEK, "Καλημέρα", Coding.GSM7, 8),
        (Transliteration.LETTERS, "Καλημέρα", Coding.UCS2, 0),
    ],
)
def test_transliteration(level: Transliteration, text: str, coding: Coding, changed: int) -> None:
    encoded = encode(text, Wanted.GSM7, TextRules(transliteration=level))
    assert encoded.coding is coding
    assert sum(change.count for change in encoded.changes) == changed
    if not changed:
        assert encoded == encode_text(text, Wanted.UCS2)


def test_tables_come_before_letters_are_changed_and_after_signs_are() -> None:
    rules = replace(TURKISH, transliteration=Transliteration.LETTERS)
    assert encode("Şifreniz", Wanted.GSM7, rules).changes == ()
    quoted = encode("“Şifreniz” geldi", Wanted.GSM7, rules)
    assert quoted.elements.hex() == "240101"
    assert table(None, TR).decode(quoted.data) == '"Şifreniz" geldi'
    assert [(change.found, change.replacement, change.count) for change in quoted.changes] == [
        ("“", '"', 1),
        ("”", '"', 1),
    ]
    assert encode("Şifre őő", Wanted.GSM7, rules).data == b"Sifre oo"


def test_ucs2_asked_for_is_never_changed() -> None:
    rules = TextRules(transliteration=Transliteration.GREEK)
    assert encode("“hi”", Wanted.UCS2, rules) == encode_text("“hi”", Wanted.UCS2)


def test_transliteration_into_a_coding_asked_for() -> None:
    rules = TextRules(transliteration=Transliteration.LETTERS)
    assert encode("Olá “€”", Wanted.LATIN1, rules).data == 'Olá "EUR"'.encode("latin-1")
    assert encode("Привет…", Wanted.ISO_8859_5, rules).data == "Привет...".encode("iso8859-5")
    assert encode("Olá", Wanted.GSM7, replace(rules, alphabet=Alphabet.ASCII)).data == b"Ola"


@pytest.mark.parametrize(
    ("text", "wanted", "allowed", "refused"),
    [
        ("Ж", Wanted.GSM7, {0}, 8),
        ("a", Wanted.GSM7, {8}, 0),
        ("a", Wanted.UCS2, {0}, 8),
        ("a", Wanted.LATIN1, {0, 8}, 3),
        ("00", Wanted.BINARY, {0, 8}, 4),
    ],
)
def test_a_data_coding_the_operator_does_not_take(text: str, wanted: Wanted, allowed: set[int], refused: int) -> None:
    with pytest.raises(DataCodingNotAllowed) as caught:
        encode(text, wanted, TextRules(data_codings=frozenset(allowed)))
    assert caught.value.data_coding == refused
    assert caught.value.reason == "data_coding_not_allowed"


@pytest.mark.parametrize(
    ("text", "wanted", "allowed", "data_coding", "coding"),
    [
        ("a", Wanted.GSM7, {8}, 8, Coding.UCS2),
        ("a", Wanted.UCS2, {0}, 0, Coding.GSM7),
        ("á", Wanted.UCS2, {0, 3}, 3, Coding.LATIN1),
        ("Ж", Wanted.GSM7, {0, 6}, 6, Coding.ISO_8859_5),
        ("a_", Wanted.GSM7, {1}, 1, Coding.ASCII),
        ("ş", Wanted.GSM7, {0}, 0, Coding.GSM7),  # by tables, although UCS-2 would be cheaper
        ("á", Wanted.LATIN1, {8}, 8, Coding.UCS2),
    ],
)
def test_another_coding_where_that_is_allowed(
    text: str, wanted: Wanted, allowed: set[int], data_coding: int, coding: Coding
) -> None:
    encoded = encode(text, wanted, replace(TURKISH, data_codings=frozenset(allowed), fallback=True))
    assert (encoded.data_coding, encoded.coding) == (data_coding, coding)


@pytest.mark.parametrize(("text", "wanted"), [("سلام", Wanted.GSM7), ("00", Wanted.BINARY)])
def test_no_coding_is_left(text: str, wanted: Wanted) -> None:
    with pytest.raises(DataCodingNotAllowed):
        encode(text, wanted, TextRules(data_codings=frozenset({0, 1, 3, 6}), fallback=True))


def test_errors_of_plain_texts_stay() -> None:
    for rules in (PLAIN_TEXT, ALL, replace(ALL, strict=True)):
        with pytest.raises(LoneSurrogate):
            encode("ş\ud800", Wanted.GSM7, rules)
        with pytest.raises(BadHex):
            encode("0", Wanted.BINARY, rules)


@given(ANY_TEXTS, st.sampled_from([wanted for wanted in Wanted if wanted is not Wanted.BINARY]), ANY_RULES)
def test_the_parts_together_are_the_text(text: str, wanted: Wanted, rules: TextRules) -> None:
    """Whatever is chosen and wherever it is cut: what the parts read as, in order, is the text (or its
    transliteration, which undoes to it)."""
    try:
        encoded = encode(text, wanted, rules)
    except (NotEncodable, DataCodingNotAllowed):
        assert rules.strict or rules.data_codings is not None
        return
    segmented = segment(encoded, LongMode.UDH, reference_bits=rules.reference_bits)
    alphabet = {Coding.LATIN1: Alphabet.LATIN1, Coding.ASCII: Alphabet.ASCII}.get(encoded.coding, Alphabet.GSM7)
    shown = [decode_part(part.udh, part.body, segmented.data_coding, alphabet) or "" for part in segmented.parts]
    assert len(shown) == count_parts(encoded, rules.reference_bits)
    assert all(len(part.user_data) * 8 <= 1120 or encoded.coding is Coding.GSM7 for part in segmented.parts)
    assert all(
        len(part.udh) * 8 + -len(part.udh) * 8 % 7 + 7 * part.units <= 1120
        for part in segmented.parts
        if encoded.coding is Coding.GSM7
    )
    if not encoded.changes:
        assert "".join(shown) == text
    else:
        assert rules.transliteration is not Transliteration.OFF
        assert encoded.coding is not Coding.UCS2


@given(ANY_TEXTS)
def test_tables_are_taken_only_where_they_are_cheaper(text: str) -> None:
    plain, chosen = encode_text(text), encode(text, Wanted.GSM7, ALL)
    if plain.coding is not Coding.UCS2 or not chosen.elements:
        assert chosen == plain
        return
    assert count_parts(chosen) <= count_parts(plain)
    parts = count_parts(chosen)
    assert (parts, chosen.units * 7 / 8 + parts * len(chosen.elements)) < (count_parts(plain), len(plain.data))


def test_no_error_quotes_the_text() -> None:
    for rules in (replace(TURKISH, strict=True), TextRules(data_codings=frozenset({0}))):
        with pytest.raises(SmsError) as caught:
            encode("secretЖ", Wanted.GSM7, rules)
        assert "secret" not in str(caught.value) + repr(caught.value)
        assert "Ж" not in str(caught.value) + repr(caught.value)
    encoded = encode("“secret”", Wanted.GSM7, TextRules(transliteration=Transliteration.PUNCTUATION))
    assert "secret" not in repr(encoded)
    assert "“" not in repr(encoded)
