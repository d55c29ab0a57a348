"""Finds parts that left twice without a row that says so, whenever it happened (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from ghasi.correlations import sql_accounting
from ghasi.correlations.accounting import Try, doubled_segments
from ghasi.correlations.db import as_json, execute, fetch, locked, lookback_days, repeated
from ghasi.correlations.ids import first_row_id
from ghasi.correlations.judging import tries_of

BEHIND = timedelta(seconds=10)
"""Row ids are made before their transaction ends, on clocks that differ."""
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
PAGE = 5_000


@repeated
def sweep_doubles(now: datetime, behind: timedelta = BEHIND) -> bool:
    """Looks at the later tries claimed since the last call; True where more of them wait.

    The mark stays `BEHIND` whatever `behind` is: what the last seconds bring is looked at again.
    """
    with locked():
        mark = fetch(sql_accounting.DOUBLES_MARK, {})
        since, before = mark[0][0] if mark else BEGINNING, now - behind
        given = {"since": first_row_id(since), "before": first_row_id(before), "limit": PAGE}
        later = [] if before <= since else fetch(sql_accounting.LATER_TRIES, given)
        full = len(later) == PAGE
        end = _moment(later[-1][0]) if full else max(since, min(before, now - BEHIND))
        _note(later, max(end, before))
        execute(sql_accounting.DOUBLES_ADVANCE, {"done_to": end})
    return full


def _note(later: Sequence[tuple[UUID, UUID, date]], moment: datetime) -> None:
    """Serialised by the unique key: a second note of one part changes nothing."""
    days = lookback_days(moment, *(day for _, _, day in later))
    rows = [
        row for tries in tries_of({message_id for _, message_id, _ in later}, days).values() for row in _rows(tries)
    ]
    if rows:
        execute(sql_accounting.DOUBLE_ADD, {"rows": as_json(rows)})


def _rows(tries: Sequence[Try]) -> list[dict[str, object]]:
    newest = max(tries, key=lambda one: one.prepared_at)
    return [
        {
            "message_id": newest.message_id,
            "segment": segment,
            "operator_id": newest.requested_operator_id,
            "at": newest.prepared_at,
        }
        for segment in doubled_segments(tries)
    ]


def _moment(row_id: UUID) -> datetime:
    """When a row id was made, to the millisecond (RFC 9562 §5.7)."""
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)
