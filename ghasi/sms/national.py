"""National language tables (3GPP 23.038 annex A): other characters for GSM 03.38, announced by the user data header.

A *locking* shift table takes the place of the basic table, a *single* shift table that of the extension table; the
two may be of different languages. Each costs an information element of three octets (3GPP 23.040 §9.2.3.24.15 and
.16), so one of them leaves 155 septets in a message and 149 in a part, both together 152 and 146. A phone that does
not know a table shows the default characters instead: an operator has to allow them.

The eight Indian scripts share one layout by the place of a letter in its Unicode block, so a table here is that
layout, the gaps of the script, and the few places that are its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cache
from itertools import chain
from typing import Final

from ghasi.sms.gsm7 import DEFAULT, ESCAPE, GAP, SeptetTable

SINGLE_SHIFT_ELEMENT: Final = 0x24
LOCKING_SHIFT_ELEMENT: Final = 0x25


class Language(IntEnum):
    """The national language identifier (3GPP 23.038 §6.2.1.2.4). Spanish has a single shift table only."""

    TURKISH = 1
    SPANISH = 2
    PORTUGUESE = 3
    BENGALI = 4
    GUJARATI = 5
    HINDI = 6
    KANNADA = 7
    MALAYALAM = 8
    ORIYA = 9
    PUNJABI = 10
    TAMIL = 11
    TELUGU = 12
    URDU = 13


LANGUAGE_CODES: Final[Mapping[str, Language]] = {
    "tr": Language.TURKISH,
    "es": Language.SPANISH,
    "pt": Language.PORTUGUESE,
    "bn": Language.BENGALI,
    "gu": Language.GUJARATI,
    "hi": Language.HINDI,
    "kn": Language.KANNADA,
    "ml": Language.MALAYALAM,
    "or": Language.ORIYA,
    "pa": Language.PUNJABI,
    "ta": Language.TAMIL,
    "te": Language.TELUGU,
    "ur": Language.URDU,
}
"""How people name them (ISO 639-1)."""


def named_languages(names: Iterable[str]) -> tuple[Language, ...]:
    """Languages as profiles name them, `turkish`. Raises ValueError."""
    known = {language.name.lower(): language for language in Language}
    if unknown := set(names) - set(known):
        raise ValueError(f"no national language: {', '.join(sorted(unknown))}")
    return tuple(known[name] for name in names)


@cache
def table(locking: Language | None, single: Language | None) -> SeptetTable:
    """The pair as one table with the elements that announce it. Raises ValueError for a locking Spanish."""
    if locking is not None and locking not in LOCKING:
        raise ValueError("Spanish has no locking shift table")
    elements = b""
    if single is not None:
        elements += bytes((SINGLE_SHIFT_ELEMENT, 1, single))
    if locking is not None:
        elements += bytes((LOCKING_SHIFT_ELEMENT, 1, locking))
    return SeptetTable(
        DEFAULT.basic if locking is None else LOCKING[locking],
        DEFAULT.extension if single is None else SINGLE[single],
        elements,
    )


def announced(elements: Iterable[tuple[int, bytes]]) -> SeptetTable:
    """The table that the elements of a user data header name; default tables for languages nobody knows."""
    locking: Language | None = None
    single: Language | None = None
    for identifier, data in elements:
        language = _LANGUAGES.get(data[0]) if len(data) == 1 else None
        if identifier == SINGLE_SHIFT_ELEMENT:
            single = language
        elif identifier == LOCKING_SHIFT_ELEMENT and language in LOCKING:
            locking = language
    return table(locking, single)


_LANGUAGES: Final = {language.value: language for language in Language}


def _changed(basic: str, changes: Mapping[int, str]) -> str:
    return "".join(changes.get(code, char) for code, char in enumerate(basic))


def _codes(*spans: int | tuple[int, int]) -> Iterator[int]:
    """Numbers, a pair standing for all from its first to its last."""
    return chain.from_iterable((span,) if isinstance(span, int) else range(span[0], span[1] + 1) for span in spans)


_TURKISH: Final = {0x04: "€", 0x07: "ı", 0x0B: "Ğ", 0x0C: "ğ", 0x1C: "Ş", 0x1D: "ş", 0x40: "İ", 0x60: "ç"}
_PORTUGUESE: Final = (
    dict(zip(range(0x04, 0x0A), "êéúíóç", strict=True))
    | {0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á"}
    | dict(zip(range(0x12, 0x1B), "ªÇÀ∞^\\€Ó|", strict=True))
    | {0x1C: "Â", 0x1D: "â", 0x1E: "Ê", 0x24: "º", 0x40: "Í", 0x5B: "Ã", 0x5C: "Õ", 0x5D: "Ú", 0x60: "~"}
    | {0x7B: "ã", 0x7C: "õ", 0x7D: "`"}
)

_LATIN: Final = {
    0x0A: "\n",
    0x0D: "\r",
    ESCAPE: "\x1b",
    0x20: " ",
    0x21: "!",
    0x28: ")",
    0x29: "(",
    0x2C: ",",
    0x2E: ".",
} | {code: chr(code) for code in _codes((0x30, 0x3B), 0x3F, (0x61, 0x7A))}
"""What every Indian table and Urdu's have where ASCII has it (the parentheses change places)."""
_LETTER_CODES: Final = (
    *_codes((0x00, 0x09), (0x0B, 0x0C), (0x0E, 0x1A), (0x1C, 0x1F), (0x22, 0x27), (0x2A, 0x2B), 0x2D, 0x2F),
    *_codes((0x3C, 0x3E), (0x40, 0x60), (0x7B, 0x7F)),
)
"""The places of the script's own letters."""
_LETTERS: Final = tuple(_codes((0x01, 0x03), (0x05, 0x39), (0x3C, 0x4D)))
"""Offsets in the script's Unicode block, in the order of `_LETTER_CODES`; six places of its own follow."""

