"""The ledger's services for the dispatch workers: claim before the hand-over, record after it.

Each call is one transaction; when it returns, what it says is on disk. A row id is the name of one hand-over: a claim
that sends an unsent row again gives it a new id, so that a worker that still holds the old one can neither arm nor
record it. Database errors are raised as Django's; nothing was written then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, ProgrammingError

from ghasi.correlations import sql, sql_receipts
from ghasi.correlations.claiming import Claimer, permitted
from ghasi.correlations.db import (
    as_json,
    by_day,
    fetch,
    fetch_keyed_rows,
    fetch_rows,
    lock_keys,
    locked,
    lookback_days,
    repeated,
    rows_of,
)
from ghasi.correlations.hot import Call, array, transact
from ghasi.correlations.partitions import ensure_partitions, existing_days
from ghasi.correlations.recording import recording
from ghasi.correlations.rows import Row, outcome_of
from ghasi.correlations.texts import fit
from ghasi.correlations.types import Claim, Intent, MessageOutcome, Part, PartFateKind, PartOutcome, Permit, RowStatus
from ghasi.logs import get_logger

_NO_PARTITION = "23514"
_SLOW_CLAIM = {_NO_PARTITION, "42P01", "23505"}
"""A day without a partition, a partition that is not there, a row that somebody else has made."""

log = get_logger()


def claim(
    intents: Sequence[Intent],
    *,
    replica: str,
    epoch: str,
    now: datetime,
    arm: Mapping[UUID, int],
    permit: Permit | None = None,
) -> list[Claim]:
    """One answer per intent, in order (claims.decide has the rules).

    `arm[message_id]` parts of a SEND, the first ones, are handed over now: their rows name the gateway, and a crash
    leaves them to be asked for. The others stay certainly unsent until `arm` names them. A message that `arm` leaves
    out is armed whole. The second intent of a message in one call waits. `permit` is that of all armed now.
    """
    if not intents:
        return []
    to = _HandOver(replica, epoch, now, arm, permit)
    try:
        claims, known = _claim_new(intents, to)
    except (IntegrityError, ProgrammingError) as error:
        # Mostly one of the days has no partition: looked for in those that are there.
        sqlstate = getattr(error.__cause__, "sqlstate", None)
        if sqlstate not in _SLOW_CLAIM:
            raise
        log.warning("ledger.slow_claim", status=sqlstate, count=len(intents))
        claims, known = [], {intent.message_id for intent in intents}
    if not known:
        return claims
    answers = iter(_claim_known([one for one in intents if one.message_id in known], to))
    return [next(answers) if one.message_id in known else claims[index] for index, one in enumerate(intents)]


class _HandOver(NamedTuple):
    """What a claim is made for."""

    replica: str
    epoch: str
    now: datetime
    arm: Mapping[UUID, int]
    permit: Permit | None

    def claimer(self) -> Claimer:
        return Claimer(self.replica, self.epoch, self.now, settings.LEDGER_RETENTION_DAYS, self.permit)


def _claim_known(intents: Sequence[Intent], to: _HandOver) -> list[Claim]:
    try:
        return _claim(intents, to)
    except IntegrityError as error:
        # The day of a command has no partition: the upkeep has not run for days.
        if getattr(error.__cause__, "sqlstate", None) != _NO_PARTITION:
            raise
    ensure_partitions(to.now, settings.LEDGER_RETENTION_DAYS)
    return _claim(intents, to)


@repeated
def _claim_new(intents: Sequence[Intent], to: _HandOver) -> tuple[list[Claim], set[UUID]]:
    """Claims as if no message had rows yet, and the messages that do: of those nothing is written here."""
    claimer = to.claimer()
    claims = [claimer.claim(intent, [], to.arm.get(intent.message_id)) for intent in intents]
    message_ids = list({intent.message_id for intent in intents})
    days = lookback_days(to.now, *(claimer.day_of(intent) for intent in intents))
    _, earlier = transact(
        [
            (sql.OPEN_PLANNED_ONCE, {"keys": array(lock_keys(message_ids))}),
            (sql.claim_new(days), {"rows": claimer.inserts, "message_ids": array(message_ids)}),
        ]
    )
    return claims, {message_id for (message_id,) in earlier}


@repeated
def _claim(intents: Sequence[Intent], to: _HandOver) -> list[Claim]:
    claimer = to.claimer()
    message_ids = {intent.message_id for intent in intents}
    days = lookback_days(to.now, *(claimer.day_of(intent) for intent in intents))
    with locked(message_ids):
        rows = _rows_of(message_ids, days)
        claims = [
            claimer.claim(intent, rows.pop(intent.message_id, []), to.arm.get(intent.message_id))
            for intent in intents
        ]
        claimer.write()
    return claims


def _rows_of(message_ids: set[UUID], days: Sequence[date]) -> dict[UUID, list[Row]]:
    rows: dict[UUID, list[Row]] = {}
    for row in fetch_rows(sql.FIND_MESSAGES, {"message_ids": list(message_ids), "days": list(days)}):
        rows.setdefault(row.message_id, []).append(row)
    return rows


@repeated
def arm(parts: Sequence[Part], *, replica: str, epoch: str, now: datetime, permit: Permit | None = None) -> set[UUID]:
    """Names the gateway of parts about to be handed over; returns the row ids that still were unsent and ours.

    For later parts of a claimed message and for parts that came back NOT_SENT. A part that is not in the answer must
    not be handed over: another claim has it.
    """
    names = {"replica": fit(replica, 128), "epoch": fit(epoch, 128), "now": now, **permitted(permit, now)}
    armed: set[UUID] = set()
    if not parts:
        return armed
    with locked(part.message_id for part in parts):
        for day, ids in by_day((part.enqueued_day, part.row_id) for part in parts):
            rows = as_json([{"id": one} for one in sorted(ids)])
            armed.update(one for (one,) in fetch(sql.on_day(sql.ARM_ROWS, day), {**names, "rows": rows}))
    return armed


def record(outcomes: Sequence[PartOutcome], *, now: datetime) -> list[MessageOutcome]:
    """Writes what became of parts, by compare-and-set: a part that is settled already keeps its state.

    Returns the outcome of each message one of whose rows changed and that has no part pending now (PREPARED, or
    REJECTED with a retry to come), in no order.
    """
    return record_and_look(outcomes, now=now)[0]


@repeated
def record_and_look(
    outcomes: Sequence[PartOutcome], *, now: datetime, look: Sequence[Call] = ()
) -> tuple[list[MessageOutcome], list[list[tuple[Any, ...]]]]:
    """`record`, and the rows of the statements of `look`, which are read after its commit."""
    locks = lock_keys({outcome.message_id for outcome in outcomes})
    calls: list[Call] = [(sql.OPEN, {"keys": array(locks)})]
    for day, some in by_day((outcome.enqueued_day, outcome) for outcome in outcomes):
        calls += recording(day, sorted(some, key=lambda outcome: outcome.row_id.int))
    written = len(calls)
    if several := list({outcome.message_id for outcome in outcomes if not outcome.alone}):
        # Under their locks: of two that settle a message's last parts at once, one sees the other's.
        days = lookback_days(now, *(outcome.enqueued_day for outcome in outcomes))
        calls.append((sql.FIND_MESSAGES, {"message_ids": several, "days": days}))
    answers = transact(calls, look)
    changed = [row for answer in answers[1:written] for row in rows_of(answer)]
    found = [row for answer in answers[written : len(calls)] for row in rows_of(answer)]
    return _settled(changed, found, now), answers[len(calls) :]


@repeated
def standing(outcomes: Sequence[PartOutcome], *, now: datetime) -> list[MessageOutcome]:
    """Outcomes of the messages whose parts stand as `outcomes` say, whoever recorded it: for what comes again
    because its events were not published. A part that something else has settled tells nothing."""
    if not outcomes:
        return []
    said = {outcome.row_id: outcome for outcome in outcomes}
    days = lookback_days(now, *(outcome.enqueued_day for outcome in outcomes))
    with locked():
        messages = _rows_of({outcome.message_id for outcome in outcomes}, days)
    same = [rows for rows in messages.values() if any(_stands_as(row, said.get(row.row_id)) for row in rows)]
    return [outcome for rows in same if (outcome := outcome_of(rows)) is not None]


def _stands_as(row: Row, outcome: PartOutcome | None) -> bool:
    if outcome is None:
        return False
    if outcome.kind is PartFateKind.ACCEPTED:
        return row.proven and row.operator_message_id == fit(outcome.operator_message_id, 64)
    if outcome.kind is PartFateKind.HELD:
        return row.held and row.command_status == outcome.command_status
    return (
        outcome.kind is PartFateKind.REJECTED
        and row.status is RowStatus.REJECTED
        and row.command_status == outcome.command_status
    )


def _settled(changed: Sequence[Row], found: Sequence[Row], now: datetime) -> list[MessageOutcome]:
    """A message of one part that never was in doubt is judged by its row alone; the others by all their rows, which
    were `found` unless nobody could know."""
    messages: dict[UUID, list[Row]] = {}
    for row in found:
        messages.setdefault(row.message_id, []).append(row)
    unknown: set[UUID] = set()
    outcomes: list[MessageOutcome | None] = []
    for row in {row.message_id: row for row in changed}.values():
        if row.message_id in messages:
            outcomes.append(outcome_of(messages[row.message_id]))
        elif row.segments == 1 and row.in_doubt_at is None and row.attempt == 1:
            outcomes.append(outcome_of([row]))
        else:
            unknown.add(row.message_id)
    if unknown:
        days = lookback_days(now, *(row.enqueued_day for row in changed))
        with locked():
            outcomes += [outcome_of(rows) for rows in _rows_of(unknown, days).values()]
    return [outcome for outcome in outcomes if outcome is not None]


def message_outcomes(message_ids: set[UUID], days: Sequence[date]) -> dict[UUID, MessageOutcome]:
    """Outcomes of the messages that have no part pending; in the caller's transaction."""
    found = {message_id: outcome_of(rows) for message_id, rows in _rows_of(message_ids, days).items()}
    return {message_id: outcome for message_id, outcome in found.items() if outcome is not None}


