"""Characters that an alphabet lacks, replaced by what it has: so that a curly quote does not halve a message's room.

Pure: text in, text and a list of changes out. Nothing is replaced that the alphabet has, and nothing at all unless
the whole text fits it afterwards; where UCS-2 is needed anyway, the text goes out as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from ghasi.sms.coding import Change


class Transliteration(StrEnum):
    """How far it goes; each takes in the one before."""

    OFF = "off"
    PUNCTUATION = "punctuation"
    """Signs that change no word: quotes, dashes, spaces, dots, full-width forms, a letter and its mark in one."""
    LETTERS = "letters"
    """Letters without their marks as well (a for á, c for ç, i for ı), and signs spelled out."""
    GREEK = "greek"
    """Greek small letters as capitals, and those as the Latin ones that look the same where GSM 03.38 has no own."""


LEVELS: Final = tuple(Transliteration)

_SIGNS: Final = (
    ("'", "‘’‚‛‹›′‵ʹʻʼˈ`´＇❛❜"),
    ('"', "“”„‟«»″‶＂❝❞〝〞"),
    ("-", "‐‑‒–—―⁃−﹘﹣－─"),
    (" ", "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"),
    ("", "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u2061\ufe0e\ufe0f\ufeff"),
    ("\n", "\x85\u2028\u2029\v"),
    ("...", "…"),
    ("..", "‥"),
    (".", "․·∙。｡"),
    ("*", "•●▪◦‣∗★☆"),
    (",", "、，､"),
    ("/", "⁄∕"),
    ("|", "¦｜│"),
    ("~", "˜∼〜～"),
    ("^", "ˆ"),
    (":", "∶"),
    ("!", "ǃ"),
    ("!!", "‼"),
    ("?!", "⁈"),
    ("!?", "⁉"),
    ("Ω", "\u2126"),
    ("µ", "μ"),
)
_SPELLED: Final = {
    "©": "(c)", "®": "(R)", "™": "(TM)", "℠": "(SM)", "№": "No.", "℃": "degC", "°": "deg", "×": "x", "÷": "/",
    "±": "+/-", "≈": "~", "≠": "!=", "≤": "<=", "≥": ">=", "←": "<-", "→": "->", "↔": "<->", "⇒": "=>",
    "‰": "0/00", "†": "+", "¹": "1", "²": "2", "³": "3", "¼": "1/4", "½": "1/2", "¾": "3/4", "¢": "c",
    "€": "EUR", "£": "GBP", "¥": "JPY", "₺": "TL", "₹": "Rs", "₽": "RUB", "µ": "u", "¡": "!", "¿": "?",
    "§": "par.", "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L", "ħ": "h", "Ħ": "H",
    "ŧ": "t", "Ŧ": "T", "ŋ": "n", "Ŋ": "N", "ı": "i", "ĸ": "k", "ſ": "s", "ə": "e", "Ə": "E", "ƒ": "f",
    "ª": "a", "º": "o", "ŉ": "'n",
}  # fmt: skip
_LOOK_ALIKE: Final = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)) | {"ς": "Σ"}

_PUNCTUATION: Final = {char: sign for sign, chars in _SIGNS for char in chars}
_PIECES: Final = re.compile("[^\u0300-\u036f][\u0300-\u036f]+|.", re.DOTALL)
"""A letter with marks of its own, or any character."""
_FULL_WIDTH: Final = range(0xFF01, 0xFF5F)

Has = Callable[[str], bool]
"""Whether an alphabet has a character."""


def transliterate(text: str, level: Transliteration, has: Has) -> tuple[str, tuple[Change, ...]] | None:
    """`text` within an alphabet and what was replaced for it, most frequent first; None where that cannot be."""
    pieces = _PIECES.findall(text)
    found = Counter(piece for piece in pieces if not all(map(has, piece)))
    replacements: dict[str, str] = {}
    for piece in found:
        replacement = _replacement(piece, level, has)
        if replacement is None:
            return None
        replacements[piece] = replacement
    changes = tuple(Change(piece, replacements[piece], times) for piece, times in found.most_common())
    whole = "".join(replacements.get(piece, piece) for piece in pieces)
    # A text of nothing but invisible characters is none of ours to empty.
    return (whole, changes) if whole or not text else None


def _replacement(piece: str, level: Transliteration, has: Has) -> str | None:
    """The first reading of `piece` that the alphabet has, from the one that changes least."""
    for step in LEVELS[1 : LEVELS.index(level) + 1]:
        for reading in _READINGS[step](piece):
            if all(map(has, reading)):
                return reading
    return None


def _signs(piece: str) -> list[str]:
    composed = unicodedata.normalize("NFC", piece)
    readings = [composed]
    if composed in _PUNCTUATION:
        readings.append(_PUNCTUATION[composed])
    if len(composed) == 1 and ord(composed) in _FULL_WIDTH:
        readings.append(chr(ord(composed) - 0xFEE0))
    return readings


def _letters(piece: str) -> list[str]:
    spelled = _SPELLED.get(piece)
    bare = "".join(char for char in unicodedata.normalize("NFKD", piece) if not unicodedata.combining(char))
    readings = [bare, "".join(_SPELLED.get(char, char) for char in bare)] if bare else []
    return readings if spelled is None else [spelled, *readings]


def _greek(piece: str) -> list[str]:
    bare = "".join(char for char in unicodedata.normalize("NFD", piece) if not unicodedata.combining(char))
    if not bare:
        return []
    capital = _LOOK_ALIKE.get(bare, bare.upper())
    return [capital, _LOOK_ALIKE.get(capital, capital)]


_READINGS: Final[dict[Transliteration, Callable[[str], list[str]]]] = {
    Transliteration.PUNCTUATION: _signs,
    Transliteration.LETTERS: _letters,
    Transliteration.GREEK: _greek,
}
