"""Looks up what the ledger and SMPP_DEAD know of commands; in the caller's transaction (docs/architecture.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import msgspec

from ghasi.contracts.commands import DeadReason
from ghasi.correlations import sql_accounting
from ghasi.correlations.accounting import SKEW, Entry, Outcome, Try, outcome_of, two_outcomes
from ghasi.correlations.db import fetch, lookback_days
from ghasi.correlations.partitions import ledger_day

DEAD_REASONS = [reason.value for reason in DeadReason]
_tries = msgspec.json.Decoder(list[Try])


@dataclass(frozen=True, slots=True)
class Judged:
    """`outcomes` has no entry for a command of which nothing is known; `doubled` are dead letters that left."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    doubled: list[Entry] = field(default_factory=list)


def judge(operator_id: UUID, entries: Sequence[Entry], settled: Callable[[Entry], bool], now: datetime) -> Judged:
    """What became of commands: their own day is looked at first, and the days a repeat is found in for the rest."""
    judged = Judged()
    if not entries:
        return judged
    dead = _dead(operator_id, entries)
    near = {ledger_day(one.enqueued_at) for one in entries if one.enqueued_at is not None}
    rest = _judge(operator_id, entries, tries_of(_named(entries), near), dead, settled, judged)
    if rest:
        far = lookback_days(now, *near)
        _judge(operator_id, rest, tries_of(_named(rest), far), dead, settled, judged)
    return judged


def _judge(
    operator_id: UUID,
    entries: Iterable[Entry],
    tries: dict[UUID, list[Try]],
    dead: set[int],
    settled: Callable[[Entry], bool],
    judged: Judged,
) -> list[Entry]:
    """Returns the entries of which nothing is known."""
    unknown: list[Entry] = []
    for entry in entries:
        own = tries.get(entry.message_id, []) if entry.message_id else []
        is_dead = entry.sequence in dead
        outcome = outcome_of(entry, own, dead=is_dead, settled=settled(entry))
        if outcome is None:
            unknown.append(entry)
            continue
        judged.outcomes[entry.sequence] = outcome
        if is_dead and two_outcomes(entry, operator_id, own):
            judged.doubled.append(entry)
    return unknown


def _named(entries: Iterable[Entry]) -> set[UUID]:
    return {one.message_id for one in entries if one.message_id is not None}


def tries_of(message_ids: Iterable[UUID], days: Iterable[date]) -> dict[UUID, list[Try]]:
    """All rows of the messages in those days' partitions."""
    found: dict[UUID, list[Try]] = defaultdict(list)
    given = {"message_ids": list(message_ids), "days": sorted(days)}
    if given["message_ids"]:
        for one in _tries.decode(fetch(sql_accounting.FIND_TRIES, given)[0][0]):
            found[one.message_id].append(one)
    return found


def _dead(operator_id: UUID, entries: Sequence[Entry]) -> set[int]:
    stored = {one.sequence: one.stored_at for one in entries}
    found = fetch(
        sql_accounting.FIND_DEAD,
        {"operator_id": operator_id, "sequences": list(stored), "reasons": DEAD_REASONS},
    )
    return {sequence for sequence, at in found if at >= stored[sequence] - SKEW}
