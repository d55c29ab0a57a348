"""Dates in receipts: 10, 12 or 14 digits, with or without seconds, century, tenths and offset, or as an operator's
rules say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import groupby
from typing import Final

# Digits of the year; month, day, hour, minute and perhaps second follow. 12 digits are either of two forms: a
# year 20xx read as YY and MM has a valid month for 2001 to 2012 only, so the form that makes a date is it.
_FORMS_BY_DIGITS: Final = {10: (2,), 12: (2, 4), 14: (4,)}
_SMPP_TIME: Final = re.compile(r"([0-9]{12})([0-9])([0-9]{2})([+-])\Z", re.ASCII)
_PUNCTUATED: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
UNIX: Final = {"unix": 1, "unixms": 1000}
"""Forms that count from 1970, by units in a second; the number is in UTC whatever the operator's zone."""
_LETTERS: Final = "YMDhms"


@dataclass(frozen=True, slots=True)
class ReceiptDate:
    """A date as the operator wrote it, without zone; `offset` only where it wrote one."""

    local: datetime
    offset: timedelta | None = None

    def at(self, zone: tzinfo = UTC) -> datetime:
        """The moment meant, in UTC: by its own offset, else in the operator's zone."""
        own = timezone(self.offset) if self.offset is not None else zone
        return self.local.replace(tzinfo=own).astimezone(UTC)


def parse_date(value: str, forms: tuple[str, ...] = ()) -> ReceiptDate | None:
    """A date of a receipt; None for an empty, zero, relative or impossible one: no receipt fails for its
    dates.

    `forms` are an operator's own, in the letters Y M D h m s as often as they have digits (`YYYYMMDDhhmm`,
    `DD/MM/YY hh:mm`), `unix` or `unixms`. A value of the shape of one of them is read by them alone, so that 12
    digits are never taken for the other form; any other value is read by its length.
    """
    value = value.strip()
    if forms:
        shaped = [match for shape in map(_shape, forms) if shape and (match := shape.match(value))]
        if shaped:
            return next((date for date in map(_parse_shaped, shaped) if date), None)
    with_offset = _SMPP_TIME.match(value)
    if with_offset:
        return _parse_smpp_time(with_offset)
    punctuated = _PUNCTUATED.match(value)
    digits = "".join(group or "" for group in punctuated.groups()) if punctuated else value.split(" ")[0]
    local = _parse_digits(digits)
    return ReceiptDate(local) if local else None


def check_form(form: str) -> None:
    """Raises ValueError, with a sentence, for a form no date can be read by."""
    if form in UNIX:
        return
    runs = [(letter, len(list(same))) for letter, same in groupby(form) if letter in _LETTERS]
    names = [letter for letter, _ in runs]
    if len(set(names)) != len(names) or not set("YMD") <= set(names):
        raise ValueError("a date form needs year, month and day, and nothing twice")
    if any(count != 2 and (letter, count) != ("Y", 4) for letter, count in runs):
        raise ValueError("a date form has two or four digits for the year and two for everything else")


@lru_cache(maxsize=256)
def _shape(form: str) -> re.Pattern[str] | None:
    """A pattern with a group by the name of each letter; None for a form `check_form` refuses."""
    try:
        check_form(form)
    except ValueError:
        return None
    if form in UNIX:
        digits = 9 + len(str(UNIX[form]))
        return re.compile(rf"(?P<{form}>[0-9]{{{digits}}})(?![0-9])", re.ASCII)
    parts = [
        rf"(?P<{letter}>[0-9]{{{len(run)}}})" if letter in _LETTERS else re.escape(run)
        for letter, run in ((letter, "".join(same)) for letter, same in groupby(form))
    ]
    return re.compile("".join(parts) + r"(?![0-9])", re.ASCII)


def _parse_shaped(match: re.Match[str]) -> ReceiptDate | None:
    groups = match.groupdict()
    for name, units in UNIX.items():
        if name in groups:
            local = datetime(1970, 1, 1) + timedelta(seconds=int(groups[name]) // units)
            return ReceiptDate(local, timedelta(0)) if local.year >= 2000 else None
    year = groups["Y"] if len(groups["Y"]) == 4 else "20" + groups["Y"]
    rest = [groups.get(letter, "00") for letter in _LETTERS[1:]]
    local_or_none = _parse_digits(year + "".join(rest))
    return ReceiptDate(local_or_none) if local_or_none else None


def _parse_smpp_time(match: re.Match[str]) -> ReceiptDate | None:
    """YYMMDDhhmmsstnnp (SMPP 3.4 §7.1.1): nn quarter hours, p ahead of or behind UTC."""
    local = _parse_digits(match[1])
    offset = timedelta(minutes=15 * int(match[3])) * (-1 if match[4] == "-" else 1)
    if local is None:
        return None
    return ReceiptDate(local, offset) if abs(offset) < timedelta(hours=24) else ReceiptDate(local)


def _parse_digits(digits: str) -> datetime | None:
    if not (digits.isascii() and digits.isdigit()):
        return None
    for year_digits in _FORMS_BY_DIGITS.get(len(digits), ()):
        year = int(digits[:year_digits]) + (2000 if year_digits == 2 else 0)
        rest = [int(digits[at : at + 2]) for at in range(year_digits, len(digits), 2)]
        if not 2000 <= year < 2100:
            continue
        month, day, hour, minute, second = (*rest, 0)[:5]
        try:
            return datetime(year, month, day, hour, minute, second)
        except ValueError:
            continue
    return None
