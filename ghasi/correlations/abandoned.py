"""Parts whose command is gone from its stream: nothing stays PREPARED for ever (docs/architecture.md, "In doubt").

A command that still is in its stream comes again within minutes, and its claim settles what was left open. One that
was purged, or that a stream of the platform's dropped by age, does not; then this says what the ledger knows. After
an hour no gateway remembers a hand-over any more: the part is in doubt. After 72 hours what never left has expired,
if its time is over, and a try that was to come will not. After six days, before any retention drops the row, what was
left open until then is closed too. A part that came into doubt while its command was there is left to a person where
no policy has acted on it for as long as a receipt could prove it.

Row ids begin with their time, so that each look reads the rows of a short span once, through the primary key; the one
for doubts goes by when they came. A mark says how far a look has come. What a look passes it does not see again, and
a part handed over anew keeps its id: later looks go by the hour since its hand-over and not by their own age. The
mark follows the events: what was changed but not told is told by the next look.
Should the command come after all, its claim finds rows it knows how to go on from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ghasi.contracts import timers
from ghasi.correlations import sql, sql_upkeep
from ghasi.correlations.db import as_json, by_day, execute, fetch, locked, lookback_days, repeated
from ghasi.correlations.ids import first_row_id, moment_of
from ghasi.correlations.ledger import message_outcomes
from ghasi.correlations.open_parts import GONE
from ghasi.correlations.types import MessageOutcome

SLICE = timedelta(minutes=5)
SLICES = 3
"""A turn's share of a backlog: a first run after an upgrade reads weeks of rows, a little at a time."""


@dataclass(frozen=True, slots=True)
class Look:
    """One pass over all rows, `after` their making. `reason` is its mark's name and what its rows say."""

    reason: str
    after: timedelta
    late: bool = False
    """Closes also what never was handed over, and refused parts whose next try is overdue; all past their time."""
    last: bool = False
    """Closes these whatever their time: nobody looks again."""
    doubts: bool = False
    """Passes over the times at which parts came into doubt instead; those found keep their reason, behind `GONE`."""


FORGOTTEN_AFTER = timedelta(seconds=timers.ABANDONED_AFTER)
LOOKS = (
    Look("command_gone", FORGOTTEN_AFTER),
    Look("command_gone_72h", timedelta(hours=timers.CORRELATION_KEPT_HOURS), late=True),
    Look("command_gone_6d", timedelta(hours=timers.ABANDONED_LAST_HOURS), late=True, last=True),
)
DOUBTS = Look("command_gone_doubt", timedelta(hours=timers.INBOX_MATCHABLE_HOURS), doubts=True)
BEGINNING = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What a look found. Publish `outcomes`, then `confirm`; without that the next look finds them again."""

    look: Look
    done_to: datetime
    parts: tuple[tuple[UUID, bool], ...]
    """Operator of each part that has just been changed, and whether that brought it into doubt."""
    outcomes: tuple[MessageOutcome, ...]
    """Of messages that have no part pending now."""


def look(which: Look, *, now: datetime) -> Abandoned | None:
    """Goes on from its mark to the first span that holds something; None where nothing was found on the way."""
    end = now - which.after
    since = _mark(which)
    for _ in range(SLICES):
        since = _next(which, since)
        if since is None or since >= end:
            break
        before = min(since + SLICE, end)
        found = _take(which, since, before, now)
        if found.outcomes or found.parts:
            return found
        confirm(found)
        since = before
    return None


def confirm(found: Abandoned) -> None:
    """The events of `found` are stored: the next look begins after it."""
    execute(sql_upkeep.SWEEP_ADVANCE, {"name": found.look.reason, "done_to": found.done_to})


def _next(which: Look, since: datetime | None) -> datetime | None:
    """From where there are rows, at or after `since`; None where there are none."""
    with locked():
        if which.doubts:
            found = fetch(sql_upkeep.NEXT_DOUBT, {"first": since or BEGINNING})
        else:
            found = fetch(sql_upkeep.NEXT_ROW, {"first": first_row_id(since) if since else UUID(int=0)})
    if not found:
        return None
    first: datetime = found[0][0] if which.doubts else moment_of(found[0][0])
    return first


def _mark(which: Look) -> datetime | None:
    found = fetch(sql_upkeep.SWEEP_MARK, {"name": which.reason})
    return found[0][0] if found else None


@repeated
def _take(which: Look, since: datetime, before: datetime, now: datetime) -> Abandoned:
    names: dict[str, Any] = {
        "before": now - FORGOTTEN_AFTER,
        "late": which.late,
        "last": which.last,
        "reason": which.reason,
        "gone": GONE,
        "now": now,
    }
    find, change, span = _steps(which, since, before)
    with locked():
        open_rows = fetch(find, {**names, **span})
    if not open_rows:
        return Abandoned(which, before, (), ())
    message_ids = {message_id for _, _, message_id in open_rows}
    changed: list[tuple[UUID, bool]] = []
    with locked(message_ids):
        for day, ids in by_day((day, row_id) for row_id, day, _ in open_rows):
            rows = as_json([{"id": one} for one in sorted(ids)])
            changed += fetch(sql.on_day(change, day), {**names, "rows": rows})
        known = message_outcomes(message_ids, lookback_days(now, *(day for _, day, _ in open_rows)))
    return Abandoned(which, before, tuple(changed), tuple(known.values()))


def _steps(which: Look, since: datetime, before: datetime) -> tuple[str, str, dict[str, Any]]:
    """What finds a span's parts, what changes those of a day, and the span."""
    if which.doubts:
        return sql_upkeep.DOUBTS_LEFT, sql_upkeep.LEAVE_IN_DOUBT, {"first": since, "end": before}
    span = {"first": first_row_id(since), "end": first_row_id(before)}
    return sql_upkeep.ABANDONED, sql_upkeep.ABANDON, span
