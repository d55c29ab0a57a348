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

import msgspec

from ghasi.contracts import timers
from ghasi.correlations import sql_inbox
from ghasi.correlations.db import as_json, execute, fetch, locked, repeated
from ghasi.correlations.hot import Call
from ghasi.correlations.receipts import Moved, candidates_by_id, match_and_record, matched_earlier
from ghasi.correlations.texts import fit, fit_keys
from ghasi.correlations.types import MatchedReceipt, ReceiptFacts

GIVE_UP_AFTER = timedelta(seconds=timers.INBOX_UNMATCHED_AFTER)
MATCHABLE = timedelta(hours=timers.INBOX_MATCHABLE_HOURS)
KEPT = timedelta(days=7)
"""For the staff; unreadable and unmatched receipts of older days are forgotten."""
PUBLISH_AGAIN_AFTER = timedelta(seconds=30)

_TRIES = 5
T = TypeVar("T")
_Query = tuple[str, dict[str, Any]]
_Identity = tuple[UUID, int, datetime]


def take_receipts(receipts: Sequence[ReceiptFacts], *, now: datetime) -> list[MatchedReceipt]:
    """Records receipts fresh from SMPP_RECEIPTS; those without a part are in the inbox when it returns.

    Publish the events of what it returns before acknowledging: the stream is what brings them again after a crash.
    A receipt of an earlier batch may be among it; that one is in no stream any more and needs `confirm_published`.
    """
    if not receipts:
        return []
    matched, rest = _until_still(lambda: _take(receipts, now))
    if not rest:
        return matched
    # A part may have got its id after it was looked for and before its receipt stood in the inbox, where the
    # rematch of its response would have found it: whoever comes second looks again.
    keys = [key for facts in rest for key in fit_keys(facts.lookup_keys)[:1]]
    for operator_id in {facts.operator_id for facts in rest}:
        matched += _rematch(_waiting_for(operator_id, keys, now), now, fresh=frozenset(map(_identity, rest)))
    return matched


def rematch(operator_id: UUID, lookup_keys: Iterable[str], *, now: datetime) -> list[MatchedReceipt]:
    """Receipts that waited for parts which have just got their ids, or were settled by a late response."""
    keys = sorted(set(fit_keys(lookup_keys)))
    return _rematch(_waiting_for(operator_id, keys, now), now) if keys else []


def waits_for(operator_id: UUID, lookup_keys: Iterable[str]) -> Call:
    """A statement that tells whether `rematch` may find something: one row, one boolean."""
    return sql_inbox.INBOX_HAS, {"operator_id": operator_id, "keys": sorted(set(fit_keys(lookup_keys)))}


def sweep_inbox(*, now: datetime, limit: int = 1000) -> tuple[list[MatchedReceipt], list[ReceiptFacts]]:
    """Matches what waits (the `limit` longest untried), and tells what is to be published without a message.

    Returns also receipts matched before whose event nobody confirmed. Unreadable receipts stay in the inbox only:
    nothing in them can be told. Safe to run twice and at once.
    """
    waiting: _Query = (sql_inbox.INBOX_OLDEST_TRIED, {"since": now - MATCHABLE, "limit": limit})
    matched = _rematch(waiting, now)
    matched += _unconfirmed(now, limit)
    given_up = _fetch_waiting(sql_inbox.INBOX_UNMATCHED, {"before": now - GIVE_UP_AFTER, "limit": limit})
    execute(sql_inbox.INBOX_FORGET, {"before": now - KEPT, "limit": limit})
    return matched, [one.facts() for one in given_up]


def confirm_published(matched: Iterable[MatchedReceipt], *, now: datetime) -> None:
    """The events of these receipts are stored. Receipts that never were in the inbox do no harm."""
    _confirm(sql_inbox.INBOX_PUBLISHED, [one.facts for one in matched], now)


def confirm_given_up(receipts: Iterable[ReceiptFacts], *, now: datetime) -> None:
    """The events without a message of these receipts are stored."""
    _confirm(sql_inbox.INBOX_GIVEN_UP, receipts, now)


def inbox_size(limit: int = 100_000) -> int:
    """Receipts without a part, counted up to `limit`."""
    return int(fetch(sql_inbox.INBOX_SIZE, {"limit": limit})[0][0])


@repeated
def _take(receipts: Sequence[ReceiptFacts], now: datetime) -> tuple[list[MatchedReceipt], list[ReceiptFacts]]:
    with locked():
        matched, rest = match_and_record(receipts, now=now)
        if rest:
            _insert(rest, now)
        if matched:
            # A delivery that came again may have left the receipt in the inbox the first time.
            _mark_matched(matched, now, fresh=frozenset(map(_identity, receipts)))
    return [receipt for receipt, _ in matched], rest


