"""Times as submit_sm carries them: 16 characters, relative or absolute (SMPP 3.4 §7.1.1)."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

MAX_RELATIVE: Final = timedelta(days=31)
"""Days are the greatest unit used: months and years differ in length."""
_QUARTER: Final = timedelta(minutes=15)


def relative_time(period: timedelta) -> str:
    """`period` in whole seconds, at least one and at most 31 days: `000001000000000R` is one day."""
    seconds = int(max(timedelta(seconds=1), min(period, MAX_RELATIVE)).total_seconds())
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02d}{hour:02d}{minute:02d}{second:02d}000R"


def absolute_time(moment: datetime, zone: tzinfo) -> str:
    """`moment`, which has a zone, in the local time of `zone` with its distance to UTC in quarter hours."""
    local = moment.astimezone(zone)
    offset = local.utcoffset() or timedelta()
    quarters = abs(offset) // _QUARTER
    sign = "-" if offset < timedelta() else "+"
    return f"{local:%y%m%d%H%M%S}{local.microsecond // 100_000}{quarters:02d}{sign}"