def find_parts(row_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, tuple[UUID, Part]]:
    """Carrier and part by row id, for late responses, which know nothing else of them.

    Looks in the days of the last week first, then in all; an id whose day was dropped, or that was given up for a
    new one, is absent.
    """
    days = lookback_days(now)
    found = _parts(row_ids, days)
    if missing := [one for one in row_ids if one not in found]:
        found |= _parts(missing, [day for day in existing_days() if day not in days])
    return {row.row_id: (row.operator_id, row.part(rows)) for row, rows in _with_tries(found.values(), now)}


@repeated
def _with_tries(found: Iterable[Row], now: datetime) -> list[tuple[Row, list[Row]]]:
    """Each row with its message's rows, where it is not the first try."""
    found = list(found)
    again = [row for row in found if row.attempt > 1]
    if not again:
        return [(row, []) for row in found]
    with locked():
        messages = _rows_of({row.message_id for row in again}, lookback_days(now, *(r.enqueued_day for r in again)))
    return [(row, messages.get(row.message_id, [])) for row in found]


@repeated
def _parts(row_ids: Sequence[UUID], days: Sequence[date]) -> dict[UUID, Row]:
    with locked():
        rows = fetch_keyed_rows(sql_receipts.FIND_ROWS, {"ids": list(row_ids), "days": list(days)})
    return {row.row_id: row for row in rows}
