"""Parts left to a person: which they are, and what a person says of them (docs/architecture.md, "Held").

Said is not done: `order` notes in the row what a person decided, the upkeep settles the part and tells the platform.
So a decision outlives whoever took it, and its event is told at least once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ghasi.contracts import timers
from ghasi.correlations import ledger, sql, sql_held
from ghasi.correlations.db import as_json, by_day, execute, fetch, fetch_keyed_rows, locked, lookback_days, repeated
from ghasi.correlations.rows import ORDER_FAILED, ORDER_SENT, KeyedRow
from ghasi.correlations.types import MessageOutcome, PartFateKind, PartOutcome, RowStatus

__all__ = [
    "ORDER_FAILED",
    "ORDER_SENT",
    "Settled",
    "confirm",
    "counts",
    "fail_overdue",
    "find",
    "kept",
    "order",
    "ordered",
    "settle",
    "undecided",
]

KEPT_FOR = timedelta(hours=timers.CORRELATION_KEPT_HOURS)
"""As long as a receipt may still prove a part in doubt; then a part held because of its status counts as failed."""
SENT_WITHIN = KEPT_FOR - timedelta(seconds=timers.SWEEP_EVERY)
"""The sweep has passed what was submitted before: it would never end the wait for a receipt of such a part."""
BATCH = 500
FAILED_BY_ORDER = "held_failed"


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows whose orders were carried out, and the outcomes of their messages, to be told."""

    rows: tuple[KeyedRow, ...]
    outcomes: tuple[MessageOutcome, ...]


@repeated
def counts() -> dict[UUID, int]:
    """Parts left to a person, by operator."""
    with locked():
        return dict(fetch(sql_held.COUNT_HELD, {}))


@repeated
def find(
    *,
    operator_id: UUID | None = None,
    command_status: int | None = None,
    message_ids: Sequence[UUID] | None = None,
    limit: int = BATCH,
) -> list[KeyedRow]:
    """Parts left to a person, the oldest first; of named messages also those that the policy `fail` has given up."""
    given = {"operator_id": operator_id, "command_status": command_status, "limit": limit}
    return _rows(sql_held.LIST_HELD, {**given, "message_ids": None if message_ids is None else list(message_ids)})


def order(rows: Sequence[KeyedRow], what: str, *, now: datetime) -> int:
    """Notes what a person says of parts; how many still were to be decided."""
    return len(ordered(rows, what, now=now))


@repeated
def ordered(rows: Sequence[KeyedRow], what: str, *, now: datetime) -> set[UUID]:
    """The same; which rows."""
    done: set[UUID] = set()
    with locked({row.message_id for row in rows}):
        for day, ids in by_day((row.enqueued_day, row.row_id) for row in rows):
            named = as_json([{"id": one} for one in sorted(ids)])
            found = fetch(sql.on_day(sql_held.ORDER, day), {"rows": named, "order": what, "now": now})
            done.update(row_id for (row_id,) in found)
    return done


def undecided(row_ids: Sequence[UUID]) -> list[KeyedRow]:
    """Of these rows those that a person may settle: held ones, and others that nothing of ours will settle."""
    return _rows(sql_held.UNDECIDED, {"ids": list(row_ids), "limit": max(1, len(row_ids))})


def fail_overdue(now: datetime) -> int:
    """What nobody has decided for 72 hours is said to have failed; how many parts."""
    overdue = _overdue(now)
    return order(overdue, ORDER_FAILED, now=now) if overdue else 0


@repeated
def _overdue(now: datetime) -> list[KeyedRow]:
    return _rows(sql_held.OVERDUE_HELD, {"before": now - KEPT_FOR, "limit": BATCH})


def settle(now: datetime) -> Settled | None:
    """Carries out orders, a batch at a time; None where there are none. Call `confirm` once the outcomes are told."""
    rows = _ordered()
    if not rows:
        return None
    ledger.record([_outcome(row, now) for row in rows if row.status is RowStatus.IN_DOUBT], now=now)
    return Settled(tuple(rows), tuple(_outcomes(rows, now)))


@repeated
def _ordered() -> list[KeyedRow]:
    return _rows(sql_held.ORDERED, {"limit": BATCH})


def _outcome(row: KeyedRow, now: datetime) -> PartOutcome:
    sent = row.policy_action == ORDER_SENT
    at = row.in_doubt_at or now
    return PartOutcome(
        row_id=row.row_id,
        enqueued_day=row.enqueued_day,
        message_id=row.message_id,
        kind=PartFateKind.ACCEPTED if sent else PartFateKind.REJECTED,
        at=max(at, now - SENT_WITHIN) if sent else at,
        command_status=None if sent else row.command_status,
        reason=None if sent else FAILED_BY_ORDER,
    )


@repeated
def _outcomes(rows: Sequence[KeyedRow], now: datetime) -> list[MessageOutcome]:
    days = lookback_days(now, *(row.enqueued_day for row in rows))
    with locked():
        return list(ledger.message_outcomes({row.message_id for row in rows}, days).values())


@repeated
def confirm(settled: Settled, *, now: datetime) -> None:
    """The platform was told: the orders are done."""
    with locked({row.message_id for row in settled.rows}):
        records = ((row.enqueued_day, {"id": row.row_id, "done": _done(row)}) for row in settled.rows)
        for day, done in by_day(records):
            execute(sql.on_day(sql_held.CONFIRM, day), {"rows": as_json(done), "now": now})


def _done(row: KeyedRow) -> str:
    return sql_held.DONE[row.policy_action or ORDER_FAILED]


def kept(message_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Where in SMPP_DEAD the commands of messages in doubt are kept."""
    return dict(fetch(sql_held.FIND_KEPT, {"message_ids": list(message_ids)}))


def _rows(statement: str, given: dict[str, Any]) -> list[KeyedRow]:
    with locked():
        return fetch_keyed_rows(statement, given)
