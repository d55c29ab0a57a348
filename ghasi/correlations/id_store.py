"""Id relations and their pairs in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from ghasi.correlations import sql_ids
from ghasi.correlations.db import as_json, execute, fetch
from ghasi.correlations.id_pairs import Found, Source, Stored
from ghasi.correlations.id_states import Standing, State
from ghasi.correlations.models_ids import IdRelation
from ghasi.correlations.texts import fit
from ghasi.smpp.id_inference import Pair
from ghasi.smpp.id_relation import Relation, parse_relation

KEPT = 100
"""Pairs of an operator found without the id, and as many of receipts matched by it."""


def in_force() -> dict[str, Relation]:
    """By operator: how its receipt ids are read, where not as they stand."""
    return {
        str(operator_id): relation
        for operator_id, text in fetch(sql_ids.IN_FORCE, {})
        if (relation := relation_of(text)) is not None
    }


def relation_of(text: str | None) -> Relation | None:
    """None also for what a later version may have written and this one cannot read."""
    try:
        return None if text is None else parse_relation(text)
    except ValueError:
        return None


def add_pairs(operator_id: UUID, found: Iterable[Found], now: datetime) -> int:
    """Returns how many were new; the oldest beyond `KEPT` go."""
    rows = [
        {
            "response_id": fit(one.pair.response_id, 64),
            "receipt_id": fit(one.pair.receipt_id, 80),
            "source": one.source,
        }
        for one in found
    ]
    if not rows:
        return 0
    added = execute(sql_ids.ADD_PAIRS, {"operator_id": operator_id, "rows": as_json(rows), "now": now})
    if added:
        execute(sql_ids.TRIM_PAIRS, {"operator_id": operator_id, "kept": KEPT})
    return added


def pairs(operator_id: UUID) -> list[Stored]:
    """The newest first."""
    return [
        Stored(Pair(response, receipt), Source(source), seen_at)
        for response, receipt, source, seen_at in fetch(sql_ids.PAIRS, {"operator_id": operator_id})
    ]


def newest_pair(operator_id: UUID) -> datetime | None:
    """When the last pair was added."""
    found: datetime | None = fetch(sql_ids.NEWEST_PAIR, {"operator_id": operator_id})[0][0]
    return found


def count_receipts(operator_id: UUID, taken: int, missed: int) -> None:
    """Receipts taken in and those of them without a part; only counted while a relation is in force."""
    execute(sql_ids.COUNT_RECEIPTS, {"operator_id": operator_id, "taken": taken, "missed": missed})


def known() -> list[IdRelation]:
    """Every operator that was ever looked at, in order of its id."""
    return list(IdRelation.objects.order_by("operator_id"))


def standing_of(row: IdRelation) -> Standing:
    return Standing(
        state=State(row.state),
        changed_at=row.changed_at,
        in_force=row.in_force,
        candidate=row.candidate,
        rejected=frozenset(row.rejected),
        in_force_at=row.in_force_at,
        changed_by=row.changed_by,
        usual_misfits=row.usual_misfits,
    )


def held(operator_id: UUID, now: datetime) -> IdRelation:
    """The operator's row, made where there is none; within a transaction nobody else changes it meanwhile."""
    made = {"state": State.NONE.value, "changed_at": now, "changed_by": "", "judged_at": now}
    IdRelation.objects.get_or_create(operator_id=operator_id, defaults=made)
    return IdRelation.objects.select_for_update().get(operator_id=operator_id)


def save(row: IdRelation, standing: Standing, evidence: dict[str, Any], now: datetime) -> None:
    """A relation that is newly in force is measured anew."""
    if standing.in_force_at != row.in_force_at:
        row.usual_misses = row.window_at = None
        row.taken = row.missed = row.window_taken = row.window_missed = 0
    row.state = standing.state.value
    row.changed_at = standing.changed_at
    row.in_force, row.candidate = standing.in_force, standing.candidate
    row.rejected = sorted(standing.rejected)
    row.in_force_at = standing.in_force_at
    row.changed_by = standing.changed_by
    row.usual_misfits = standing.usual_misfits
    row.evidence = evidence
    row.judged_at = now
    row.save()


def responses(operator_id: UUID, first: UUID, days: Sequence[object], limit: int, read: int) -> Collection[str]:
    """Response ids of parts made since the row id `first`."""
    names = {"operator_id": operator_id, "first": first, "days": list(days), "limit": limit, "read": read}
    return [one for (one,) in fetch(sql_ids.RECENT_RESPONSES, names)]


atomic = transaction.atomic
