"""Where is my SMS: everything that is kept of a message, by any name it has (docs/operations.md, "Where is my SMS").

One answer costs a dozen queries at most, each served by an index of every partition; none counts or walks a table.
The page and `manage.py where` stand on this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Right

from ghasi.bus import BusError
from ghasi.correlations import where_events, where_waiting
from ghasi.correlations.lookup import as_uuid, lookup_keys, numbers_of
from ghasi.correlations.models import AccountingOpen, DeadLetter, InboxReceipt, MessageCorrelation
from ghasi.correlations.partitions import existing_days
from ghasi.correlations.types import RowStatus
from ghasi.correlations.where_entries import Kept, entries_of
from ghasi.correlations.where_entry import Entry
from ghasi.correlations.where_words import PartStanding, Standing, parts_of, standing_of
from ghasi.env import SettingsError
from ghasi.operators.models import Operator, OperatorAction

MESSAGES = 50
"""Messages listed at most, the newest."""
ROWS = 2000
"""Rows looked at for one answer: 255 parts with some attempts each."""
RECEIPTS = 200

MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Found:
    """`messages` are those the term names, the newest first; `receipts` name the term and have no part."""

    messages: tuple[UUID, ...] = ()
    receipts: tuple[InboxReceipt, ...] = ()
    more: bool = False
    """There are others, older than the messages named."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """One message as it stands, and how it came there."""

    message_id: UUID
    standing: Standing
    parts: tuple[PartStanding, ...] = ()
    entries: tuple[Entry, ...] = ()
    account_id: str = ""
    destination: str = ""
    """In full: mask it for whoever may not see it."""
    kept: Kept = field(default_factory=Kept, repr=False)
    looked: str = ""
    """How far the event streams were looked through; empty where they were not."""

    def __repr__(self) -> str:
        """Without the destination."""
        return f"Timeline({self.message_id}, {len(self.entries)} entries)"


def find(term: str, *, numbers: bool) -> Found:
    """Messages that have this message id, this id of the operator's, or (with `numbers`) this destination."""
    term = term.strip()
    if not term:
        return Found()
    message_id = as_uuid(term)
    if message_id is not None and _heard_of(message_id):
        return Found((message_id,))
    named = _named(term)
    if numbers and (digits := numbers_of(term)):
        named += _pairs(Q(destination__in=digits))
    found = list(dict.fromkeys(one for _, one in sorted(named, reverse=True)))
    waiting = InboxReceipt.objects.filter(lookup_keys__0__in=lookup_keys(term), matched_at__isnull=True)
    receipts = sorted(waiting.order_by()[:RECEIPTS], key=lambda one: one.taken_at)
    return Found(tuple(found[:MESSAGES]), tuple(receipts), len(found) > MESSAGES)


def find_by_destination(number: str) -> Found:
    """The same by a subscriber's number alone; for callers that may see numbers."""
    named = sorted(_pairs(Q(destination__in=numbers_of(number))), reverse=True)
    found = list(dict.fromkeys(one for _, one in named))
    return Found(tuple(found[:MESSAGES]), (), len(found) > MESSAGES)


def is_operators_id(term: str) -> bool:
    """Whether a part of the ledger has it."""
    return MessageCorrelation.objects.filter(_by_operators_id(term)).order_by().exists()


def _by_operators_id(term: str) -> Q:
    return Q(operator_message_keys__isnull=False, operator_message_keys__0__in=lookup_keys(term))


def _named(term: str) -> list[tuple[UUID, UUID]]:
    """The parts an operator's id may mean."""
    return _pairs(_by_operators_id(term))


def _pairs(condition: Q) -> list[tuple[UUID, UUID]]:
    """Row id and message id; row ids begin with their time. Where there are very many, the newest days' newest."""
    found = MessageCorrelation.objects.filter(condition).values_list("pk", "message_id")
    some = list(found.order_by()[:ROWS])
    return some if len(some) < ROWS else _newest(found)


