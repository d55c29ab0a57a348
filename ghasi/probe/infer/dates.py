"""How dates in receipts are written, and in which zone. Pure: they are held against when messages left and came.

A date has to mean a moment between the submit and the arrival of its receipt. The form that makes it so, by an offset
a zone can have, is the form; the offset is the zone's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ghasi.probe.facts import Sent
from ghasi.probe.findings import Finding, still_open, told
from ghasi.probe.infer.reading import Seen
from ghasi.profiles.places import zone_or_utc
from ghasi.smpp.receipt_dates import parse_date

ZONE: Final = "zone"
FORM: Final = "dates"
_TITLES: Final = {ZONE: "Time zone of receipts", FORM: "Dates of receipts"}
_QUARTER: Final = 900
_MOST: Final = 14 * 3600
_SLACK: Final = 90
"""Seconds by which an operator's clock may be wrong, and its zone still be told to a quarter of an hour."""
_FORMS: Final[dict[str, tuple[str, int]]] = {
    "YYMMDDhhmm": ("%y%m%d%H%M", 60),
    "DDMMYYhhmm": ("%d%m%y%H%M", 60),
    "YYMMDDhhmmss": ("%y%m%d%H%M%S", 1),
    "YYYYMMDDhhmm": ("%Y%m%d%H%M", 60),
    "DDMMYYhhmmss": ("%d%m%y%H%M%S", 1),
    "DDMMYYYYhhmm": ("%d%m%Y%H%M", 60),
    "YYYYMMDDhhmmss": ("%Y%m%d%H%M%S", 1),
    "DDMMYYYYhhmmss": ("%d%m%Y%H%M%S", 1),
    "YYYY-MM-DD hh:mm": ("%Y-%m-%d %H:%M", 60),
    "YYYY-MM-DD hh:mm:ss": ("%Y-%m-%d %H:%M:%S", 1),
}
WITH_OFFSET: Final = "YYMMDDhhmmsstnnp"
_SMPP_TIME: Final = re.compile(r"([0-9]{12})[0-9]([0-9]{2})([+-])\Z")
#: Zones without a change of clocks, for offsets that Etc/GMT has no name for.
_NAMED: Final = {
    -34200: "Pacific/Marquesas",
    12600: "Asia/Tehran",
    16200: "Asia/Kabul",
    19800: "Asia/Kolkata",
    20700: "Asia/Kathmandu",
    23400: "Asia/Yangon",
    31500: "Australia/Eucla",
    34200: "Australia/Darwin",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One date by one form: offsets (seconds east of UTC) that make it fit, and the one it writes itself."""

    form: str
    offsets: frozenset[int]
    written: int | None = None


def read_date(value: str, begin: float, end: float) -> list[Reading]:
    """All forms that make sense of a date that means a moment between `begin` and `end` (Unix seconds)."""
    if found := _SMPP_TIME.match(value):
        return _read_smpp_time(found, begin, end)
    readings = []
    for form, (pattern, step) in _FORMS.items():
        if len(form) != len(value):
            continue
        try:
            local = datetime.strptime(value, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        offsets = _offsets(local.timestamp(), begin, end, step)
        if offsets:
            readings.append(Reading(form, offsets))
    return readings


def _read_smpp_time(found: re.Match[str], begin: float, end: float) -> list[Reading]:
    try:
        local = datetime.strptime(found[1], "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return []
    offsets = _offsets(local.timestamp(), begin, end, 1)
    written = int(found[2]) * _QUARTER * (-1 if found[3] == "-" else 1)
    return [Reading(WITH_OFFSET, offsets, written)] if offsets else []


def _offsets(local: float, begin: float, end: float, step: int) -> frozenset[int]:
    """Quarter hours east of UTC by which a clock that shows `local` (cut to `step` seconds) fits."""
    low = local - end - _SLACK
    high = local + step - begin + _SLACK
    first = int(-(-low // _QUARTER)) * _QUARTER
    return frozenset(each for each in range(first, int(high) + 1, _QUARTER) if abs(each) <= _MOST)


def conclude(
    pairs: Sequence[tuple[Seen, Sent]], seen: Sequence[Seen], current_zone: str, now: float
) -> list[Finding]:
    """Form and zone. `pairs` say which message a receipt is about; without them the whole run is the bracket."""
    submitted, done = _gather(pairs, seen)
    if not submitted and not done:
        why = "no receipt came" if not seen else "receipts hold no dates that can be read"
        ask = "In which zone and form are the dates of receipts?"
        return [still_open(each, _TITLES[each], f"cannot be told: {why}", ask) for each in (FORM, ZONE)]
    forms = {"submit": _common_form(submitted), "done": _common_form(done)}
    return [_form_finding(forms, seen), _zone_finding([*submitted, *done], forms, current_zone, now)]


def _gather(
    pairs: Sequence[tuple[Seen, Sent]], seen: Sequence[Seen]
) -> tuple[list[list[Reading]], list[list[Reading]]]:
    submitted, done = [], []
    known = {id(one): message for one, message in pairs}
    earliest = min((message.sent_at for _, message in pairs), default=None)
    for one in seen:
        message = known.get(id(one))
        begin = message.sent_at if message else earliest
        if begin is None:
            begin = one.arrived.at - 600
        end = one.arrived.at
        close = begin + (message.seconds or 0.0) + 5.0 if message else end
        if value := date_value(one, "submit_date"):
            submitted.append(read_date(value, begin, min(close, end)))
        if value := date_value(one, "done_date"):
            done.append(read_date(value, begin, end))
    return [each for each in submitted if each], [each for each in done if each]


def date_value(seen: Seen, name: str) -> str:
    """A date as written; empty where there is none or it is all zeros."""
    value = seen.fields.get(name, "").strip()
    return value if value.strip("0") else ""


def _common_form(readings: Iterable[list[Reading]]) -> list[str]:
    """The forms that make sense of every date."""
    sets = [{reading.form for reading in each} for each in readings]
    return sorted(set.intersection(*sets)) if sets else []


def _form_finding(forms: dict[str, list[str]], seen: Sequence[Seen]) -> Finding:
    title = _TITLES[FORM]
    single = {key: found[0] for key, found in forms.items() if len(found) == 1}
    several = {key: found for key, found in forms.items() if len(found) > 1}
    if several or not single:
        return still_open(
            FORM,
            title,
            f"several forms fit today: {several}",
            "In which form are the dates of receipts?",
            value=forms,
        )
    proposes: dict[str, Any] = {}
    if not _read_as_is(seen, set(single.values())):
        proposes["receipts.dateForms"] = sorted(set(single.values()))
    words = ", ".join(f"{key} date {form}" for key, form in single.items())
    return told(FORM, title, words, single, proposes=proposes)


def _read_as_is(seen: Sequence[Seen], forms: set[str]) -> bool:
    """Whether the connector reads these dates rightly without being told their form."""
    for one in seen:
        for name in ("submit_date", "done_date"):
            value = date_value(one, name)
            plain = parse_date(value) if value else None
            if value and (plain is None or abs(plain.at(UTC).timestamp() - one.arrived.at) > 3 * _MOST):
                return not any(len(form) == len(value) for form in forms)
    return True


def _zone_finding(
    readings: Sequence[list[Reading]], forms: dict[str, list[str]], current_zone: str, now: float
) -> Finding:
    title, wanted = _TITLES[ZONE], {form for found in forms.values() for form in found}
    sets = [frozenset(offset for one in each if one.form in wanted for offset in one.offsets) for each in readings]
    common = frozenset.intersection(*sets) if sets else frozenset()
    if len(common) != 1:
        says = "the dates fit several zones" if common else "the dates do not agree on one zone"
        return still_open(ZONE, title, says, "In which time zone are the dates of receipts?")
    offset = next(iter(common))
    written = {one.written for each in readings for one in each if one.written is not None}
    if written == {offset} and wanted == {WITH_OFFSET}:
        says = f"dates write their own offset, {_offset_words(offset)}: no rule is needed"
        return told(ZONE, title, says, {"offset": offset, "written": True})
    zone = zone_name(offset, current_zone, now)
    return told(
        ZONE,
        title,
        f"{_offset_words(offset)} now",
        {"offset": offset, "zone": zone},
        evidence=(f"{len(sets)} dates agree", "whether clocks change with the season cannot be told from one run"),
        proposes={"receipts.zone": zone} if zone else {},
        ask="" if zone == current_zone else "Which place's time is it? A name with its changes of clocks is better.",
    )


def zone_name(offset: int, current: str, now: float) -> str:
    """An IANA zone with that offset: the current one where it fits, else one without changes of clocks; or empty."""
    moment = datetime.fromtimestamp(now, UTC)
    local = moment.astimezone(zone_or_utc(current)).utcoffset()
    if local == timedelta(seconds=offset):
        return current
    if offset % 3600 == 0:
        # POSIX counts west of Greenwich: Etc/GMT-3 is three hours ahead.
        return f"Etc/GMT{-offset // 3600:+d}" if offset else "UTC"
    return _NAMED.get(offset, "")


def _offset_words(offset: int) -> str:
    sign = "-" if offset < 0 else "+"
    return f"UTC{sign}{abs(offset) // 3600:02d}:{abs(offset) % 3600 // 60:02d}"
