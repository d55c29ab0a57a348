"""Receipts matched and recorded in the ledger, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from ghasi.correlations import sql, sql_receipts
from ghasi.correlations.db import as_json, by_day, execute, fetch, fetch_keyed_rows, lookback_days
from ghasi.correlations.direct import RECENT_DAYS
from ghasi.correlations.ids import lock_key
from ghasi.correlations.lattice import advance
from ghasi.correlations.ledger import message_outcomes
from ghasi.correlations.matching import Candidate, choose, same_number
from ghasi.correlations.partitions import existing_days
from ghasi.correlations.rows import KeyedRow
from ghasi.correlations.texts import fit, fit_keys
from ghasi.correlations.types import MatchedReceipt, MessageOutcome, Proof, ReceiptFacts, RowStatus
from ghasi.smpp.receipt_ids import former_keys, is_number


class Moved(Exception):
    """A row changed between reading and writing it: run the transaction again."""


Pairs = list[tuple[ReceiptFacts, Candidate]]
RowKey = tuple[UUID, date]


def match_and_record(
    receipts: Sequence[ReceiptFacts], *, now: datetime
) -> tuple[list[tuple[MatchedReceipt, RowKey]], list[ReceiptFacts]]:
    """Records the receipts that name a part; returns them with its row's key, and those that name none.

    Raises Moved where another writer was faster; the caller rolls back and tries again.
    """
    recent = lookback_days(now, back=RECENT_DAYS)
    readable = [facts for facts in receipts if facts.lookup_keys and facts.unreadable is None]
    pairs, rest = _match(readable, recent)
    if rest:
        older, rest = _match(rest, _older_days(now))
        pairs += older
    if rest:
        pairs += _match_former(rest, lookback_days(now))
    taken = {id(facts) for facts, _ in pairs}
    doubtful = {id(one): one for _, one in pairs if one.read.status is RowStatus.IN_DOUBT}
    lock_messages(doubtful.values())
    _record(pairs)
    settled = outcomes_after([*doubtful.values(), *_settled_before(pairs)], now)
    matched = [(as_matched(facts, one, settled), row_key(one)) for facts, one in pairs]
    return matched, [facts for facts in receipts if id(facts) not in taken]


def _older_days(now: datetime) -> list[date]:
    recent = set(lookback_days(now, back=RECENT_DAYS))
    return [day for day in existing_days() if day not in recent]


def candidates_by_id(ids: Sequence[UUID], days: Sequence[date]) -> dict[UUID, Candidate]:
    """Rows by their id, for receipts matched earlier."""
    found = fetch_keyed_rows(sql_receipts.FIND_ROWS, {"ids": list(ids), "days": sorted(set(days))})
    return {row.row_id: Candidate(row) for row in found}


def _match(receipts: Sequence[ReceiptFacts], days: Sequence[date]) -> tuple[Pairs, list[ReceiptFacts]]:
    """In the order of the receipts; one row may be named by several of them."""
    if not receipts or not days:
        return [], list(receipts)
    found: dict[tuple[UUID, str | None], list[Candidate]] = {}
    for candidate in _candidates(receipts, days):
        found.setdefault((candidate.row.operator_id, candidate.row.key), []).append(candidate)
    pairs: Pairs = []
    rest: list[ReceiptFacts] = []
    for facts in receipts:
        choice = choose(
            facts, [c for key in fit_keys(facts.lookup_keys) for c in found.get((facts.operator_id, key), ())]
        )
        if choice is None:
            rest.append(facts)
            continue
        pairs.append((facts, _moved(choice, facts)))
    return pairs, rest


def _match_former(receipts: Sequence[ReceiptFacts], days: Sequence[date]) -> Pairs:
    """Receipts that find nothing may mean parts that were accepted while the operator's ids had another base. Which
    one that was nobody knows any more: so the row's own id has to be that number, and the subscriber the row's."""
    asked = {id(facts): former_keys(facts.operator_message_id, facts.lookup_keys) for facts in receipts}
    keys = {key for some in asked.values() for key in some}
    if not keys:
        return []
    found: dict[tuple[UUID, str | None], list[Candidate]] = {}
    for row in _find(keys, {facts.operator_id for facts in receipts}, days):
        found.setdefault((row.operator_id, row.key), []).append(Candidate(row))
    pairs: Pairs = []
    for facts in receipts if found else ():
        fitting = [
            one
            for key, base in asked[id(facts)].items()
            for one in found.get((facts.operator_id, key), ())
            if is_number(one.row.operator_message_id or "", key, base)
            and same_number(facts.destination, one.row.destination)
        ]
        if choice := choose(facts, fitting):
            pairs.append((facts, _moved(choice, facts)))
    return pairs


def _moved(choice: Candidate, facts: ReceiptFacts) -> Candidate:
    choice.standing = advance(
        choice.standing, state=facts.status, final=facts.final, error_code=facts.error_code, at=facts.taken_at
    )
    return choice


def known_elsewhere(readings: Mapping[ReceiptFacts, Collection[str]], now: datetime) -> set[ReceiptFacts]:
    """Of receipts and the other keys their ids may be read as: those that would then name a part of their
    subscriber's at their operator."""
    keys = {key for some in readings.values() for key in some}
    if not keys:
        return set()
    operator_ids = {facts.operator_id for facts in readings}
    rows = _find(keys, operator_ids, lookback_days(now, back=RECENT_DAYS))
    known = {(row.operator_id, row.key, row.destination) for row in rows}
    return {
        facts
        for facts, some in readings.items()
        for operator_id, key, destination in known
        if operator_id == facts.operator_id and key in some and same_number(destination, facts.destination)
    }