_INDIAN: Final[Mapping[Language, tuple[int, tuple[int, ...], tuple[int, ...]]]] = {
    # block, offsets that the script lacks, its own offsets at 0x60 and 0x7B to 0x7F
    Language.BENGALI: (
        0x0980,
        (0x0D, 0x0E, 0x11, 0x12, 0x29, 0x31, 0x33, 0x34, 0x35, 0x45, 0x46, 0x49, 0x4A),
        (0x4E, 0x57, 0x5C, 0x5D, 0x70, 0x71),
    ),
    Language.GUJARATI: (
        0x0A80,
        (0x0E, 0x12, 0x29, 0x31, 0x34, 0x46, 0x4A),
        (0x50, 0x60, 0x61, 0x62, 0x63, 0x71),
    ),
    Language.HINDI: (0x0900, (), (0x50, 0x72, 0x7B, 0x7C, 0x7E, 0x7F)),
    Language.KANNADA: (
        0x0C80,
        (0x01, 0x0D, 0x11, 0x29, 0x34, 0x45, 0x49),
        (0x55, 0x56, 0x60, 0x61, 0x62, 0x63),
    ),
    Language.MALAYALAM: (
        0x0D00,
        (0x01, 0x0D, 0x11, 0x29, 0x3C, 0x45, 0x49),
        (0x57, 0x60, 0x61, 0x62, 0x63, 0x79),
    ),
    Language.ORIYA: (
        0x0B00,
        (0x0D, 0x0E, 0x11, 0x12, 0x29, 0x31, 0x34, 0x45, 0x46, 0x49, 0x4A),
        (0x56, 0x57, 0x60, 0x61, 0x62, 0x63),
    ),
    Language.PUNJABI: (
        0x0A00,
        tuple(_codes((0x0B, 0x0E), 0x11, 0x12, 0x29, 0x31, 0x34, 0x37, 0x3D, (0x43, 0x46), 0x49, 0x4A)),
        (0x51, 0x70, 0x71, 0x72, 0x73, 0x74),
    ),
    Language.TAMIL: (
        0x0B80,
        tuple(
            _codes(
                0x01,
                (0x0B, 0x0D),
                0x11,
                (0x16, 0x18),
                0x1B,
                0x1D,
                (0x20, 0x22),
                (0x25, 0x27),
                (0x2B, 0x2D),
                0x3C,
                0x3D,
                (0x43, 0x45),
                0x49,
            )
        ),
        (0x50, 0x57, 0x70, 0x71, 0x72, 0x79),
    ),
    Language.TELUGU: (
        0x0C00,
        (0x0D, 0x11, 0x29, 0x34, 0x3C, 0x45, 0x49),
        (0x55, 0x56, 0x60, 0x61, 0x62, 0x63),
    ),
}
_URDU: Final = (
    "اآبٻڀپڦتۂٿ"
    "ٹٽ"
    "ٺټثجځڄڃڅچڇحخد"
    "ڌڈډڊ"
    "ڏڍذرڑړ"
    "ڙز"
    "ږ"
    "ژ"
    "ښسش"
    "صضطظعفقکڪګگڳڱلمن"
    "ںڻڼوۄەہھءیېے"
    "\u064d\u0650\u064f\u0657"
    "\u0654"
    "\u0655\u0651\u0653\u0656\u0670"
)


def _indian(block: int, lacks: tuple[int, ...], own: tuple[int, ...]) -> str:
    letters = [GAP if offset in lacks else chr(block + offset) for offset in _LETTERS]
    return _script([*letters, *(chr(block + offset) for offset in own)])


