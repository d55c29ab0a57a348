"""Dates in receipts: 10, 12 or 14 digits, with or without seconds, century, tenths and offset."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

# Digits of the year; month, day, hour, minute and perhaps second follow. 12 digits are either of two forms: a
# year 20xx read as YY and MM has a valid month for 2001 to 2012 only, so the form that makes a date is it.
_FORMS_BY_DIGITS: Final = {10: (2,), 12: (2, 4), 14: (4,)}
_SMPP_TIME: Final = re.compile(r"([0-9]{12})([0-9])([0-9]{2})([+-])\Z", re.ASCII)
_PUNCTUATED: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class ReceiptDate:
    """A date as the operator wrote it, without zone; `offset` only where it wrote one."""

    local: datetime
    offset: timedelta | None = None

    def at(self, zone: tzinfo = UTC) -> datetime:
        """The moment meant, in UTC: by its own offset, else in the operator's zone."""
        own = timezone(self.offset) if self.offset is not None else zone
        return self.local.replace(tzinfo=own).astimezone(UTC)


def parse_date(value: str) -> ReceiptDate | None:
    """A date of a receipt; None for an empty, zero, relative or impossible one: no receipt fails for its
    dates.
    """
    value = value.strip()
    with_offset = _SMPP_TIME.match(value)
    if with_offset:
        return _parse_smpp_time(with_offset)
    punctuated = _PUNCTUATED.match(value)
    digits = "".join(group or "" for group in punctuated.groups()) if punctuated else value.split(" ")[0]
    local = _parse_digits(digits)
    return ReceiptDate(local) if local else None


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
