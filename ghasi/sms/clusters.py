"""Grapheme clusters: what a person takes for one character (Unicode UAX 29), and where none of them is cut.

`regex` knows the rules. It is imported at the first cut that needs it, so that whoever sends texts of one part, or of
an alphabet without marks, never loads it. Most cuts fall between two plain letters and are told without it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_PLAIN_CATEGORIES: Final = "LNPZ"
_PLAIN_END: Final = "\u0d00"
"""Below it no letter, digit, punctuation mark or space joins another without a mark or format character between."""


def is_plain_cut(before: str, after: str) -> bool:
    """Whether two characters in a row belong to two clusters, as far as that can be told at once."""
    return _is_plain(before) and _is_plain(after)


def cluster_start(text: str, at: int) -> int:
    """The last place up to `at` where a cluster starts: `at` itself, or 0 where the first cluster holds it.

    `text` starts where a part starts and goes at least one character beyond `at`.
    """
    if is_plain_cut(text[at - 1], text[at]):
        return at
    import regex

    start = at - 1
    while start > 0 and not is_plain_cut(text[start - 1], text[start]):
        start -= 1
    *_, last = regex.finditer(r"\X", text[start : at + 1])
    return start + int(last.start())


def _is_plain(char: str) -> bool:
    return char < _PLAIN_END and unicodedata.category(char)[0] in _PLAIN_CATEGORIES
