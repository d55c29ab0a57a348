"""Receipts that name one part each: found and recorded in one statement (docs/decisions/0017-receipts-in-bulk.md).

Nearly every receipt is the only one of its id in its batch, says something final, and its keys name one part of
the last days, which is SUBMITTED and never was in doubt. There is nothing to decide then: the statement closes the
part as `matching.choose` and `lattice.advance` would have it. All other receipts are left to `receipts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import ProgrammingError

from ghasi.contracts import timers
from ghasi.correlations import sql
from ghasi.correlations.db import as_json, lookback_days, repeated
from ghasi.correlations.hot import transact
from ghasi.correlations.partitions import ledger_day
from ghasi.correlations.sql_direct import INBOX_MAY_HOLD, record_direct
from ghasi.correlations.texts import fit, fit_keys
from ghasi.correlations.types import MatchedReceipt, ReceiptFacts
from ghasi.logs import get_logger

RECENT_DAYS = timers.CORRELATION_KEPT_HOURS // 24 + 1
"""Receipts nearly always belong here; older days are opened only for those that found nothing."""
_NO_PARTITION = "42P01"

log = get_logger()


class Found(msgspec.Struct, frozen=True, array_like=True):
    """A part that was closed, in the order in which `sql_direct` sends it; `n` is its receipt's place."""

    n: int
    message_id: UUID
    segment: int
    segments: int
    attempt: int
    operator_message_id: str | None
    submitted_at: datetime
    traceparent: str | None


_found = msgspec.json.Decoder(list[Found])


def record_plain(
    receipts: Sequence[ReceiptFacts], *, now: datetime
) -> tuple[list[MatchedReceipt], list[ReceiptFacts]]:
    """Records what can be recorded at once; returns that, in order, and the receipts that are left. One operator's.

    A receipt that may stand in the inbox is among those left even where its part was closed: it must be marked there.
    """
    asked = _plain(receipts)
    if not asked:
        return [], list(receipts)
    try:
        found, known = _record([(n, receipts[n]) for n in asked], now)
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != _NO_PARTITION:
            raise
        log.warning("ledger.slow_receipts", count=len(receipts))
        return [], list(receipts)
    if known:
        return [], list(receipts)
    closed = {one.n for one in found}
    left = [facts for n, facts in enumerate(receipts) if n not in closed] if len(closed) < len(receipts) else []
    return [_matched(receipts[one.n], one) for one in sorted(found, key=lambda one: one.n)], left


def _plain(receipts: Sequence[ReceiptFacts]) -> list[int]:
    """Places of those whose keys no other names: the order of several for one part matters."""
    named = Counter([key for facts in receipts for key in facts.lookup_keys])
    operator_id = receipts[0].operator_id if receipts else None
    return [
        n
        for n, facts in enumerate(receipts)
        if facts.final
        and facts.lookup_keys
        and all(named[key] == 1 for key in facts.lookup_keys)
        and facts.unreadable is None
        and facts.operator_id == operator_id
    ]


@repeated
def _record(asked: Sequence[tuple[int, ReceiptFacts]], now: datetime) -> tuple[list[Found], bool]:
    facts = [one for _, one in asked]
    operator_id = facts[0].operator_id
    today = ledger_day(now)
    statement = record_direct(lookback_days(now, back=RECENT_DAYS), [today - timedelta(days=1), today])
    keys = [one.receipt_key for one in facts]
    inbox = {
        "operator_id": operator_id,
        "first": min(keys),
        "last": max(keys),
        "since": min([one.taken_at for one in facts]),
    }
    rows = as_json([_row(n, key, one) for n, one in asked for key in fit_keys(one.lookup_keys)])
    _, answer, ((known,),) = transact(
        [
            (sql.OPEN_PLANNED_ONCE, {"keys": []}),
            (statement, {"operator_id": operator_id, "rows": rows}),
            (INBOX_MAY_HOLD, inbox),
        ]
    )
    return _found.decode(answer[0][0]), known


def _row(n: int, key: str, facts: ReceiptFacts) -> dict[str, object]:
    """One for each key; what they name together is counted by `n`."""
    return {
        "n": n,
        "key": key,
        "state": facts.status,
        "error_code": fit(facts.error_code, 32),
        "at": facts.taken_at,
    }


def _matched(facts: ReceiptFacts, one: Found) -> MatchedReceipt:
    return MatchedReceipt(
        facts=facts,
        message_id=one.message_id,
        segment=one.segment,
        segments=one.segments,
        attempt=one.attempt,
        operator_message_id=one.operator_message_id,
        submitted_at=one.submitted_at,
        traceparent=one.traceparent,
    )
