"""Id matching that learns: what is looked at, what follows from it, and what a person says to it.

By what is in force the receipts pool reads the ids of receipts (`id_store.in_force`); those that wait get new keys
(`id_rekeying`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from ghasi.correlations import id_store
from ghasi.correlations.db import lookback_days, repeated
from ghasi.correlations.id_collecting import collect
from ghasi.correlations.id_evidence import evidence_of
from ghasi.correlations.id_pairs import Stored
from ghasi.correlations.id_states import Drift, NothingToDecide, Standing, accepted, judged, misfits, rejected
from ghasi.correlations.ids import first_row_id
from ghasi.correlations.models_ids import IdRelation
from ghasi.correlations.proof import CLOCKS
from ghasi.smpp.id_inference import Verdict, infer
from ghasi.smpp.id_relation import TEXT

RESPONSES_SINCE = timedelta(hours=1)
RESPONSES_LOOKED_AT = 2000
RESPONSES_READ = 20_000
SETTLING = timedelta(seconds=60)
"""After a change some process may have read a receipt by what was in force before."""
MISSES = "misses"
WINDOW = timedelta(minutes=5)
WINDOW_FROM = 50
"""Receipts at least, and time at least, over which the share without a part is measured."""


class Look(NamedTuple):
    """An operator before and after a look. `misfits` is the share of pairs, of those seen while the relation was in
    force, that it does not bring together."""

    operator_id: UUID
    before: Standing
    after: Standing
    misfits: float = 0.0

    @property
    def changed(self) -> bool:
        return self.before.state is not self.after.state or self.before.in_force != self.after.in_force


def look(operator_id: UUID, *, since: datetime, now: datetime) -> Look | None:
    """Collects the operator's new pairs and judges it by all. None for one that has neither pairs nor a standing."""
    row = IdRelation.objects.filter(operator_id=operator_id).first()
    texts = [] if row is None else [row.in_force, row.candidate]
    known = [one for text in texts if (one := id_store.relation_of(text)) is not None]
    found = collect(operator_id, known, since=since, now=now)
    id_store.add_pairs(operator_id, found, now)
    newest = id_store.newest_pair(operator_id)
    if row is None and newest is None:
        return None
    if row is None or (newest is not None and newest > row.judged_at - CLOCKS) or _measured_again(row, now):
        return _judge(operator_id, now)
    standing = id_store.standing_of(row)
    return Look(operator_id, standing, standing)


def accept(operator_id: UUID, *, by: str, now: datetime, seen: str | None = None) -> Standing:
    """A person accepts what is proposed; where `seen` is given, only that. Raises NothingToDecide."""
    with id_store.atomic():
        row = id_store.held(operator_id, now)
        _still(row.candidate, seen)
        pairs = [one.pair for one in id_store.pairs(operator_id)]
        standing = accepted(id_store.standing_of(row), pairs, by, now)
        id_store.save(row, standing, row.evidence, now)
    return standing


def reject(operator_id: UUID, *, by: str, now: datetime, seen: str | None = None) -> Standing:
    """A person rejects what is proposed, else what is in force; where `seen` is given, only that. Raises
    NothingToDecide."""
    with id_store.atomic():
        row = id_store.held(operator_id, now)
        _still(row.candidate or row.in_force, seen)
        standing = rejected(id_store.standing_of(row), by, now)
        id_store.save(row, standing, row.evidence, now)
    return standing


def check_seen(row: IdRelation, seen: str, *, accepts: bool) -> None:
    """Before a person is asked for a reason. Raises NothingToDecide as `accept` and `reject` do."""
    _still(row.candidate if accepts else row.candidate or row.in_force, seen)


def _still(stands: str | None, seen: str | None) -> None:
    """Raises NothingToDecide where something else stands by now than a person has seen."""
    if seen is not None and stands != seen:
        raise NothingToDecide(f"It has changed meanwhile: {stands or 'nothing'} is to be decided now.")


def _measured_again(row: IdRelation, now: datetime) -> bool:
    """Whether it is time for the share of receipts without a part."""
    return row.in_force is not None and (row.window_at is None or now - row.window_at >= WINDOW)


@repeated
def _judge(operator_id: UUID, now: datetime) -> Look:
    with id_store.atomic():
        row = id_store.held(operator_id, now)
        before = id_store.standing_of(row)
        stored = id_store.pairs(operator_id)
        verdict = _verdict(operator_id, stored, now)
        drift = _drift(row, stored, now)
        after = judged(before, verdict, drift, now)
        evidence = {**evidence_of(verdict, stored), **{k: v for k, v in row.evidence.items() if k == MISSES}}
        id_store.save(row, after, evidence, now)
    return Look(operator_id, before, after, drift.share)


def _verdict(operator_id: UUID, stored: list[Stored], now: datetime) -> Verdict:
    """The ids of late are only read where they could make a difference."""
    pairs = [one.pair for one in stored]
    verdict = infer(pairs)
    if not verdict.certain or verdict.best == TEXT:
        return verdict
    first = first_row_id(now - RESPONSES_SINCE)
    responses = id_store.responses(operator_id, first, lookback_days(now), RESPONSES_LOOKED_AT, RESPONSES_READ)
    return infer(pairs, responses)


def _drift(row: IdRelation, stored: list[Stored], now: datetime) -> Drift:
    relation = id_store.relation_of(row.in_force)
    if relation is None or row.in_force_at is None:
        return Drift()
    since = row.in_force_at + SETTLING
    lost, parts = misfits(relation, [one.pair for one in stored if one.seen_at >= since])
    return Drift(lost, parts, _more_misses(row, now))


def _more_misses(row: IdRelation, now: datetime) -> float:
    """Share of receipts without a part in the last whole window, above that of the first one."""
    if row.window_at is None:
        row.window_at, row.window_taken, row.window_missed = now, row.taken, row.missed
        return 0.0
    taken = row.taken - row.window_taken
    if now - row.window_at < WINDOW or taken < WINDOW_FROM:
        return _last_excess(row)
    share = (row.missed - row.window_missed) / taken
    row.window_at, row.window_taken, row.window_missed = now, row.taken, row.missed
    if row.usual_misses is None:
        row.usual_misses = share
    row.evidence = {**row.evidence, MISSES: share}
    return max(0.0, share - row.usual_misses)


def _last_excess(row: IdRelation) -> float:
    share: float | None = row.evidence.get(MISSES)
    return 0.0 if share is None or row.usual_misses is None else max(0.0, share - row.usual_misses)
