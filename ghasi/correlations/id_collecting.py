"""Pairs of ids from the ledger and the inbox, in bounded numbers (docs/architecture.md, "Ids that differ")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from ghasi.correlations import sql_ids, sql_receipts
from ghasi.correlations.db import fetch, fetch_keyed_rows, locked, lookback_days
from ghasi.correlations.direct import RECENT_DAYS
from ghasi.correlations.id_pairs import Found, Source, by_facts, by_hits, confirmed, kept, keys_to_try
from ghasi.correlations.ids import moment_of
from ghasi.correlations.inbox_rows import fetch_waiting
from ghasi.correlations.partitions import ledger_day
from ghasi.correlations.proof import Doubt
from ghasi.correlations.rows import DoubtfulRow, KeyedRow
from ghasi.correlations.texts import fit_keys
from ghasi.correlations.types import ReceiptFacts
from ghasi.smpp.id_inference import Pair
from ghasi.smpp.id_relation import Relation
from ghasi.smpp.receipt_ids import id_keys

WAITING_READ = 200
"""Receipts of an operator that are looked at in one turn."""
PARTS_READ = 2000
"""Parts for their numbers; where there are more, none of them is the only one that can be meant."""

_rows = msgspec.json.Decoder(list[DoubtfulRow])


def collect(operator_id: UUID, known: Sequence[Relation], *, since: datetime, now: datetime) -> list[Found]:
    """Pairs of the newest receipts that have waited since `since` at most; `known` are relations of the operator."""
    with locked():
        names = {"operator_id": operator_id, "since": since, "limit": WAITING_READ}
        receipts = [one.facts() for one in fetch_waiting(sql_ids.NEWEST_WAITING, names)]
        if not receipts:
            return []
        found = by_facts(receipts, _parts_to(operator_id, receipts, now))
        tried = keys_to_try(receipts, known)
        return found + by_hits(tried, _rows_under(operator_id, {key for some in tried.values() for key in some}, now))


def collect_late(named: Mapping[UUID, str], *, now: datetime) -> dict[UUID, Found]:
    """Row id → pair, for responses (row id → id) that came after a receipt had given their part its own id."""
    days = lookback_days(now, *(ledger_day(moment_of(one)) for one in named))
    with locked():
        found = fetch(sql_ids.NAMED_BY_RECEIPT, {"ids": list(named), "days": days})
    return {
        row_id: one
        for row_id, receipt_id, destination in found
        for one in kept(Pair(named[row_id], receipt_id), Source.LATE, destination)
    }


def confirm(operator_id: UUID, matched: Mapping[Pair, str], *, now: datetime) -> list[Found]:
    """Of receipts matched by id (pair → their subscriber's number): those whose part went there."""
    keys = {key for pair in matched for key in id_keys(pair.response_id)}
    with locked():
        return confirmed(matched, _rows_under(operator_id, keys, now))


def _parts_to(operator_id: UUID, receipts: Sequence[ReceiptFacts], now: datetime) -> list[Doubt]:
    numbers = {facts.destination for facts in receipts if facts.destination}
    names = {
        "operator_id": operator_id,
        "destinations": sorted(numbers | {f"+{one}" for one in numbers}),
        "days": lookback_days(now, back=RECENT_DAYS),
        "limit": PARTS_READ,
    }
    rows = _rows.decode(fetch(sql_ids.PARTS_TO, names)[0][0])
    may_have_left = [row for row in rows if row.operator_message_id or row.may_have_left]
    return [Doubt(row) for row in may_have_left] if len(rows) < PARTS_READ else []


def _rows_under(operator_id: UUID, keys: set[str], now: datetime) -> list[KeyedRow]:
    if not keys:
        return []
    days = lookback_days(now, back=RECENT_DAYS)
    return fetch_keyed_rows(
        sql_receipts.FIND_BY_KEYS, {"keys": fit_keys(keys), "operator_ids": [operator_id], "days": days}
    )
