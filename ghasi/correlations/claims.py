"""What becomes of a command, given the rows its message already has (docs/architecture.md, ledger). Pure.

The last try of each segment decides. A part that may have left is asked for or waited for, never just sent again;
only the operator's policy `resend`, a replay by a person, or a new event for a part that was refused or expired
makes another try, and a try that may double something says so in `possible_duplicate`.

Choices where the contract leaves room:
- A part in doubt is not resent after `expires_at` unless another part of its message is known to have left: it is
  parked with policy action `expired`, because a late duplicate serves nobody.
- A command of an event that a newer event has already replaced is a duplicate, whatever the newer one came to.
- Parts left PREPARED by another event are waited for; after `TAKEOVER_AFTER` the newer event takes them over, so
  that a command lost from its stream cannot block its successor.
- When the number of parts changed since the first try (an operator's profile was edited): if nothing left, all parts
  are tried anew by the new cut; if something left, what is unsent is closed as REJECTED `plan_changed` and parked,
  because parts of two cuts cannot be joined by the handset.
- Where some parts left over another operator and a phone could not join them with what this one would send, the
  rest waits for that operator until `expires_at`; then it is closed as `plan_changed`. A message all of whose parts
  are to be sent is whole again and goes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from ghasi.correlations.rows import ORDER_SENT, POLICY_HOLD, Row, last_attempts
from ghasi.correlations.types import Intent, RowStatus, Verdict

OTHER_EVENT_WAIT = 5.0
TAKEOVER_AFTER = timedelta(minutes=10)
SHORTEST_WAIT = 0.05
OTHER_CARRIER_WAIT = 10.0

MOST_DOUBTS = 4
"""Tries of one part in doubt, after which the policy `resend` leaves it to a person: what breaks the operator's link
each time it is sent must not do so until it expires."""

POLICY_RESEND = "resend"
POLICY_EXPIRED = "expired"
PLAN_CHANGED = "plan_changed"


@dataclass(frozen=True, slots=True)
class NewPart:
    """A row to insert: PREPARED, or EXPIRED where the message is too late."""

    segment: int
    segments: int
    attempt: int
    possible_duplicate: bool = False
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and what the ledger writes for it."""

    verdict: Verdict
    insert: tuple[NewPart, ...] = ()
    reuse: tuple[Row, ...] = ()
    """PREPARED and unsent: sent under a new row id, so that whoever held the old id can neither send nor record."""
    ask: tuple[Row, ...] = ()
    expire: tuple[Row, ...] = ()
    close: tuple[Row, ...] = ()
    """Pending rows of a plan that is gone: REJECTED, `plan_changed`, no further try."""
    policy: tuple[tuple[Row, str], ...] = ()
    """Rows in doubt and the policy action taken on them."""
    wait: float = 0.0


class _Do(Enum):
    DONE = auto()
    NEW = auto()
    REUSE = auto()
    ASK = auto()
    WAIT = auto()
    RESEND = auto()
    PARK = auto()


@dataclass(frozen=True, slots=True)
class _Act:
    do: _Do
    row: Row
    wait: float = 0.0
    policy: str = ""
    follows: int = 0
    """The attempt that a replay names: its tries have one number, so that a second copy finds each followed."""


_DONE_STATUSES = (RowStatus.SUBMITTED, RowStatus.DLR_RECEIVED, RowStatus.EXPIRED)


def decide(rows: Sequence[Row], intent: Intent, now: datetime) -> Decision:
    """`rows` are all rows of the message, in any order; `now` as of the hand-over."""
    if not rows:
        return _first(intent, now)
    last = last_attempts(rows)
    if _is_repeat(last.values(), intent):
        return _repeat(rows, last, intent, now)
    if _replayable(last.values(), intent):
        return _repeat(rows, last, intent, now)
    if any(row.event_id == intent.event_id for row in rows):
        return Decision(Verdict.DUPLICATE)
    return _other_event(rows, last, intent, now)


