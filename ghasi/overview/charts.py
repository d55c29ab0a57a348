"""The charts of the last hour, as shapes for the template to draw. Pure.

Drawn by the server as SVG without scripts or styles of their own; each has a title, a description in words, and its
figures as a table for whoever does not see lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ghasi.operators.minutes import Tally, quantile

MINUTES = 60
LEFT, RIGHT, TOP, BOTTOM = 70.0, 592.0, 12.0, 172.0
WIDTH, HEIGHT = 600, 200
ROW_MINUTES = 10
"""A row of the table sums up so many minutes."""

Value = float | None
Point = Callable[[Tally], Value]


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `look` names its colour and dashes in the style sheet; `dots` are values with gaps on both sides."""

    name: str
    look: str
    path: str
    dots: str


@dataclass(frozen=True, slots=True)
class Tick:
    """At `place` on its axis, in the units of the drawing."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`rows` of the table: the time, then a cell for each series."""

    key: str
    title: str
    description: str
    series: tuple[Series, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    look: str
    point: Point


def _counted(*names: str) -> Point:
    return lambda tally: float(sum(tally.counts[name] for name in names))


def _share(histogram: str, share: float) -> Point:
    return lambda tally: quantile(getattr(tally, histogram), share)


_SUBMITS = (
    _Line("taken", "good", _counted("submitted")),
    _Line("refused for now", "warn", _counted("retried")),
    _Line("refused for good", "bad", _counted("refused", "held")),
    _Line("in doubt", "odd", _counted("in_doubt")),
)
_RECEIPTS = (
    _Line("delivered", "good", _counted("dlr_delivered")),
    _Line("under way", "quiet", _counted("dlr_accepted", "dlr_unknown")),
    _Line("undeliverable or rejected", "bad", _counted("dlr_undeliverable", "dlr_rejected")),
    _Line("expired or deleted", "warn", _counted("dlr_expired", "dlr_deleted")),
)
_SHARES = ((0.5, "half", "good"), (0.95, "95 of 100", "warn"), (0.99, "99 of 100", "bad"))


def _shares(histogram: str) -> tuple[_Line, ...]:
    return tuple(_Line(name, look, _share(histogram, share)) for share, name, look in _SHARES)


_ANSWERS, _WIRE = _shares("answered"), _shares("to_wire")


def charts(tallies: Mapping[datetime, Tally], first: datetime) -> list[Chart]:
    """Of the sixty minutes from `first` on."""
    minutes = [first + timedelta(minutes=n) for n in range(MINUTES)]
    made = [tallies.get(minute) or Tally() for minute in minutes]
    return [
        _chart("submits", "Parts a minute, by the operator's answer", _SUBMITS, minutes, made, _number, 5),
        _chart("receipts", "Receipts a minute, by state", _RECEIPTS, minutes, made, _number, 5),
        _chart("answers", "From the write to the operator's answer", _ANSWERS, minutes, made, _seconds, 0.005),
        _chart("wire", "From the stream to the wire", _WIRE, minutes, made, _seconds, 0.005),
    ]


def _chart(
    key: str,
    title: str,
    lines: Iterable[_Line],
    minutes: Sequence[datetime],
    tallies: Sequence[Tally],
    say: Callable[[float], str],
    least: float,
) -> Chart:
    """The axis reaches at least to `least`."""
    drawn = [(line, [line.point(tally) for tally in tallies]) for line in lines]
    most = max((value for _, values in drawn for value in values if value), default=0.0)
    top = nice(max(most, least))
    steps = 4 if f"{top:e}".startswith("2") else 5
    return Chart(
        key=key,
        title=title,
        description=_described(drawn, most, say),
        series=tuple(Series(line.name, line.look, *_paths(values, top)) for line, values in drawn),
        across=tuple(Tick(_x(n), minutes[n].strftime("%H:%M")) for n in range(0, MINUTES, 15)),
        up=tuple(Tick(_y(top * n / steps, top), say(top * n / steps)) for n in range(steps + 1)),
        rows=tuple(_rows(drawn, minutes, say)),
    )


def _described(drawn: Sequence[tuple[_Line, list[Value]]], most: float, say: Callable[[float], str]) -> str:
    if not most:
        return "Nothing in the last hour."
    last = ", ".join(f"{line.name} {say(values[-1])}" for line, values in drawn if values[-1] is not None)
    return f"The last hour, minute by minute; at most {say(most)}. In the current minute: {last or 'nothing'}."


def _rows(
    drawn: Sequence[tuple[_Line, list[Value]]], minutes: Sequence[datetime], say: Callable[[float], str]
) -> Iterable[tuple[str, ...]]:
    """The highest minute of each ten: sums of percentiles would mean nothing."""
    for begin in range(0, MINUTES, ROW_MINUTES):
        cells = (_highest(values[begin : begin + ROW_MINUTES], say) for _, values in drawn)
        yield (minutes[begin].strftime("%H:%M"), *cells)


def _highest(values: Sequence[Value], say: Callable[[float], str]) -> str:
    known = [value for value in values if value is not None]
    return say(max(known)) if known else "–"


def nice(most: float) -> float:
    """The end of an axis: 1, 2 or 5 times a power of ten that holds `most`; 1 where there is nothing."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next((step * power for step in (1.0, 2.0, 5.0) if step * power >= most * 0.999), 10.0 * power)


def _paths(values: Sequence[Value], top: float) -> tuple[str, str]:
    """An SVG path with gaps where nothing is known, and one of the values that stand alone between gaps."""
    line, dots = [], []
    for n, value in enumerate(values):
        if value is None:
            continue
        before = n > 0 and values[n - 1] is not None
        after = n + 1 < len(values) and values[n + 1] is not None
        place = f"{_x(n):.1f} {_y(value, top):.1f}"
        if before or after:
            line.append(f"L{place}" if before else f"M{place}")
        else:
            dots.append(f"M{place}h0")
    return "".join(line), "".join(dots)


def _x(n: int) -> float:
    return LEFT + (RIGHT - LEFT) * n / (MINUTES - 1)


def _y(value: float, top: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * min(value, top) / top


def _number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"