@repeated
def _rematch_once(waiting: _Query, now: datetime, fresh: frozenset[_Identity]) -> list[MatchedReceipt]:
    with locked():
        facts = [one.facts() for one in _fetch_waiting(*waiting)]
        if not facts:
            return []
        matched, rest = match_and_record(facts, now=now)
        if matched:
            _mark_matched(matched, now, fresh=fresh)
        if rest:
            execute(sql_inbox.INBOX_TRIED, {"rows": as_json([_key(one) for one in rest]), "now": now})
    return [receipt for receipt, _ in matched]


def _rematch(waiting: _Query, now: datetime, *, fresh: frozenset[_Identity] = frozenset()) -> list[MatchedReceipt]:
    return _until_still(lambda: _rematch_once(waiting, now, fresh))


def _until_still(step: Callable[[], T]) -> T:
    """Again while another writer moves a row between its reading and its writing."""
    for _ in range(_TRIES - 1):
        try:
            return step()
        except Moved:
            continue
    return step()


def _waiting_for(operator_id: UUID, keys: Sequence[str], now: datetime) -> _Query:
    return sql_inbox.INBOX_WAITING_FOR, {"operator_id": operator_id, "keys": list(keys), "since": now - MATCHABLE}


def _unconfirmed(now: datetime, limit: int) -> list[MatchedReceipt]:
    """A part whose day has been dropped since cannot be told any more."""
    waiting = _fetch_waiting(sql_inbox.INBOX_UNPUBLISHED, {"before": now - PUBLISH_AGAIN_AFTER, "limit": limit})
    keys = {one.matched_row: one.matched_day for one in waiting if one.matched_row and one.matched_day}
    if not keys:
        return []
    found = candidates_by_id(list(keys), list(keys.values()))
    return [matched_earlier(one.facts(), found[one.matched_row]) for one in waiting if one.matched_row in found]


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """An inbox row, in the order in which `sql_inbox` sends it (a JSON array)."""

    operator_id: UUID
    receipt_key: int
    taken_at: datetime
    operator_message_id: str
    lookup_keys: tuple[str, ...]
    status: str
    stat: str | None
    final: bool
    error_code: str | None
    done_at: datetime | None
    destination: str
    sender: str
    unreadable: str | None
    matched_row: UUID | None
    matched_day: date | None

    def __repr__(self) -> str:
        """Without the numbers."""
        return f"Waiting({self.operator_id}, {self.receipt_key}, {self.status})"

    def facts(self) -> ReceiptFacts:
        """The receipt as it came, but for its frame."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__[:-2]}
        return ReceiptFacts(**fields)


_waiting = msgspec.json.Decoder(list[Waiting])


def _fetch_waiting(statement: str, parameters: dict[str, Any]) -> list[Waiting]:
    return _waiting.decode(fetch(statement, parameters)[0][0])


def _insert(receipts: Sequence[ReceiptFacts], now: datetime) -> None:
    execute(sql_inbox.INBOX_INSERT, {"rows": as_json([_inserted(facts) for facts in receipts]), "now": now})


def _inserted(facts: ReceiptFacts) -> dict[str, object]:
    return {
        **_key(facts),
        "operator_message_id": fit(facts.operator_message_id, 80),
        "lookup_keys": fit_keys(facts.lookup_keys),
        "status": facts.status,
        "stat": fit(facts.stat, 32),
        "final": facts.final,
        "error_code": fit(facts.error_code, 32),
        "done_at": facts.done_at,
        "destination": fit(facts.destination, 32),
        "sender": fit(facts.sender, 32),
        "unreadable": fit(facts.unreadable, 64),
    }


def _identity(facts: ReceiptFacts) -> _Identity:
    return facts.operator_id, facts.receipt_key, facts.taken_at


def _key(facts: ReceiptFacts) -> dict[str, object]:
    return {
        "operator_id": facts.operator_id,
        "receipt_key": facts.receipt_key,
        "taken_at": facts.taken_at,
    }


def _mark_matched(
    matched: Sequence[tuple[MatchedReceipt, tuple[UUID, date]]], now: datetime, *, fresh: frozenset[_Identity]
) -> None:
    """Only `fresh` receipts count as published: their stream brings them again until that is true."""
    for published in (now, None):
        rows = [
            {**_key(receipt.facts), "row_id": row_id, "day": day}
            for receipt, (row_id, day) in matched
            if (_identity(receipt.facts) in fresh) is (published is not None)
        ]
        if rows:
            execute(sql_inbox.INBOX_MATCHED, {"rows": as_json(rows), "now": now, "published": published})


def _confirm(statement: str, receipts: Iterable[ReceiptFacts], now: datetime) -> None:
    if rows := [_key(facts) for facts in receipts]:
        execute(statement, {"rows": as_json(rows), "now": now})
