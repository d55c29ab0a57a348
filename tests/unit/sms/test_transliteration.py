"""ghasi.sms.transliteration"""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms import gsm7
from ghasi.sms.transliteration import Transliteration, transliterate

GSM = gsm7.DEFAULT.__contains__
OFF, PUNCTUATION, LETTERS, GREEK = Transliteration


@pytest.mark.parametrize(
    ("text", "level", "result"),
    [
        ("“It’s” ‘ok’", PUNCTUATION, "\"It's\" 'ok'"),
        ("«a» ‹b›", PUNCTUATION, "\"a\" 'b'"),
        ("a–b—c−d", PUNCTUATION, "a-b-c-d"),
        ("a\u00a0b\u202fc\td", PUNCTUATION, "a b c d"),
        ("wait…", PUNCTUATION, "wait..."),
        ("a`b´c", PUNCTUATION, "a'b'c"),
        ("• one\u2028• two", PUNCTUATION, "* one\n* two"),
        ("\ufeffso\u00adft\u200b", PUNCTUATION, "soft"),
        ("ＯＫ！２４", PUNCTUATION, "OK!24"),
        ("cafe\u0301 nin\u0303o", PUNCTUATION, "café niño"),
        ("\u2126", PUNCTUATION, "Ω"),
        ("á í ó ú ç ã õ ê", LETTERS, "a i o u c a o e"),
        ("Çà", LETTERS, "Çà"),
        ("ışğİŞĞ", LETTERS, "isgISG"),
        ("łódź Đorđe œuf", LETTERS, "lodz Dorde oeuf"),
        ("s\u0327i", LETTERS, "si"),
        ("10×20 ½ №7 25°C ™", LETTERS, "10x20 1/2 No.7 25degC (TM)"),
        ("ﬁn m²", LETTERS, "fin m2"),
        ("Αθήνα", GREEK, "AΘHNA"),
        ("ΔΡΟΜΟΣ δρόμος", GREEK, "ΔPOMOΣ ΔPOMOΣ"),
        ("plain", PUNCTUATION, "plain"),
        ("", GREEK, ""),
    ],
)
def test_into_gsm7(text: str, level: Transliteration, result: str) -> None:
    changed = transliterate(text, level, GSM)
    assert changed is not None
    assert changed[0] == result
    assert gsm7.is_encodable(result)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("á", PUNCTUATION),
        ("“a", OFF),
        ("Α", LETTERS),
        ("سلام“", GREEK),
        ("🙂", GREEK),
        ("\u0301", GREEK),
        ("\x00", GREEK),
        ("\u200b\ufeff", GREEK),
    ],
)
def test_what_does_not_fit_stays(text: str, level: Transliteration) -> None:
    assert transliterate(text, level, GSM) is None


def test_the_report_counts_what_was_replaced() -> None:
    changed = transliterate("’’’ — x “y”", PUNCTUATION, GSM)
    assert changed is not None
    assert [(one.found, one.replacement, one.count) for one in changed[1]] == [
        ("’", "'", 3),
        ("—", "-", 1),
        ("“", '"', 1),
        ("”", '"', 1),
    ]
    assert "’" not in repr(changed[1])


def test_nothing_to_replace() -> None:
    assert transliterate("abc€", GREEK, GSM) == ("abc€", ())


def test_another_alphabet() -> None:
    assert transliterate("ñ € ß æ ø ¿", LETTERS, str.isascii) is not None
    result, _ = transliterate("ñ € ß æ ø ¿", LETTERS, str.isascii) or ("", ())
    assert result == "n EUR ss ae o ?"


@given(st.text(), st.sampled_from(Transliteration))
def test_whatever_comes_out_fits(text: str, level: Transliteration) -> None:
    changed = transliterate(text, level, GSM)
    if changed is None:
        assert not gsm7.is_encodable(text)
        return
    assert gsm7.is_encodable(changed[0])
    assert (changed[0] == text) is (not changed[1])
    assert all(one.count > 0 for one in changed[1])


@given(st.text(st.sampled_from("abcéñ“”’—… áçı\u0301"), max_size=60))
def test_what_the_alphabet_has_stays(text: str) -> None:
    changed = transliterate(text, LETTERS, GSM)
    if changed is None:
        return
    kept = [char for char in unicodedata.normalize("NFC", text) if char in "abc"]
    assert [char for char in changed[0] if char in "b"] == [char for char in kept if char in "b"]