def _script(letters: Iterable[str]) -> str:
    places = _LATIN | dict(zip(_LETTER_CODES, letters, strict=True))
    return "".join(places[code] for code in range(128))


LOCKING: Final[Mapping[Language, str]] = {
    Language.TURKISH: _changed(DEFAULT.basic, _TURKISH),
    Language.PORTUGUESE: _changed(DEFAULT.basic, _PORTUGUESE),
    Language.URDU: _script(_URDU),
} | {language: _indian(*script) for language, script in _INDIAN.items()}

_SYMBOLS: Final = (
    dict(zip(_codes((0x00, 0x0C), (0x0E, 0x18)), "@£$¥¿\"¤%&'\f*+-/<=>¡^¡_#*", strict=True))
    | {0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
    | {code: chr(code) for code in range(0x41, 0x5B)}
)
"""What the single shift tables of the Indian scripts and of Urdu share."""
_FREE: Final = tuple(_codes(0x19, 0x1A, (0x1C, 0x27), (0x2A, 0x2E), (0x30, 0x3B), 0x3F))
"""The places that are left for digits and letters of the script."""
_DANDAS: Final = (0x0964, 0x0965)
_OWN: Final[Mapping[Language, tuple[int, ...]]] = {
    Language.BENGALI: tuple(_codes((0x09E6, 0x09EF), 0x09DF, (0x09E0, 0x09E3), (0x09F2, 0x09FA))),
    Language.GUJARATI: tuple(_codes(_DANDAS, (0x0AE6, 0x0AEF))),
    Language.HINDI: tuple(_codes(_DANDAS, (0x0966, 0x096F), (0x0951, 0x0954), (0x0958, 0x0963), (0x0970, 0x0971))),
    Language.KANNADA: tuple(_codes(_DANDAS, (0x0CE6, 0x0CEF), 0x0CDE, 0x0CF1, 0x0CF2)),
    Language.MALAYALAM: tuple(_codes(_DANDAS, (0x0D66, 0x0D75), (0x0D7A, 0x0D7F))),
    Language.ORIYA: tuple(_codes(_DANDAS, (0x0B66, 0x0B6F), 0x0B5C, 0x0B5D, 0x0B5F, 0x0B70, 0x0B71)),
    Language.PUNJABI: tuple(_codes(_DANDAS, (0x0A66, 0x0A6F), (0x0A59, 0x0A5C), 0x0A5E, 0x0A75)),
    Language.TAMIL: tuple(_codes(_DANDAS, (0x0BE6, 0x0BEF), (0x0BF3, 0x0BF8), 0x0BFA)),
    Language.TELUGU: tuple(_codes((0x0C66, 0x0C6F), 0x0C58, 0x0C59, (0x0C78, 0x0C7F))),
    Language.URDU: (
        *_codes((0x0600, 0x0601), (0x06F0, 0x06F9), (0x060C, 0x0614), 0x061B, 0x061F, 0x0640, 0x0652, 0x0658),
        *(0x066B, 0x066C, 0x0672, 0x0673, 0x06CD, 0x06D4),
    ),
}


def _single(language: Language) -> dict[int, str]:
    # Telugu leaves the two places free that the others use for the dandas, or Bengali and Urdu for their own.
    free = _FREE[2:] if language is Language.TELUGU else _FREE
    return _SYMBOLS | {code: chr(char) for code, char in zip(free, _OWN[language], strict=False)}


_TURKISH_SINGLE: Final = dict(zip(b"GIScegis", "ĞİŞç€ğış", strict=True))
_SPANISH_SINGLE: Final = {0x09: "ç"} | dict(zip(b"AIOUaiou", "ÁÍÓÚáíóú", strict=True))
_PORTUGUESE_SINGLE: Final = (
    {0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "Φ", 0x13: "Γ"}
    | dict(zip(range(0x15, 0x1A), "ΩΠΨΣΘ", strict=True))
    | {0x1F: "Ê", 0x5B: "Ã", 0x5C: "Õ", 0x7B: "ã", 0x7C: "õ", 0x7F: "â"}
    | dict(zip(b"AIOUaiou", "ÀÍÓÚÂíóú", strict=True))
)

SINGLE: Final[Mapping[Language, Mapping[int, str]]] = {
    Language.TURKISH: DEFAULT.extension | _TURKISH_SINGLE,
    Language.SPANISH: DEFAULT.extension | _SPANISH_SINGLE,
    Language.PORTUGUESE: DEFAULT.extension | _PORTUGUESE_SINGLE,
} | {language: _single(language) for language in _OWN}