def _newest(found: QuerySet[Any, tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """A day at a time, backwards: an order over all days would tempt the planner to walk the whole table."""
    newest: list[tuple[UUID, UUID]] = []
    for day in reversed(existing_days()):
        newest += found.filter(enqueued_day=day).order_by("-pk")[:ROWS]
        if len({message_id for _, message_id in newest}) > MESSAGES:
            break
    return newest


def _heard_of(message_id: UUID) -> bool:
    """Whether anything is kept under this message id."""
    kept = (MessageCorrelation, DeadLetter, AccountingOpen)
    return any(model._default_manager.filter(message_id=message_id).order_by().exists() for model in kept)


def timeline(message_id: UUID, now: datetime, *, events: bool = False) -> Timeline:
    """What is known of one message, which may be nothing; with `events` the event streams are looked through too.
    Raises BusError and SettingsError then, where they cannot be."""
    kept, looked = gather(message_id), ""
    if events:
        seen = where_events.look(message_id, kept)
        kept, looked = replace(kept, events=seen.entries), seen.words
    return _timeline(message_id, kept, now, looked)


def waiting(term: str, now: datetime) -> tuple[Timeline | None, str]:
    """Of a messageId that no table has: the command that waits in its stream under it, which a table gets to know
    once it is taken. None for any other name or where there is none; in words how far was looked, or why not."""
    if (message_id := as_uuid(term.strip())) is None:
        return None, ""
    try:
        command, looked = where_waiting.look(message_id)
    except (BusError, SettingsError) as error:
        return None, f"The stream cannot be read: {error}"
    if command is None:
        return None, looked
    operators = _operators([command.operator_id])
    kept = Kept(commands=[command], names=_names(operators), operators=operators)
    return _timeline(message_id, kept, now, looked), looked


def _timeline(message_id: UUID, kept: Kept, now: datetime, looked: str) -> Timeline:
    newest = max(kept.rows, key=lambda row: row.pk.int, default=None)
    return Timeline(
        message_id,
        standing_of(kept, now),
        tuple(parts_of(kept, now)),
        tuple(entries_of(kept)),
        newest.account_id if newest else "",
        newest.destination if newest else "",
        kept,
        looked,
    )


def timelines(message_ids: Sequence[UUID], now: datetime) -> list[Timeline]:
    """How several messages stand, for a list of them: their rows only, in two queries unless there are very many."""
    rows = _rows(message_ids)
    operators = _operators(
        operator_id
        for some in rows.values()
        for row in some
        for operator_id in (row.operator_id, row.requested_operator_id)
    )
    names = _names(operators)
    return [_short(one, Kept(rows=some, names=names, operators=operators), now) for one, some in rows.items()]


def _rows(message_ids: Sequence[UUID]) -> dict[UUID, list[MessageCorrelation]]:
    """All rows of each message, or its first thousands."""
    rows: dict[UUID, list[MessageCorrelation]] = {one: [] for one in message_ids}
    of_all = list(MessageCorrelation.objects.filter(message_id__in=message_ids).order_by()[:ROWS])
    if len(of_all) == ROWS and len(message_ids) > 1:
        return {one: _rows([one])[one] for one in message_ids}
    for row in of_all:
        rows[row.message_id].append(row)
    return rows


def _short(message_id: UUID, kept: Kept, now: datetime) -> Timeline:
    """Its rows may have been dropped with their day since it was found."""
    newest = max(kept.rows, key=lambda row: row.pk.int, default=None)
    account, destination = (newest.account_id, newest.destination) if newest else ("", "")
    parts = tuple(parts_of(kept, now))
    return Timeline(message_id, standing_of(kept, now), parts, (), account, destination, kept)


def gather(message_id: UUID) -> Kept:
    """Everything the database keeps of it."""
    rows = list(MessageCorrelation.objects.filter(message_id=message_id).order_by()[:ROWS])
    receipts, near = _receipts(rows), _near(rows)
    dead = list(DeadLetter.objects.filter(message_id=message_id).order_by("at")[:RECEIPTS])
    commands = list(AccountingOpen.objects.filter(message_id=message_id).order_by("stored_at")[:RECEIPTS])
    actions = list(
        OperatorAction.objects.filter(target_kind=MESSAGE, target=str(message_id)).order_by("at")[:RECEIPTS]
    )
    named = {row.operator_id for row in rows} | {row.requested_operator_id for row in rows}
    named |= {one.operator_id for one in dead} | {one.operator_id for one in commands}
    operators = _operators(named)
    return Kept(rows, receipts, dead, commands, actions, names=_names(operators), operators=operators, near=near)


def _receipts(rows: Sequence[MessageCorrelation]) -> list[InboxReceipt]:
    """Receipts of the inbox that found one of the rows, and those that wait under a row's key."""
    if not rows:
        return []
    matched = InboxReceipt.objects.filter(matched_row__in=[row.pk for row in rows])
    found: dict[Any, InboxReceipt] = {one.pk: one for one in matched.order_by()[:RECEIPTS]}
    settled = (RowStatus.PREPARED, RowStatus.REJECTED)
    named = [row for row in rows if row.operator_message_keys and row.status not in settled]
    if named:
        waiting = InboxReceipt.objects.filter(
            operator_id__in={row.operator_id for row in named},
            lookup_keys__0__in={key for row in named for key in (row.operator_message_keys or [])[:1]},
            matched_at__isnull=True,
        )
        found |= {one.pk: one for one in waiting.order_by()[:RECEIPTS]}
    return sorted(found.values(), key=lambda one: one.taken_at)


def _near(rows: Sequence[MessageCorrelation]) -> list[InboxReceipt]:
    """Receipts that came while a part waits for its answer, by its number: served by receipts_inbox_subscriber."""
    waiting = [row for row in rows if row.status == RowStatus.PREPARED and row.gateway_replica is not None]
    if not waiting:
        return []
    found = InboxReceipt.objects.annotate(subscriber=Right("destination", 8)).filter(
        operator_id__in={row.operator_id for row in waiting},
        subscriber__in={row.destination[-8:] for row in waiting},
        matched_at__isnull=True,
        unreadable__isnull=True,
        taken_at__gte=min(row.prepared_at for row in waiting),
    )
    return sorted(found.order_by()[:RECEIPTS], key=lambda one: one.taken_at)


def _operators(operator_ids: Iterable[UUID]) -> dict[UUID, Operator]:
    return {one.operator_id: one for one in Operator.objects.filter(operator_id__in=set(operator_ids))}


def _names(operators: Mapping[UUID, Operator]) -> dict[UUID, str]:
    return {operator_id: one.name for operator_id, one in operators.items() if one.name}
