"""Receipts that wait in the inbox prove parts in doubt (docs/architecture.md, receipts); `proof` has the rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from ghasi.contracts import timers
from ghasi.correlations import sql, sql_proof
from ghasi.correlations.db import as_json, by_day, execute, fetch, locked, lookback_days, repeated
from ghasi.correlations.inbox_rows import Identity, fetch_waiting, key, mark_matched
from ghasi.correlations.lattice import advance
from ghasi.correlations.proof import Doubt, Proven, Undecided, decide, other_readings
from ghasi.correlations.receipts import (
    Moved,
    RowKey,
    as_matched,
    known_elsewhere,
    lock_messages,
    match_and_record,
    outcomes_after,
    row_key,
)
from ghasi.correlations.rows import DoubtfulRow
from ghasi.correlations.texts import fit, fit_keys
from ghasi.correlations.types import MatchedReceipt, ReceiptFacts

MATCHABLE = timedelta(hours=timers.INBOX_MATCHABLE_HOURS)
AT_ONCE = 50
MOST_WAITING = 2000
"""Receipts for one turn's subscribers; where more wait, nothing is proven, because all of them must be seen."""
_TAIL = 8
_TRIES = 5

Subscriber = tuple[UUID, str]
"""An operator, and the last digits of a number behind it."""
T = TypeVar("T")
_rows = msgspec.json.Decoder(list[DoubtfulRow])


def prove(
    receipts: Iterable[ReceiptFacts], *, now: datetime, fresh: frozenset[Identity] = frozenset()
) -> list[MatchedReceipt]:
    """What waits for the subscribers of these receipts, as far as it proves parts; `fresh` as in `mark_matched`.

    Receipts that meanwhile are found by their id are among it.
    """
    named = {_subscriber(facts) for facts in receipts if facts.destination}
    return _prove(named.intersection(_doubtful(named, now)), now, fresh) if named else []


def prove_waiting(*, now: datetime, since: datetime, limit: int) -> list[MatchedReceipt]:
    """The same for parts that came into doubt after `since`, of `limit` subscribers at most."""
    found = _subscribers(now, since, limit)
    return _prove(found, now, frozenset())


def until_still(step: Callable[[], T]) -> T:
    """Again while another writer moves a row between its reading and its writing."""
    for _ in range(_TRIES - 1):
        try:
            return step()
        except Moved:
            continue
    return step()


def _subscriber(facts: ReceiptFacts) -> Subscriber:
    return facts.operator_id, facts.destination[-_TAIL:]


@repeated
def _doubtful(subscribers: Collection[Subscriber], now: datetime) -> list[Subscriber]:
    with locked():
        found = fetch(sql_proof.DOUBTFUL_SUBSCRIBERS, _in_doubt(subscribers, now))
    return [(operator_id, tail) for operator_id, tail in found]


@repeated
def _subscribers(now: datetime, since: datetime, limit: int) -> list[Subscriber]:
    with locked():
        return [
            (operator_id, tail)
            for operator_id, tail in fetch(
                sql_proof.SUBSCRIBERS_IN_DOUBT,
                {"since": since, "taken_since": now - MATCHABLE, "days": lookback_days(now), "limit": limit},
            )
        ]


def _prove(subscribers: Collection[Subscriber], now: datetime, fresh: frozenset[Identity]) -> list[MatchedReceipt]:
    everyone = sorted(subscribers)
    matched: list[MatchedReceipt] = []
    for start in range(0, len(everyone), AT_ONCE):
        some = everyone[start : start + AT_ONCE]
        matched += until_still(lambda some=some: _prove_once(some, now, fresh))  # type: ignore[misc]
    return matched


@repeated
def _prove_once(subscribers: Sequence[Subscriber], now: datetime, fresh: frozenset[Identity]) -> list[MatchedReceipt]:
    """Reads what may be meant, then all that waits for these subscribers; matches that by id, then proves the rest.

    In this order: a part that gets its id meanwhile is still seen without it, or found by it.
    """
    with locked():
        parts = _parts(subscribers, now)
        if not any(part.provable for part in parts):
            return []
        waiting = _waiting_for({(part.row.operator_id, part.row.destination[-_TAIL:]) for part in parts}, now)
        found, rest = match_and_record(waiting, now=now)
        if len(waiting) < MOST_WAITING:
            found += _proven(rest, parts, now)
        if found:
            mark_matched(found, now, fresh=fresh)
    return [receipt for receipt, _ in found]


