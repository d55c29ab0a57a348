"""What `manage.py audit` says: a span of time, a table, the messages nobody can explain. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ghasi.correlations.accounting import Balance, Outcome, Position
from ghasi.correlations.statements import Mark

MINUTE = timedelta(minutes=1)
DEFAULT = "1h"
NAMED_AT_MOST = 50
"""Messages named for people; JSON names them all."""
_LAST = re.compile(r"([1-9][0-9]{0,5})([mhd])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_COLUMNS = ("taken", *(one.value for one in Outcome), "in_hand", "untold", "difference")


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` to before `until`, both whole minutes in UTC."""

    since: datetime
    until: datetime


def span(now: datetime, since: str | None, until: str | None, last: str | None) -> Span:
    """The span that the options name, widened to whole minutes. Raises ValueError, with a sentence for a person."""
    if last and (since or until):
        raise ValueError("--last goes with neither --since nor --until")
    if until and not since:
        raise ValueError("--until needs --since")
    end = _up(_time(until)) if until else _up(now)
    begin = _time(since) if since else now - length(last or DEFAULT)
    begin = begin.replace(second=0, microsecond=0)
    if begin >= end:
        raise ValueError("the span ends before it begins")
    return Span(begin, end)


def _time(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("a time is given as in 2026-05-04T08:15Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def length(value: str) -> timedelta:
    """90m, 1h or 2d. Raises ValueError, with a sentence for a person."""
    match = _LAST.match(value)
    if match is None:
        raise ValueError("a length is given as in 90m, 1h or 2d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _up(moment: datetime) -> datetime:
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + MINUTE


@dataclass(frozen=True, slots=True)
class Report:
    """Balances of a span; where JetStream stands and how far the books are kept, both of now."""

    span: Span
    balances: Sequence[Balance]
    positions: Mapping[UUID, Position]
    marks: Mapping[UUID, Mark]

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.balances)

    def as_json(self) -> dict[str, Any]:
        return {
            "since": self.span.since.isoformat(),
            "until": self.span.until.isoformat(),
            "holds": self.holds,
            "operators": [self._operator(one) for one in self.balances],
        }

    def _operator(self, one: Balance) -> dict[str, Any]:
        position, mark = self.positions.get(one.operator_id), self.marks.get(one.operator_id)
        return {
            "operatorId": str(one.operator_id),
            "holds": one.holds,
            "taken": one.taken,
            **{_camel(outcome.value): one.outcomes.get(outcome, 0) for outcome in Outcome},
            "inHand": one.in_hand,
            "untold": one.untold,
            "difference": one.difference,
            "excess": one.excess,
            "lost": list(one.lost),
            "doubled": list(one.doubled),
            "unsettledNow": position.unsettled if position else None,
            "waitingNow": position.waiting if position else None,
            "booksSince": mark.began_at.isoformat() if mark else None,
        }

    def in_words(self) -> list[str]:
        """A table, then what it does not explain, then what it cannot tell."""
        lines = [
            f"commands stored from {_short(self.span.since)} to {_short(self.span.until)} UTC",
            _row("operator", _COLUMNS),
        ]
        lines += [_row(str(one.operator_id), _figures(one)) for one in self.balances]
        for one in self.balances:
            lines += self._findings(one)
        lines.append("holds" if self.holds else "does not hold")
        return lines

    def _findings(self, one: Balance) -> list[str]:
        lines = _named("lost", one, one.lost) + _named("doubled", one, one.doubled)
        if one.excess:
            lines.append(f"{one.operator_id} lost: {one.excess} more, named once the ack floor has passed them")
        if one.untold:
            lines.append(f"{one.operator_id} untold: {one.untold}, see docs/operations.md")
        mark, position = self.marks.get(one.operator_id), self.positions.get(one.operator_id)
        if mark is not None and mark.began_at > self.span.since:
            lines.append(f"{one.operator_id} books begin at {_short(mark.began_at)}")
        if position is None:
            lines.append(f"{one.operator_id} has no consumer: as of its last check")
        else:
            lines.append(f"{one.operator_id} now: {position.unsettled} unsettled, {position.waiting} not pulled")
        return lines


def _figures(one: Balance) -> list[str]:
    outcomes = [one.outcomes.get(outcome, 0) for outcome in Outcome]
    return [str(figure) for figure in (one.taken, *outcomes, one.in_hand, one.untold, one.difference)]


def _row(name: str, cells: Sequence[str]) -> str:
    return name.ljust(37) + " ".join(cell.rjust(len(column)) for cell, column in zip(cells, _COLUMNS, strict=True))


def _named(word: str, one: Balance, names: Sequence[str]) -> list[str]:
    lines = [f"{one.operator_id} {word}: {name}" for name in names[:NAMED_AT_MOST]]
    if len(names) > NAMED_AT_MOST:
        lines.append(f"{one.operator_id} {word}: {len(names) - NAMED_AT_MOST} more, all of them with --json")
    return lines


def _short(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
