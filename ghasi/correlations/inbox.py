"""Receipts meet their parts, now or later (docs/contract.md §3, §8, §9).

A receipt that finds no part waits in the inbox: its `submit_sm_resp` may still be on the way. It is matched when the
part gets its id (`rematch`) or by the sweep; after ten minutes its event goes out without a message, and it stays
matchable for 72 hours. Of a receipt only its facts are kept; its frame and its text, which may quote the message, are
not.

What `rematch` and `sweep_inbox` return is no longer in any stream: after its event is published, say so with
`confirm_published` or `confirm_given_up`. What is not confirmed comes again from the sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from ghasi.contracts import timers
from ghasi.correlations import sql_inbox
from ghasi.correlations.db import as_json, execute, fetch, locked, repeated
from ghasi.correlations.direct import record_plain
from ghasi.correlations.hot import Call
from ghasi.correlations.inbox_rows import Identity, fetch_waiting, identity, insert, key, mark_matched
from ghasi.correlations.proving import MATCHABLE, prove, prove_waiting, until_still
from ghasi.correlations.receipts import candidates_by_id, match_and_record, matched_earlier
from ghasi.correlations.texts import fit_keys
from ghasi.correlations.types import MatchedReceipt, ReceiptFacts

__all__ = [
    "MATCHABLE",
    "Waits",
    "confirm_given_up",
    "confirm_published",
    "rematch",
    "sweep_inbox",
    "take_receipts",
    "waits",
    "waits_for",
]

GIVE_UP_AFTER = timedelta(seconds=timers.INBOX_UNMATCHED_AFTER)
KEPT = timedelta(days=7)
"""For the staff; unreadable and unmatched receipts of older days are forgotten."""
PUBLISH_AGAIN_AFTER = timedelta(seconds=30)

_Query = tuple[str, dict[str, Any]]


def take_receipts(receipts: Sequence[ReceiptFacts], *, now: datetime) -> list[MatchedReceipt]:
    """Records receipts fresh from SMPP_RECEIPTS; those without a part are in the inbox when it returns.

    Publish the events of what it returns before acknowledging: the stream is what brings them again after a crash.
    A receipt of an earlier batch may be among it; that one is in no stream any more and needs `confirm_published`.
    """
    if not receipts:
        return []
    direct, others = record_plain(receipts, now=now)
    if not others:
        return direct
    matched, rest = until_still(lambda: _take(others, now))
    matched = direct + matched
    if not rest:
        return matched
    # A part may have got its id after it was looked for and before its receipt stood in the inbox, where the
    # rematch of its response would have found it: whoever comes second looks again.
    keys = [key for facts in rest for key in fit_keys(facts.lookup_keys)[:1]]
    for operator_id in {facts.operator_id for facts in rest}:
        matched += _rematch(_waiting_for(operator_id, keys, now), now, fresh=frozenset(map(identity, rest)))
    return matched + prove(rest, now=now, fresh=frozenset(map(identity, rest)))


def rematch(operator_id: UUID, lookup_keys: Iterable[str], *, now: datetime) -> list[MatchedReceipt]:
    """Receipts that waited for parts which have just got their ids, or were settled by a late response."""
    keys = sorted(set(fit_keys(lookup_keys)))
    return _rematch(_waiting_for(operator_id, keys, now), now) if keys else []


def waits_for(operator_id: UUID, lookup_keys: Iterable[str]) -> Call:
    """A statement that tells whether `rematch` may find something: one row, one boolean."""
    return sql_inbox.INBOX_HAS, {"operator_id": operator_id, "keys": sorted(set(fit_keys(lookup_keys)))}


def sweep_inbox(
    *, now: datetime, limit: int = 1000, doubt: timedelta = MATCHABLE
) -> tuple[list[MatchedReceipt], list[ReceiptFacts]]:
    """Matches what waits (the `limit` longest untried), and tells what is to be published without a message.

    Of the parts in doubt those are tried to be proven that came into doubt within `doubt`.
    Returns also receipts matched before whose event nobody confirmed. Unreadable receipts stay in the inbox only:
    nothing in them can be told. Safe to run twice and at once.
    """
    _lapse(now, limit)
    waiting: _Query = (sql_inbox.INBOX_OLDEST_TRIED, {"now": now, "limit": limit})
    matched = _rematch(waiting, now)
    matched += prove_waiting(now=now, since=now - doubt, limit=limit)
    matched += _unconfirmed(now, limit)
    given_up = fetch_waiting(sql_inbox.INBOX_UNMATCHED, {"before": now - GIVE_UP_AFTER, "limit": limit})
    execute(sql_inbox.INBOX_FORGET, {"before": now - KEPT, "limit": limit})
    return matched, [one.facts() for one in given_up]


def confirm_published(matched: Iterable[MatchedReceipt], *, now: datetime) -> None:
    """The events of these receipts are stored. Receipts that never were in the inbox do no harm."""
    _confirm(sql_inbox.INBOX_PUBLISHED, [one.facts for one in matched], now)


def confirm_given_up(receipts: Iterable[ReceiptFacts], *, now: datetime) -> None:
    """The events without a message of these receipts are stored."""
    _confirm(sql_inbox.INBOX_GIVEN_UP, receipts, now)


class Waits(NamedTuple):
    """Readable receipts of one operator that wait for their part."""

    operator_id: UUID
    receipts: int
    oldest_untold: datetime | None
    """When the oldest one was taken in of which the platform has heard nothing."""


def waits(*, now: datetime, limit: int = 100_000) -> list[Waits]:
    """By operator, of the first `limit` receipts that still can be matched."""
    return [Waits(*one) for one in fetch(sql_inbox.INBOX_WAITS, {"since": now - MATCHABLE, "limit": limit})]


@repeated
def _take(receipts: Sequence[ReceiptFacts], now: datetime) -> tuple[list[MatchedReceipt], list[ReceiptFacts]]:
    with locked():
        matched, rest = match_and_record(receipts, now=now)
        if rest:
            insert(rest, now)
        if matched:
            # A delivery that came again may have left the receipt in the inbox the first time.
            mark_matched(matched, now, fresh=frozenset(map(identity, receipts)))
    return [receipt for receipt, _ in matched], rest


@repeated
def _rematch_once(waiting: _Query, now: datetime, fresh: frozenset[Identity]) -> list[MatchedReceipt]:
    with locked():
        facts = [one.facts() for one in fetch_waiting(*waiting)]
        if not facts:
            return []
        matched, rest = match_and_record(facts, now=now)
        if matched:
            mark_matched(matched, now, fresh=fresh)
        if rest:
            execute(sql_inbox.INBOX_TRIED, {"rows": as_json([key(one) for one in rest]), "now": now})
    return [receipt for receipt, _ in matched]


def _rematch(waiting: _Query, now: datetime, *, fresh: frozenset[Identity] = frozenset()) -> list[MatchedReceipt]:
    return until_still(lambda: _rematch_once(waiting, now, fresh))


def _waiting_for(operator_id: UUID, keys: Sequence[str], now: datetime) -> _Query:
    return sql_inbox.INBOX_WAITING_FOR, {"operator_id": operator_id, "keys": list(keys), "since": now - MATCHABLE}


@repeated
def _lapse(now: datetime, limit: int) -> None:
    """Takes what is past its time out of the next `limit` turns and of all later ones."""
    with locked():
        execute(sql_inbox.INBOX_LAPSED, {"now": now, "limit": limit})


@repeated
def _unconfirmed(now: datetime, limit: int) -> list[MatchedReceipt]:
    """A part whose day has been dropped since cannot be told any more."""
    with locked():
        waiting = fetch_waiting(sql_inbox.INBOX_UNPUBLISHED, {"before": now - PUBLISH_AGAIN_AFTER, "limit": limit})
        keys = {one.matched_row: one.matched_day for one in waiting if one.matched_row and one.matched_day}
        if not keys:
            return []
        found = candidates_by_id(list(keys), list(keys.values()))
        return matched_earlier(
            [(one.facts(), found[one.matched_row]) for one in waiting if one.matched_row in found], now
        )


def _confirm(statement: str, receipts: Iterable[ReceiptFacts], now: datetime) -> None:
    if rows := [key(facts) for facts in receipts]:
        execute(statement, {"rows": as_json(rows), "now": now})