def _parts(subscribers: Collection[Subscriber], now: datetime) -> list[Doubt]:
    found = fetch(sql_proof.PARTS_IN_DOUBT, _in_doubt(subscribers, now))
    return [Doubt(row) for row in _rows.decode(found[0][0])]


def _waiting_for(subscribers: Collection[Subscriber], now: datetime) -> list[ReceiptFacts]:
    names = {**_names(subscribers), "since": now - MATCHABLE, "limit": MOST_WAITING}
    return [one.facts() for one in fetch_waiting(sql_proof.INBOX_OF_SUBSCRIBERS, names)]


def _in_doubt(subscribers: Collection[Subscriber], now: datetime) -> dict[str, object]:
    return {**_names(subscribers), "since": now - MATCHABLE, "days": lookback_days(now)}


def _names(subscribers: Collection[Subscriber]) -> dict[str, object]:
    return {
        "operator_ids": list({operator_id for operator_id, _ in subscribers}),
        "tails": sorted({tail for _, tail in subscribers}),
    }


def _proven(
    receipts: Sequence[ReceiptFacts], parts: Sequence[Doubt], now: datetime
) -> list[tuple[MatchedReceipt, RowKey]]:
    elsewhere = known_elsewhere({facts: other_readings(facts) for facts in receipts}, now)
    proven, undecided = _decide([facts for facts in receipts if facts not in elsewhere], parts)
    _say_undecided(receipts, undecided)
    lock_messages(one.part for one in proven)
    _record(proven)
    settled = outcomes_after([one.part for one in proven], now)
    matched: list[tuple[MatchedReceipt, RowKey]] = []
    for one in proven:
        for number, facts in enumerate(one.receipts):
            by = one.by if number == 0 else None
            matched.append((as_matched(facts, one.part, settled, by), row_key(one.part)))
    return matched


def _decide(receipts: Sequence[ReceiptFacts], parts: Sequence[Doubt]) -> tuple[list[Proven], list[Undecided]]:
    """Subscriber by subscriber: no receipt of one means a part of another."""
    proven: list[Proven] = []
    undecided: list[Undecided] = []
    theirs: dict[Subscriber, list[Doubt]] = {}
    for part in parts:
        theirs.setdefault((part.row.operator_id, part.row.destination[-_TAIL:]), []).append(part)
    for subscriber, some in theirs.items():
        found, open_ones = decide([facts for facts in receipts if _subscriber(facts) == subscriber], some)
        proven += found
        undecided += open_ones
    return proven, undecided


def _say_undecided(receipts: Sequence[ReceiptFacts], undecided: Sequence[Undecided]) -> None:
    """For the staff: why a receipt that may mean a part in doubt still waits."""
    texts = {facts: f"{one.ids} ids, {one.parts} parts" for one in undecided for facts in one.receipts}
    if receipts:
        rows = as_json([{**key(facts), "undecided": texts.get(facts)} for facts in receipts])
        execute(sql_proof.INBOX_UNDECIDED, {"rows": rows})


def _record(proven: Sequence[Proven]) -> None:
    for one in proven:
        for facts in one.receipts:
            one.part.standing = advance(
                one.part.standing,
                state=facts.status,
                final=facts.final,
                error_code=facts.error_code,
                at=facts.taken_at,
            )
    for day, some in by_day((one.part.row.enqueued_day, one) for one in proven):
        some.sort(key=lambda one: one.part.row.row_id.int)
        rows = as_json([_values(one) for one in some])
        if execute(sql.on_day(sql_proof.PROVE_ROWS, day), {"rows": rows}) != len(some):
            raise Moved
    for one in proven:
        one.part.row = replace(
            one.part.row,
            operator_message_id=_name(one),
            submitted_at=one.part.standing.dlr_received_at,
        )


def _values(one: Proven) -> dict[str, object]:
    standing = one.part.standing
    return {
        "id": one.part.row.row_id,
        "new_status": standing.status,
        "new_state": standing.dlr_state,
        "error_code": fit(standing.error_code, 32),
        "at": standing.dlr_received_at,
        "operator_message_id": _name(one),
        "keys": fit_keys(one.receipts[0].lookup_keys),
    }


def _name(one: Proven) -> str | None:
    return fit(one.receipts[0].operator_message_id, 64)
