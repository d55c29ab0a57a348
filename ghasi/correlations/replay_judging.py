"""Which kept commands may be sent again, and as what (docs/operations.md, "Replay"). Pure.

A replay is the command's own bytes under its own eventId, with `Smpp-Replay: N`: parts settled up to attempt N may be
tried once more. N is read from the ledger, so that whoever comes second, or again, names tries that have been
followed already, and the claim answers with what stands (docs/decisions/0025-replays-by-attempt.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from ghasi.contracts.commands import Refused, SmsDispatchCommand, decode_command
from ghasi.correlations.masking import masked
from ghasi.correlations.rows import Row, last_attempts
from ghasi.correlations.types import RowStatus

LEDGER_REASONS = ("rejected:", "in_doubt:")
"""Reasons of commands that have rows in the ledger (docs/contract.md §1)."""
NEVER_TRIED = 0
"""`Smpp-Replay` of a command without rows: it names no try, so that a repeat of it cannot make a second one."""


class Why(StrEnum):
    """Why a kept command is not sent again."""

    SENT = "sent"
    """The operator has it, or had it."""
    SWEPT = "swept"
    """The operator took it and no receipt came in 72 h: nobody can tell whether it arrived."""
    UNDER_WAY = "under_way"
    """Its command, or an earlier replay, is still being worked on."""
    EXPIRED = "expired"
    """expiresAt has passed: give a new one."""
    UNFIT = "unfit"
    """It can never be sent; `detail` says why."""
    CUT = "cut"
    """SMPP_DEAD keeps its head only."""
    GONE = "gone"
    """SMPP_DEAD does not keep it any more."""
    FORGOTTEN = "forgotten"
    """The ledger's days that would tell whether it was sent are dropped."""
    REPLAYED = "replayed"
    """The try that this replay was begun with has been made already."""
    OLDER = "older"
    """A newer dead letter of the same message is there."""


IN_WORDS = {
    Why.SENT: "the operator has it",
    Why.SWEPT: "the operator took it and no receipt came",
    Why.UNDER_WAY: "still under way",
    Why.EXPIRED: "expired, see --expires-in",
    Why.UNFIT: "can never be sent",
    Why.CUT: "only its head is kept",
    Why.GONE: "SMPP_DEAD does not keep it any more",
    Why.FORGOTTEN: "older than the ledger, which cannot tell whether it was sent",
    Why.REPLAYED: "sent again already by a replay that did not come to its end",
    Why.OLDER: "a newer dead letter of the message counts",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of the index over SMPP_DEAD; `letter_id` is its primary key, `at` when it was made."""

    letter_id: int
    operator_id: UUID
    stream_seq: int
    reason: str
    message_id: UUID | None
    at: datetime

    @property
    def has_rows(self) -> bool:
        """Whether the command had come as far as the ledger."""
        return self.reason.startswith(LEDGER_REASONS)


@dataclass(frozen=True, slots=True)
class Kept:
    """What SMPP_DEAD keeps of a command. The bytes stay out of the repr."""

    data: bytes = field(repr=False)
    cut: bool = False
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One dead letter and what is to become of it: a replay of `attempt`, or nothing and `why`."""

    letter: Letter
    why: Why | None = None
    detail: str = ""
    attempt: int = NEVER_TRIED
    possible_duplicate: bool = False
    masked_to: str = ""

    @property
    def replays(self) -> bool:
        return self.why is None


def judge(
    letter: Letter,
    kept: Kept | None,
    rows: Sequence[Row],
    *,
    now: datetime,
    retention_days: int,
    expires_in: timedelta | None = None,
    begun: int | None = None,
) -> Item:
    """`rows` are all rows of the message that the ledger still has. `expires_in` replaces expiresAt. `begun` is the
    attempt that this replay was begun with, where it was: it is that try again, or none."""
    if kept is None:
        return Item(letter, Why.GONE)
    if kept.cut:
        return Item(letter, Why.CUT)
    try:
        command = decode_command(
            kept.data, operator_id=str(letter.operator_id), now=now, retention_days=retention_days, replayed=True
        )
    except Refused as refused:
        return Item(letter, Why.UNFIT, str(refused))
    to = masked(command.to)
    if why := _standing(letter, command, rows, now, retention_days):
        return Item(letter, why, masked_to=to)
    again = [row for row in _closed(rows) if begun is None or row.attempt <= begun]
    if rows and not again:
        return Item(letter, Why.REPLAYED, masked_to=to)
    if expires_in is None and command.expires_at <= now:
        return Item(
            letter, Why.EXPIRED, command.expires_at.astimezone(UTC).isoformat(timespec="seconds"), masked_to=to
        )
    return Item(
        letter,
        attempt=max((row.attempt for row in again), default=NEVER_TRIED) if begun is None or not rows else begun,
        possible_duplicate=any(row.may_have_left for row in again),
        masked_to=to,
    )


def only_newest(items: Iterable[Item]) -> list[Item]:
    """One replay per message at most: of several letters of a message the newest counts."""
    newest: dict[UUID, Item] = {}
    listed = list(items)
    for item in listed:
        message = item.letter.message_id
        if item.replays and message is not None:
            other = newest.get(message)
            if other is None or item.letter.stream_seq > other.letter.stream_seq:
                newest[message] = item
    return [
        item
        if not item.replays or item.letter.message_id is None or newest[item.letter.message_id] is item
        else Item(item.letter, Why.OLDER, masked_to=item.masked_to)
        for item in listed
    ]


def _standing(
    letter: Letter, command: SmsDispatchCommand, rows: Sequence[Row], now: datetime, retention_days: int
) -> Why | None:
    """Why the ledger is against it."""
    if not rows:
        return Why.FORGOTTEN if _forgotten(letter, command, now, retention_days) else None
    last = list(last_attempts(rows).values())
    if any(_under_way(row) for row in last):
        return Why.UNDER_WAY
    if any(row.status is RowStatus.EXPIRED and row.submitted_at is not None for row in last):
        return Why.SWEPT
    return None if _closed(rows) else Why.SENT


def _under_way(row: Row) -> bool:
    return row.pending or (row.status is RowStatus.IN_DOUBT and not parked(row))


def parked(row: Row) -> bool:
    """In doubt and out of the connector's hands: a policy or a person has ended its waiting."""
    return row.status is RowStatus.IN_DOUBT and row.policy_action not in (None, "resend")


def _closed(rows: Sequence[Row]) -> list[Row]:
    """Parts that a replay sends again: as `claims` has it."""
    return [
        row
        for row in last_attempts(rows).values()
        if parked(row) or (not row.pending and row.status in (RowStatus.REJECTED, RowStatus.EXPIRED))
    ]


def _forgotten(letter: Letter, command: SmsDispatchCommand, now: datetime, retention_days: int) -> bool:
    """Whether it had rows that were dropped. They stand under the day of enqueuedAt; those of a replay of what was
    too old for that under the day of its claim, which is no earlier than the letter."""
    if letter.has_rows:
        return True
    too_old = _day(command.enqueued_at) < _oldest(letter.at, retention_days)
    return _day(letter.at if too_old else command.enqueued_at) < _oldest(now, retention_days)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _oldest(moment: datetime, retention_days: int) -> date:
    return _day(moment) - timedelta(days=retention_days)


def later(data: bytes, expires_at: datetime) -> bytes:
    """The command with another expiresAt; every other value keeps its octets."""
    fields: dict[str, msgspec.Raw | str] = {**msgspec.json.decode(data, type=dict[str, msgspec.Raw])}
    fields["expiresAt"] = expires_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode(fields)