def _first(intent: Intent, now: datetime) -> Decision:
    expired = now >= intent.expires_at
    parts = tuple(NewPart(segment, intent.segments, 1, expired=expired) for segment in range(1, intent.segments + 1))
    return Decision(Verdict.EXPIRED if expired else Verdict.SEND, insert=parts)


def _is_repeat(last: Iterable[Row], intent: Intent) -> bool:
    return any(row.event_id == intent.event_id for row in last)


def _other_event(rows: Sequence[Row], last: Mapping[int, Row], intent: Intent, now: datetime) -> Decision:
    """A new dispatch of a message that has rows: sent only where all its parts were refused or expired."""
    if any(_stands(row) for row in last.values()):
        return Decision(Verdict.DUPLICATE)
    prepared = [row for row in last.values() if row.status is RowStatus.PREPARED]
    if prepared and now - max(row.prepared_at for row in prepared) < TAKEOVER_AFTER:
        return Decision(Verdict.WAIT, wait=OTHER_EVENT_WAIT)
    acts = [
        _act(row, rows, intent, now) if row.status is RowStatus.PREPARED else _Act(_Do.NEW, row)
        for row in last.values()
    ]
    return _settle(rows, acts, intent, now)


def _stands(row: Row) -> bool:
    return row.status in (RowStatus.SUBMITTED, RowStatus.DLR_RECEIVED, RowStatus.IN_DOUBT)


def _repeat(rows: Sequence[Row], last: Mapping[int, Row], intent: Intent, now: datetime) -> Decision:
    replayed = _replayable(last.values(), intent)
    follows = intent.replay_attempt or 0
    acts = [
        _Act(_Do.NEW, row, follows=follows) if row in replayed else _act(row, rows, intent, now)
        for row in last.values()
    ]
    return _settle(rows, acts, intent, now)


def _replayable(last: Iterable[Row], intent: Intent) -> list[Row]:
    """Parts a person wants sent again: settled up to the attempt the replay names, and not with the operator."""
    if intent.replay_attempt is None:
        return []
    return [row for row in last if row.attempt <= intent.replay_attempt and _closed(row)]


def _closed(row: Row) -> bool:
    if row.status is RowStatus.IN_DOUBT:
        return row.policy_action not in (None, POLICY_RESEND, ORDER_SENT)
    return not row.pending and row.status in (RowStatus.REJECTED, RowStatus.EXPIRED)


def _act(row: Row, rows: Sequence[Row], intent: Intent, now: datetime) -> _Act:
    """What to do for one segment by its last try."""
    if row.status in _DONE_STATUSES:
        return _Act(_Do.DONE, row)
    if row.status is RowStatus.PREPARED:
        return _Act(_Do.REUSE if row.unsent else _Do.ASK, row)
    if row.status is RowStatus.REJECTED:
        return _retry(row, now)
    return _in_doubt(row, rows, intent, now)


def _retry(row: Row, now: datetime) -> _Act:
    if row.retry_at is None:
        return _Act(_Do.DONE, row)
    if row.retry_at <= now:
        return _Act(_Do.NEW, row)
    return _Act(_Do.WAIT, row, wait=(row.retry_at - now).total_seconds())


def _in_doubt(row: Row, rows: Sequence[Row], intent: Intent, now: datetime) -> _Act:
    if row.policy_action not in (None, POLICY_RESEND):
        return _Act(_Do.PARK, row)
    since = (now - (row.in_doubt_at or row.prepared_at)).total_seconds()
    policy, wait = intent.doubt_of(row.operator_id)
    if since < wait:
        return _Act(_Do.WAIT, row, wait=wait - since)
    if policy != POLICY_RESEND:
        return _Act(_Do.PARK, row, policy=policy)
    if now >= intent.expires_at and not any(other.proven and other.segment != row.segment for other in rows):
        return _Act(_Do.PARK, row, policy=POLICY_EXPIRED)
    if sum(other.segment == row.segment and other.status is RowStatus.IN_DOUBT for other in rows) >= MOST_DOUBTS:
        return _Act(_Do.PARK, row, policy=POLICY_HOLD)
    return _Act(_Do.RESEND, row, policy=POLICY_RESEND)


