"""Times of SMPP 3.4 §7.1: `YYMMDDhhmmsstnnp`, absolute or relative."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from ghasi.explain.words import Said

_FORM: Final = re.compile(r"([0-9]{12})([0-9])([0-9]{2})([+\-R])\Z", re.ASCII)
_UNITS: Final = ("year", "month", "day", "hour", "minute", "second")


def time_said(value: str, empty: str) -> Said:
    """A schedule_delivery_time, validity_period or final_date; `empty` is what an empty one means."""
    if not value:
        return Said(empty)
    found = _FORM.match(value)
    if found is None:
        return Said("", ("no time of the form YYMMDDhhmmsstnnp (§7.1.1)",))
    digits, tenths, quarters, sign = found.groups()
    pairs = [int(digits[at : at + 2]) for at in range(0, 12, 2)]
    if sign == "R":
        return _relative(pairs, tenths + quarters)
    return _absolute(pairs, int(tenths), int(quarters), sign)


def _relative(pairs: list[int], rest: str) -> Said:
    named = zip(pairs, _UNITS, strict=True)
    words = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in named if number]
    warnings = [] if rest == "000" else ["tenths and quarter hours are 0 in a relative time (§7.1.2)"]
    if not words:
        warnings.append("a relative time of nothing")
    return Said("in " + (" ".join(words) or "0 seconds"), tuple(warnings))


def _absolute(pairs: list[int], tenths: int, quarters: int, sign: str) -> Said:
    try:
        year, month, day, hour, minute, second = pairs
        local = datetime(2000 + year, month, day, hour, minute, second)
    except ValueError:
        return Said("", ("no such date",))
    offset = timedelta(minutes=15 * quarters) * (-1 if sign == "-" else 1)
    fraction = f".{tenths}" if tenths else ""
    hours, minutes = divmod(15 * quarters, 60)
    shown = f"{local:%Y-%m-%d %H:%M:%S}{fraction} UTC" + (f"{sign}{hours:02}:{minutes:02}" if quarters else "")
    utc = f" = {local - offset:%Y-%m-%d %H:%M:%S} UTC" if quarters else ""
    return Said(shown + utc, ("more than 48 quarter hours from UTC (§7.1.1)",) if quarters > 48 else ())
