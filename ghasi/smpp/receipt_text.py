"""The text of a receipt as fields (SMPP 3.4 appendix B): every field optional, in any order, keys as
operators write them.

`text` holds the sender's own words and is never searched: it runs to the end. The one exception is a
receipt that puts it in the middle, which shows by fields missing before it and standing, well-formed, at
the very end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from ghasi.smpp.receipt_dates import parse_date

MARK: Final = ":"
"""Between a key and its value."""
SEPARATOR: Final = ","
"""Between values without keys."""
_USUAL_KEYS: Final = {
    "id": r"(?:(?:message|msg)[ _-]?)?id",
    "sub": "sub",
    "dlvrd": "dlvrd|delivrd",
    "submit_date": r"submit[ _-]?date",
    "done_date": r"done[ _-]?date",
    "stat": r"stat(?:us)?",
    "err": r"err(?:or)?",
    "text": "text",
}
FIELD_NAMES: Final = tuple(_USUAL_KEYS)
_DATES: Final = {"submit_date", "done_date"}
_COUNTERS: Final = {"sub", "dlvrd", "submit_date", "done_date", "err"}
_NEEDED: Final = ("id", "stat")
# A key of the operator's own, where a value was expected: the value is missing.
_STRANGE_KEY: Final = re.compile(r"\s+[A-Za-z][A-Za-z_]*:", re.ASCII)

Fields = dict[str, str]


class Layout:
    """How one operator writes keys: `keys` are its own in any letter case, beside the usual ones, `mark` follows
    them. A key that `check_key` refuses is left out."""

    def __init__(self, keys: Mapping[str, str], mark: str) -> None:
        own: dict[str, list[str]] = {name: [] for name in FIELD_NAMES}
        for key, name in keys.items():
            if name in own and key.strip():
                own[name].append(re.escape(key.strip()))
        groups = [
            f"(?P<{name}>{'|'.join([*sorted(own[name], key=len, reverse=True), usual])})"
            for name, usual in _USUAL_KEYS.items()
        ]
        self.pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(groups)})\s*{re.escape(mark)}", re.IGNORECASE)


def check_key(key: str, name: str) -> None:
    """Raises ValueError, with a sentence, for a key no field can be read by."""
    if not key.strip():
        raise ValueError("a key of a receipt must not be empty")
    if name not in FIELD_NAMES:
        raise ValueError("a key must name a field of a receipt")


USUAL: Final = Layout({}, MARK)


def layout_of(keys: Mapping[str, str], mark: str = MARK) -> Layout:
    """The layout of an operator's keys; equal ones are made once."""
    return _layout(tuple(sorted(keys.items())), mark) if keys or mark != MARK else USUAL


@lru_cache(maxsize=64)
def _layout(keys: tuple[tuple[str, str], ...], mark: str) -> Layout:
    return Layout(dict(keys), mark)


def read_fields(
    body: str, *, given: Iterable[str] = (), layout: Layout = USUAL, date_forms: tuple[str, ...] = ()
) -> Fields:
    """Values by field name (FIELD_NAMES); only those whose key is there.

    Values are as sent, without the spaces around them (`text` with them); an empty one is "". The first of
    a repeated key counts. `given` names fields known from TLVs, which need not be looked for.
    """
    matches = list(layout.pattern.finditer(body))
    fields: Fields = {}
    for position, match in enumerate(matches):
        name = _name(match)
        if name == "text":
            tail = _fields_after_text(body, matches[position + 1 :], fields, set(given), date_forms)
            end = tail[1] if tail else len(body)
            fields["text"] = body[match.end() : end]
            return (tail[0] | fields) if tail else fields
        following = matches[position + 1].start() if position + 1 < len(matches) else len(body)
        fields.setdefault(name, _clean(name, body[match.end() : following]))
    return fields


def looks_like_receipt(body: str, fields: Mapping[str, str], layout: Layout = USUAL) -> bool:
    """True for the shape of a receipt: an id, a state and one more field, and not all of it inside `text`.

    A person's message hardly has that.
    """
    if not (fields.get("id") and fields.get("stat")) or _COUNTERS.isdisjoint(fields):
        return False
    first = layout.pattern.search(body)
    return first is None or _name(first) != "text"


def looks_separated(body: str, separator: str = SEPARATOR, layout: Layout = USUAL, least: int = 3) -> bool:
    """True for a list without keys, with at least so many separators, which only an operator's layout can name."""
    return body.count(separator) >= least and not layout.pattern.search(body)


def read_columns(body: str, columns: tuple[str, ...], separator: str = SEPARATOR) -> Fields:
    """Fields of a receipt without keys by an operator's layout; "" names a column to skip.

    The last column takes the rest of the line, separators included.
    """
    values = body.strip().split(separator, len(columns) - 1)
    return {name: value.strip() for name, value in zip(columns, values, strict=False) if name}


def _name(match: re.Match[str]) -> str:
    return match.lastgroup or ""


def _clean(name: str, value: str) -> str:
    if ":" in value and name not in _DATES and _STRANGE_KEY.match(value):
        return ""
    value = value.strip("\0 \t\r\n,;|")
    if name in _DATES:
        return value
    words = value.split()
    return words[0].rstrip(",;|") if words else ""


def _fields_after_text(
    body: str, matches: list[re.Match[str]], head: Fields, given: set[str], date_forms: tuple[str, ...]
) -> tuple[Fields, int] | None:
    """Fields that stand after `text`, and where they begin; None when all after it is the sender's text.

    They are read backwards from the end while each is a well-formed, single value, and stop at a key
    already seen. Where nothing needed is missing, a key that was already there before `text` shows that
    this is the sender's text.
    """
    lacking = [name for name in _NEEDED if not head.get(name) and name not in given]
    if not lacking and any(_name(match) in head for match in matches):
        return None
    tail: Fields = {}
    begin = end = len(body)
    for match in reversed(matches):
        name, value = _name(match), body[match.end() : end].strip()
        if name == "text" or name in tail or head.get(name) or not _is_well_formed(name, value, date_forms):
            break
        tail[name] = value
        begin = end = match.start()
    if not tail or (lacking and not any(name in tail for name in lacking)):
        return None
    return tail, begin


def _is_well_formed(name: str, value: str, date_forms: tuple[str, ...]) -> bool:
    if name in _DATES:
        return parse_date(value, date_forms) is not None or not value.strip("0")
    return len(value.split()) <= 1
