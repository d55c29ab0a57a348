"""The text of a receipt as fields (SMPP 3.4 appendix B): every field optional, in any order, keys as
operators write them.

`text` holds the sender's own words and is never searched: it runs to the end. The one exception is a
receipt that puts it in the middle, which shows by fields missing before it and standing, well-formed, at
the very end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ghasi.smpp.receipt_dates import parse_date

_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(?:(?P<id>(?:(?:message|msg)[ _-]?)?id)|(?P<sub>sub)|(?P<dlvrd>dlvrd|delivrd)"
    r"|(?P<submit_date>submit[ _-]?date)|(?P<done_date>done[ _-]?date)"
    r"|(?P<stat>stat(?:us)?)|(?P<err>err(?:or)?)|(?P<text>text))\s*:",
    re.IGNORECASE,
)
_DATES: Final = {"submit_date", "done_date"}
_COUNTERS: Final = {"sub", "dlvrd", "submit_date", "done_date", "err"}
_NEEDED: Final = ("id", "stat")

Fields = dict[str, str]


def read_fields(body: str, *, given: Iterable[str] = ()) -> Fields:
    """Values by field name: id, sub, dlvrd, submit_date, done_date, stat, err, text; only those whose key
    is there.

    Values are as sent, without the spaces around them (`text` with them); an empty one is "". The first of
    a repeated key counts. `given` names fields known from TLVs, which need not be looked for.
    """
    matches = list(_KEY.finditer(body))
    fields: Fields = {}
    for position, match in enumerate(matches):
        name = _name(match)
        if name == "text":
            tail = _fields_after_text(body, matches[position + 1 :], fields, set(given))
            end = tail[1] if tail else len(body)
            fields["text"] = body[match.end() : end]
            return (tail[0] | fields) if tail else fields
        following = matches[position + 1].start() if position + 1 < len(matches) else len(body)
        fields.setdefault(name, _clean(name, body[match.end() : following]))
    return fields


def looks_like_receipt(body: str, fields: Mapping[str, str]) -> bool:
    """True for the shape of a receipt: an id, a state and one more field, and not all of it inside `text`.

    A person's message hardly has that.
    """
    if not (fields.get("id") and fields.get("stat")) or _COUNTERS.isdisjoint(fields):
        return False
    first = _KEY.search(body)
    return first is None or _name(first) != "text"


def looks_comma_separated(body: str) -> bool:
    """True for a list without keys, which only an operator's layout can name."""
    return body.count(",") >= 3 and not _KEY.search(body)


def read_columns(body: str, columns: tuple[str, ...]) -> Fields:
    """Fields of a comma-separated receipt by an operator's layout; "" names a column to skip.

    The last column takes the rest of the line, commas included.
    """
    values = body.strip().split(",", len(columns) - 1)
    return {name: value.strip() for name, value in zip(columns, values, strict=False) if name}


def _name(match: re.Match[str]) -> str:
    return match.lastgroup or ""


def _clean(name: str, value: str) -> str:
    value = value.strip("\0 \t\r\n,;")
    if name in _DATES:
        return value
    return value.split()[0].rstrip(",;") if value else ""


def _fields_after_text(
    body: str, matches: list[re.Match[str]], head: Fields, given: set[str]
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
        if name == "text" or name in tail or head.get(name) or not _is_well_formed(name, value):
            break
        tail[name] = value
        begin = end = match.start()
    if not tail or (lacking and not any(name in tail for name in lacking)):
        return None
    return tail, begin


def _is_well_formed(name: str, value: str) -> bool:
    if name in _DATES:
        return parse_date(value) is not None or not value.strip("0")
    return len(value.split()) <= 1