def _settle(rows: Sequence[Row], acts: Sequence[_Act], intent: Intent, now: datetime) -> Decision:
    """One verdict from the segments' acts: asking goes before sending, sending before waiting, waiting before
    parking."""
    left = any(act.row.may_have_left for act in acts if act.do is not _Do.NEW)
    if now >= intent.expires_at and not left:
        return _expire(rows, acts)
    if ask := tuple(act.row for act in acts if act.do is _Do.ASK):
        return Decision(Verdict.ASK, ask=ask)
    send = [act for act in acts if act.do in (_Do.NEW, _Do.REUSE, _Do.RESEND)]
    if send and len(send) < len(acts) and _parted(rows, intent):
        if now < intent.expires_at:
            return Decision(Verdict.WAIT, wait=OTHER_CARRIER_WAIT)
        return _change_plan(rows, acts, intent)
    if send and send[0].row.segments != intent.segments:
        return _change_plan(rows, acts, intent)
    if send:
        return _send(rows, send)
    if waits := [act.wait for act in acts if act.do is _Do.WAIT]:
        return Decision(Verdict.WAIT, wait=max(min(waits), SHORTEST_WAIT))
    if any(act.do is _Do.PARK for act in acts):
        return Decision(Verdict.PARK, policy=tuple((act.row, act.policy) for act in acts if act.policy))
    return Decision(_repeated(act.row for act in acts))


def _parted(rows: Iterable[Row], intent: Intent) -> bool:
    """Some of it left over another operator, and a phone could not join that with the rest."""
    return intent.apart and any(row.may_have_left and row.operator_id != intent.operator_id for row in rows)


def _repeated(last: Iterable[Row]) -> Verdict:
    """What expired unsent is told as such again: its receipts may not have been published."""
    unsent = any(row.status is RowStatus.EXPIRED and row.submitted_at is None for row in last)
    return Verdict.EXPIRED if unsent else Verdict.SETTLED


def _send(rows: Sequence[Row], send: Sequence[_Act]) -> Decision:
    return Decision(
        Verdict.SEND,
        insert=tuple(_next_try(rows, act) for act in send if act.do is not _Do.REUSE),
        reuse=tuple(act.row for act in send if act.do is _Do.REUSE),
        policy=tuple((act.row, act.policy) for act in send if act.policy),
    )


def _next_try(rows: Sequence[Row], act: _Act, *, expired: bool = False) -> NewPart:
    row = act.row
    doubled = any(other.segment == row.segment and other.may_have_left for other in rows)
    return NewPart(row.segment, row.segments, max(row.attempt, act.follows) + 1, doubled, expired)


def _expire(rows: Sequence[Row], acts: Sequence[_Act]) -> Decision:
    """Nothing of this dispatch left and it is too late: unsent rows expire, and where a try was to come stands an
    expired one."""
    insert = tuple(
        _next_try(rows, act, expired=True)
        for act in acts
        if act.do is _Do.NEW or (act.do is _Do.WAIT and act.row.status is RowStatus.REJECTED)
    )
    expire = tuple(act.row for act in acts if act.do is _Do.REUSE)
    if insert or expire:
        return Decision(Verdict.EXPIRED, insert=insert, expire=expire)
    return Decision(_repeated(act.row for act in acts))


def _change_plan(rows: Sequence[Row], acts: Sequence[_Act], intent: Intent) -> Decision:
    close = tuple(act.row for act in acts if act.row.pending)
    if any(row.may_have_left for row in rows):
        doubt = tuple((act.row, PLAN_CHANGED) for act in acts if act.row.status is RowStatus.IN_DOUBT)
        return Decision(Verdict.PARK, close=close, policy=doubt)
    attempt = max(row.attempt for row in rows) + 1
    insert = tuple(NewPart(segment, intent.segments, attempt) for segment in range(1, intent.segments + 1))
    return Decision(Verdict.SEND, insert=insert, close=close)