def _candidates(receipts: Sequence[ReceiptFacts], days: Sequence[date]) -> list[Candidate]:
    keys = {key for facts in receipts for key in fit_keys(facts.lookup_keys)}
    return [Candidate(row) for row in _find(keys, {facts.operator_id for facts in receipts}, days)]


def _find(keys: Collection[str], operator_ids: Collection[UUID], days: Sequence[date]) -> list[KeyedRow]:
    names = {"keys": sorted(keys), "operator_ids": list(operator_ids), "days": list(days)}
    return fetch_keyed_rows(sql_receipts.FIND_BY_KEYS, names)


def lock_messages(parts: Iterable[Candidate]) -> None:
    """Parts in doubt that a receipt settles change their message's outcome: its lock comes before its rows'."""
    if keys := sorted({lock_key(one.row.message_id) for one in parts}):
        fetch(sql.OPEN, {"keys": keys})


def _settled_before(pairs: Pairs) -> list[Candidate]:
    """Parts that these very receipts took out of doubt when they came first: what followed may not have been
    published, and no command is left to tell it where the part was held or failed."""
    return [one for facts, one in pairs if one.row.in_doubt_at and one.row.submitted_at == facts.taken_at]


def _record(pairs: Pairs) -> None:
    news = {id(one): one for _, one in pairs if one.standing != one.read}
    for day, some in by_day((one.row.enqueued_day, one) for one in news.values()):
        some.sort(key=lambda one: one.row.row_id.int)
        rows = as_json([_values(one) for one in some])
        if execute(sql.on_day(sql_receipts.RECORD_RECEIPTS, day), {"rows": rows}) != len(some):
            raise Moved


def _values(one: Candidate) -> dict[str, object]:
    return {
        "id": one.row.row_id,
        "status": one.read.status,
        "state": one.read.dlr_state,
        "new_status": one.standing.status,
        "new_state": one.standing.dlr_state,
        "error_code": fit(one.standing.error_code, 32),
        "at": one.standing.dlr_received_at,
    }


def outcomes_after(parts: Sequence[Candidate], now: datetime) -> dict[UUID, MessageOutcome]:
    """How the messages of these parts stand now; those with a part pending are left out."""
    if not parts:
        return {}
    days = lookback_days(now, *(one.row.enqueued_day for one in parts))
    return message_outcomes({one.row.message_id for one in parts}, days)


def row_key(one: Candidate) -> RowKey:
    return one.row.row_id, one.row.enqueued_day


def as_matched(
    facts: ReceiptFacts, one: Candidate, settled: dict[UUID, MessageOutcome], proof: Proof | None = None
) -> MatchedReceipt:
    """The outcome goes with the first receipt of the message only, and is taken out of `settled`."""
    return MatchedReceipt(
        facts=facts,
        message_id=one.row.message_id,
        segment=one.row.segment,
        segments=one.row.segments,
        attempt=one.row.attempt,
        operator_message_id=one.row.operator_message_id,
        submitted_at=one.row.submitted_at,
        traceparent=one.row.traceparent,
        settled=settled.pop(one.row.message_id, None),
        proof=proof,
    )


def matched_earlier(pairs: Pairs, now: datetime) -> list[MatchedReceipt]:
    """Receipts whose match was recorded before, as their events need them."""
    settled = outcomes_after(_settled_before(pairs), now)
    return [as_matched(facts, one, settled) for facts, one in pairs]
