"""In which coding a text leaves, where an operator says more than what its default alphabet is.

Preferred in this order: the alphabet that is asked for, the text as it is; national tables, where they make the
message cheaper than UCS-2; the same two for the text transliterated; UCS-2. A text that fits the default alphabet
never takes national tables, because a phone without them would show it wrongly. Where the operator lists the
data_codings it takes, the first of these decides, and with `fallback` the first that stands on the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from ghasi.sms import gsm7
from ghasi.sms.coding import (
    DEFAULT_ALPHABET,
    Alphabet,
    Coding,
    Encoded,
    Wanted,
    encode_text,
    in_alphabet,
    in_named,
    in_ucs2,
)
from ghasi.sms.errors import DataCodingNotAllowed, NotEncodable
from ghasi.sms.gsm7 import SeptetTable
from ghasi.sms.national import LOCKING, Language, table
from ghasi.sms.segmentation import count_parts
from ghasi.sms.transliteration import LEVELS, Has, Transliteration, transliterate

_FALLBACKS: Final = (Wanted.LATIN1, Wanted.ISO_8859_5, Wanted.ASCII)
"""Tried in this order, after UCS-2."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """What an operator's profile says about the coding of texts; by default what `encode_text` does.

    `locking` and `single` are the languages whose national tables its network and phones know, the preferred first.
    `data_codings` None allows all; a coding outside the list raises DataCodingNotAllowed, unless `fallback` allows
    another one.
    """

    alphabet: Alphabet = Alphabet.GSM7
    strict: bool = False
    locking: tuple[Language, ...] = ()
    single: tuple[Language, ...] = ()
    transliteration: Transliteration = Transliteration.OFF
    data_codings: frozenset[int] | None = None
    fallback: bool = False
    reference_bits: int = 8

    plain: bool = field(init=False, repr=False, compare=False)
    """Whether `encode_text` alone decides."""

    def __post_init__(self) -> None:
        more = self.locking or self.single or self.data_codings is not None
        object.__setattr__(self, "plain", not more and self.transliteration is Transliteration.OFF)


PLAIN_TEXT: Final = TextRules()


def encode(text: str, wanted: Wanted = Wanted.GSM7, rules: TextRules = PLAIN_TEXT) -> Encoded:
    """`text` in the coding that the rules prefer.

    Raises what `encode_text` raises, and DataCodingNotAllowed.
    """
    if rules.plain:
        return encode_text(text, wanted, alphabet=rules.alphabet, strict=rules.strict)
    refused: int | None = None
    for encoded in _candidates(text, wanted, rules):
        if rules.data_codings is None or encoded.data_coding in rules.data_codings:
            return encoded
        refused = encoded.data_coding if refused is None else refused
        if not rules.fallback:
            break
    raise DataCodingNotAllowed(DEFAULT_ALPHABET if refused is None else refused)


def _candidates(text: str, wanted: Wanted, rules: TextRules) -> Iterator[Encoded]:
    """The codings the text may take, the preferred first. Raises where the first is none at all."""
    if wanted is Wanted.BINARY:
        yield encode_text(text, wanted)
        return
    if wanted is not Wanted.UCS2:
        yield from _narrow(text, wanted, rules)
    if wanted in (Wanted.UCS2, Wanted.AUTO) or not rules.strict:
        yield in_ucs2(text)
    else:
        # The same refusal as without tables: it names the character.
        encode_text(text, wanted, alphabet=rules.alphabet, strict=True)
    yield from _what_is_left(text, wanted, rules)


def _narrow(text: str, wanted: Wanted, rules: TextRules) -> Iterator[Encoded]:
    """Codings that cost less than UCS-2: of the text as it is, then of its transliterations."""
    level = LEVELS.index(rules.transliteration)
    for step in LEVELS[: level + 1]:
        if step is Transliteration.OFF:
            yield from _as_asked(text, wanted, rules)
            yield from _in_tables(text, wanted, rules)
            continue
        changed = transliterate(text, step, _has(wanted, rules, with_tables=False))
        if changed is not None:
            yield from (replace(one, changes=changed[1]) for one in _as_asked(changed[0], wanted, rules))
        elif changed := transliterate(text, step, _has(wanted, rules, with_tables=True)):
            yield from (replace(one, changes=changed[1]) for one in _in_tables(changed[0], wanted, rules))


def _as_asked(text: str, wanted: Wanted, rules: TextRules) -> Iterator[Encoded]:
    try:
        yield in_named(text, wanted) if wanted in _FALLBACKS else in_alphabet(text, rules.alphabet)
    except NotEncodable:
        return


def _in_tables(text: str, wanted: Wanted, rules: TextRules, *, cheaper: bool = True) -> Iterator[Encoded]:
    """The best pair of national tables, if there is one (`cheaper`: than UCS-2). Of those that need as few parts a
    single shift table alone is preferred, then the fewest octets."""
    if wanted in _FALLBACKS or rules.alphabet is not Alphabet.GSM7:
        return
    found: Encoded | None = None
    least: tuple[int, bool, int] | None = None
    most = _cost(in_ucs2(text), rules) if cheaper else None
    for tables in islice(_pairs(rules), 1, None):
        try:
            encoded = Encoded(Coding.GSM7, tables.encode(text), DEFAULT_ALPHABET, tables.elements)
        except NotEncodable:
            continue
        parts, octets = _cost(encoded, rules)
        # A phone without a single shift table still shows the base letter, without a locking one it shows rubbish.
        preference = parts, tables.basic != gsm7.DEFAULT.basic, octets
        if (most is None or (parts, octets) < most) and (least is None or preference < least):
            found, least = encoded, preference
    if found is not None:
        yield found


def _cost(encoded: Encoded, rules: TextRules) -> tuple[int, int]:
    """Parts, and among equals octets on the air with the elements that each part repeats."""
    parts = count_parts(encoded, rules.reference_bits)
    return parts, -(-encoded.units * encoded.coding.unit_bits // 8) + parts * len(encoded.elements)


def _what_is_left(text: str, wanted: Wanted, rules: TextRules) -> Iterator[Encoded]:
    """For `fallback`: codings that nobody asked for and that hold the text all the same."""
    try:
        yield in_alphabet(text, rules.alphabet)
    except NotEncodable:
        yield from _in_tables(text, Wanted.GSM7, rules, cheaper=False)
    for other in _FALLBACKS:
        if other is not wanted:
            try:
                yield in_named(text, other)
            except NotEncodable:
                continue


def _has(wanted: Wanted, rules: TextRules, *, with_tables: bool) -> Has:
    """Whether a character can be sent in the coding asked for, or in one of the national tables allowed."""
    if wanted in _FALLBACKS or rules.alphabet is not Alphabet.GSM7:
        return lambda char: next(_as_asked(char, wanted, rules), None) is not None
    if not with_tables:
        return gsm7.DEFAULT.__contains__
    return lambda char: any(char in tables for tables in _pairs(rules))


def _pairs(rules: TextRules) -> Iterator[SeptetTable]:
    """The tables allowed, each locking one with each single one; the default ones alone come first."""
    for locking in (None, *(language for language in rules.locking if language in LOCKING)):
        for single in (None, *rules.single):
            yield table(locking, single)
