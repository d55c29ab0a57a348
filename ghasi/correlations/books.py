"""The books in the database: commands entered once, settled when an outcome stands, lost where none does.

Each call is one transaction that holds the operator's mark, so that two keepers take turns and nothing is counted
twice, whoever dies in between. What the commands are and how JetStream stands is read by `accountant`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from ghasi.correlations import sql_accounting
from ghasi.correlations.accounting import Entry, Position, surplus
from ghasi.correlations.db import as_json, execute, fetch, locked, repeated
from ghasi.correlations.judging import Judged, judge
from ghasi.correlations.partitions import ledger_day

AT_ONCE = 1_000
ALL = 20_000
"""More than a consumer may have outstanding (docs/contract.md §1)."""


@dataclass(frozen=True, slots=True)
class Page:
    """Commands with sequences above `since`, up to `read_to`, in order; `untold` were purged before being read."""

    position: Position
    since: int
    read_to: int
    now: datetime
    entries: Sequence[Entry] = field(default_factory=list)
    untold: int = 0


class Begun(NamedTuple):
    """The sequence up to which the books are kept, and how many commands became untold just now."""

    read_to: int
    untold: int = 0


@repeated
def begin(page: Page) -> Begun:
    """Opens the operator's books where there are none.

    A stream made anew counts from 1 again: what was in hand of the old one is untold.
    """
    operator = {"operator_id": page.position.operator_id}
    with locked():
        execute(sql_accounting.MARK_BEGIN, {**operator, "created": page.position.created, "now": page.now})
        created, read_to = fetch(sql_accounting.MARK_TAKE, operator)[0]
        if created == page.position.created:
            return Begun(int(read_to))
        gone = [stored_at for (stored_at,) in fetch(sql_accounting.OPEN_ALL_GONE, operator)]
        _add(page.position.operator_id, Counter((_minute(at), "untold") for at in gone))
        execute(sql_accounting.MARK_MOVE, {**operator, "created": page.position.created, "read_to": 0})
    return Begun(0, len(gone))


@repeated
def enter(page: Page) -> int:
    """Counts the commands as taken, and those that have an outcome by it; returns up to where the books are kept.

    Where somebody else has read on meanwhile, nothing is entered and the answer is how far that went.
    """
    operator_id = page.position.operator_id
    with locked():
        created, read_to = fetch(sql_accounting.MARK_TAKE, {"operator_id": operator_id})[0]
        if (created, read_to) != (page.position.created, page.since):
            return int(read_to)
        judged = judge(operator_id, page.entries, lambda one: one.sequence <= page.position.floor, page.now)
        counts = Counter((_minute(one.stored_at), "taken") for one in page.entries)
        for column in ("taken", "untold"):
            counts[(_minute(page.now), column)] += page.untold
        _add(operator_id, counts + _by_outcome(page.entries, judged))
        _open(operator_id, [one for one in page.entries if one.sequence not in judged.outcomes])
        _double(operator_id, judged.doubled, page.now)
        moved = {"operator_id": operator_id, "created": created, "read_to": page.read_to}
        execute(sql_accounting.MARK_MOVE, moved)
    return page.read_to


@repeated
def settle(page: Page) -> int:
    """Looks again at what had no outcome. What JetStream holds for settled has one now, or is lost; and of the rest
    no more may be without one than JetStream has in hand. Returns how many commands became untold."""
    position, now = page.position, page.now
    operator = {"operator_id": position.operator_id}
    with locked():
        fetch(sql_accounting.MARK_TAKE, operator)
        below = _entries({**operator, "above": -1, "to": position.floor, "limit": AT_ONCE})
        left = _settle(position.operator_id, below, now, settled=True)
        beyond = [one for one in left if _beyond(one, now)]
        _close(position.operator_id, beyond, Counter((_minute(one.stored_at), "untold") for one in beyond))
        lost = [one.sequence for one in left if one not in beyond]
        execute(sql_accounting.OPEN_LOST, {**operator, "sequences": lost, "now": now})
        execute(sql_accounting.MARK_CHECKED, {**operator, "now": now, "excess": _excess(position, now)})
    return len(beyond)


def _excess(position: Position, now: datetime) -> int:
    between = {"operator_id": position.operator_id, "above": position.floor, "to": position.delivered}
    count = int(fetch(sql_accounting.OPEN_ABOVE, between)[0][0])
    if surplus(count, position.unsettled):
        above = _entries({**between, "limit": ALL})
        count -= len(above) - len(_settle(position.operator_id, above, now, settled=False))
    return surplus(count, position.unsettled)


def _settle(operator_id: UUID, entries: Sequence[Entry], now: datetime, *, settled: bool) -> list[Entry]:
    """Closes those that have an outcome now; returns the others."""
    judged = judge(operator_id, entries, lambda _: settled, now)
    done = [one for one in entries if one.sequence in judged.outcomes]
    _close(operator_id, done, _by_outcome(done, judged))
    _double(operator_id, judged.doubled, now)
    return [one for one in entries if one.sequence not in judged.outcomes]


def _close(operator_id: UUID, entries: Sequence[Entry], counts: Counter[tuple[datetime, str]]) -> None:
    if entries:
        sequences = [one.sequence for one in entries]
        execute(sql_accounting.OPEN_DONE, {"operator_id": operator_id, "sequences": sequences})
        _add(operator_id, counts)


def _beyond(entry: Entry, now: datetime) -> bool:
    """Its day may have been dropped from the ledger: nobody can tell any more. The rows of a replay of an older
    command stand under the day on which it was given."""
    oldest = ledger_day(now) - timedelta(days=settings.LEDGER_RETENTION_DAYS)
    under = entry.enqueued_at if entry.replay_attempt is None else entry.stored_at
    return under is not None and ledger_day(under) < oldest


def _by_outcome(entries: Iterable[Entry], judged: Judged) -> Counter[tuple[datetime, str]]:
    outcomes = judged.outcomes
    ended = ((one.stored_at, outcomes.get(one.sequence)) for one in entries)
    return Counter((_minute(at), outcome.value) for at, outcome in ended if outcome is not None)


def _add(operator_id: UUID, counts: Counter[tuple[datetime, str]]) -> None:
    minutes: dict[datetime, dict[str, object]] = {}
    for (minute, column), count in counts.items():
        if count:
            minutes.setdefault(minute, {"minute": minute})[column] = count
    if minutes:
        rows = as_json(list(minutes.values()))
        execute(sql_accounting.ADD_MINUTES, {"operator_id": operator_id, "rows": rows})


def _open(operator_id: UUID, entries: Sequence[Entry]) -> None:
    if entries:
        rows = as_json(
            [
                {
                    "stream_seq": one.sequence,
                    "stored_at": one.stored_at,
                    "message_id": one.message_id,
                    "event_id": one.event_id,
                    "enqueued_at": one.enqueued_at,
                    "replay_attempt": one.replay_attempt,
                }
                for one in entries
            ]
        )
        execute(sql_accounting.OPEN_ADD, {"operator_id": operator_id, "rows": rows})


def _double(operator_id: UUID, entries: Iterable[Entry], now: datetime) -> None:
    """Commands that are dead letters and left all the same."""
    rows = [{"message_id": one.message_id, "segment": 0, "operator_id": operator_id, "at": now} for one in entries]
    if rows:
        execute(sql_accounting.DOUBLE_ADD, {"rows": as_json(rows)})


def _entries(given: dict[str, object]) -> list[Entry]:
    return [Entry(*row) for row in fetch(sql_accounting.OPEN_UP_TO, given)]


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
