"""Receipts meet their parts, now or later (docs/contract.md §3, §8, §9).

A receipt that finds no part waits in the inbox: its `submit_sm_resp` may still be on the way. It is matched when the
part gets its id (`rematch`) or by the sweep; after ten minutes its event goes out without a message, and it stays
matchable for 72 hours. Of a receipt only its facts are kept; its frame and its text, which may quote the message, are
not.

What `rematch` and `sweep_inbox` return is no longer in any stream: after its event is published, say so with
`confirm_published` or `confirm_given_up`. What is not confirmed comes again from the sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from ghasi.contracts import timers
from ghasi.correlations import sql
from ghasi.correlations.db import columns, execute, fetch, locked, repeated
from ghasi.correlations.receipts import Moved, candidates_by_id, match_and_record, matched_earlier
from ghasi.correlations.texts import fit
from ghasi.correlations.types import MatchedReceipt, ReceiptFacts

GIVE_UP_AFTER = timedelta(seconds=timers.INBOX_UNMATCHED_AFTER)
MATCHABLE = timedelta(hours=timers.INBOX_MATCHABLE_HOURS)
KEPT = timedelta(days=7)
"""For the staff; unreadable and unmatched receipts of older days are forgotten."""
PUBLISH_AGAIN_AFTER = timedelta(seconds=30)

_TRIES = 5
T = TypeVar("T")
_Waiting = tuple[str, dict[str, Any]]


def take_receipts(receipts: Sequence[ReceiptFacts], *, now: datetime) -> list[MatchedReceipt]:
    """Records receipts fresh from SMPP_RECEIPTS; those without a part are in the inbox when it returns.

    Publish the events of what it returns before acknowledging: the stream is what brings them again after a crash.
    """
    if not receipts:
        return []
    matched, rest = _until_still(lambda: _take(receipts, now))
    if not rest:
        return matched
    # A part may have got its id after it was looked for and before its receipt stood in the inbox, where the
    # rematch of its response would have found it: whoever comes second looks again.
    keys = [key for facts in rest for key in facts.lookup_keys[:1]]
    for operator_id in {facts.operator_id for facts in rest}:
        matched += _rematch(_waiting_for(operator_id, keys, now), now, published=True)
    return matched


def rematch(operator_id: UUID, lookup_keys: Iterable[str], *, now: datetime) -> list[MatchedReceipt]:
    """Receipts that waited for parts which have just got their ids, or were settled by a late response."""
    keys = sorted(set(lookup_keys))
    return _rematch(_waiting_for(operator_id, keys, now), now) if keys else []


def sweep_inbox(*, now: datetime, limit: int = 1000) -> tuple[list[MatchedReceipt], list[ReceiptFacts]]:
    """Matches what waits (the `limit` longest untried), and tells what is to be published without a message.

    Returns also receipts matched before whose event nobody confirmed. Unreadable receipts stay in the inbox only:
    nothing in them can be told. Safe to run twice and at once.
    """
    waiting: _Waiting = (sql.INBOX_OLDEST_TRIED, {"since": now - MATCHABLE, "limit": limit})
    matched = _rematch(waiting, now)
    matched += _unconfirmed(now, limit)
    given_up = fetch(sql.INBOX_UNMATCHED, {"before": now - GIVE_UP_AFTER, "limit": limit})
    execute(sql.INBOX_FORGET, {"before": now - KEPT, "limit": limit})
    return matched, [_facts(record) for record in given_up]


def confirm_published(matched: Iterable[MatchedReceipt], *, now: datetime) -> None:
    """The events of these receipts are stored. Receipts that never were in the inbox do no harm."""
    _confirm(sql.INBOX_PUBLISHED, [one.facts for one in matched], now)


def confirm_given_up(receipts: Iterable[ReceiptFacts], *, now: datetime) -> None:
    """The events without a message of these receipts are stored."""
    _confirm(sql.INBOX_GIVEN_UP, receipts, now)


def inbox_size(limit: int = 100_000) -> int:
    """Receipts without a part, counted up to `limit`."""
    return int(fetch(sql.INBOX_SIZE, {"limit": limit})[0][0])


@repeated
def _take(receipts: Sequence[ReceiptFacts], now: datetime) -> tuple[list[MatchedReceipt], list[ReceiptFacts]]:
    with locked():
        matched, rest = match_and_record(receipts, now=now)
        if rest:
            _insert(rest, now)
        if matched:
            # A delivery that came again may have left the receipt in the inbox the first time.
            _mark_matched(matched, now, published=True)
    return [receipt for receipt, _ in matched], rest


@repeated
def _rematch_once(waiting: _Waiting, now: datetime, published: bool) -> list[MatchedReceipt]:
    with locked():
        facts = [_facts(record) for record in fetch(*waiting)]
        if not facts:
            return []
        matched, rest = match_and_record(facts, now=now)
        if matched:
            _mark_matched(matched, now, published=published)
        if rest:
            execute(sql.INBOX_TRIED, {**_keys(rest), "now": now})
    return [receipt for receipt, _ in matched]


def _rematch(waiting: _Waiting, now: datetime, *, published: bool = False) -> list[MatchedReceipt]:
    return _until_still(lambda: _rematch_once(waiting, now, published))


def _until_still(step: Callable[[], T]) -> T:
    """Again while another writer moves a row between its reading and its writing."""
    for _ in range(_TRIES - 1):
        try:
            return step()
        except Moved:
            continue
    return step()


def _waiting_for(operator_id: UUID, keys: Sequence[str], now: datetime) -> _Waiting:
    return sql.INBOX_WAITING_FOR, {"operator_id": operator_id, "keys": list(keys), "since": now - MATCHABLE}


def _unconfirmed(now: datetime, limit: int) -> list[MatchedReceipt]:
    records = fetch(sql.INBOX_UNPUBLISHED, {"before": now - PUBLISH_AGAIN_AFTER, "limit": limit})
    if not records:
        return []
    found = candidates_by_id([record[-2] for record in records], [record[-1] for record in records])
    return [matched_earlier(_facts(record), found[record[-2]]) for record in records if record[-2] in found]


def _insert(receipts: Sequence[ReceiptFacts], now: datetime) -> None:
    names = (*(name for name, _ in sql.INBOX_COLUMNS), "keys")
    execute(sql.INBOX_INSERT, {**columns(names, (_values(facts) for facts in receipts)), "now": now})


def _values(facts: ReceiptFacts) -> tuple[object, ...]:
    """In the order of sql.INBOX_COLUMNS, then the joined keys."""
    return (
        facts.operator_id,
        facts.receipt_key,
        facts.taken_at,
        fit(facts.operator_message_id, 80),
        facts.status,
        fit(facts.stat, 32),
        facts.final,
        fit(facts.error_code, 32),
        facts.done_at,
        fit(facts.destination, 32),
        fit(facts.sender, 32),
        fit(facts.unreadable, 64),
        "\x1f".join(facts.lookup_keys).replace("\x00", ""),
    )


def _facts(record: Sequence[Any]) -> ReceiptFacts:
    """The inverse of `_values`; `record` begins with sql.INBOX_COLUMNS and the keys."""
    names = [name for name, _ in sql.INBOX_COLUMNS]
    values = dict(zip(names, record, strict=False))
    return ReceiptFacts(**values, lookup_keys=tuple(record[len(names)] or ()))


def _keys(receipts: Iterable[ReceiptFacts]) -> dict[str, list[Any]]:
    return columns(
        ("operator_id", "receipt_key", "taken_at"),
        ((facts.operator_id, facts.receipt_key, facts.taken_at) for facts in receipts),
    )


def _mark_matched(
    matched: Sequence[tuple[MatchedReceipt, tuple[UUID, date]]], now: datetime, *, published: bool
) -> None:
    rows = {"row_id": [row_id for _, (row_id, _) in matched], "day": [day for _, (_, day) in matched]}
    keys = _keys(receipt.facts for receipt, _ in matched)
    execute(sql.INBOX_MATCHED, {**keys, **rows, "now": now, "published": now if published else None})


def _confirm(statement: str, receipts: Iterable[ReceiptFacts], now: datetime) -> None:
    keys = _keys(receipts)
    if keys["receipt_key"]:
        execute(statement, {**keys, "now": now})
