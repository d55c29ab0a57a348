"""The books of an operator: what became of each command it was given (docs/architecture.md, "Accounting"). Pure.

For each operator, in commands:

    taken = submitted + rejected + expired + in doubt + dead + duplicates + in hand

Taken is read from the stream, the outcomes from the ledger and the index over SMPP_DEAD, in hand is what JetStream
holds unsettled. A command that JetStream counts as settled and of which neither ledger nor SMPP_DEAD knows an outcome
is lost; one that has two, or a part that left twice without saying so, is doubled. The two never offset each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from ghasi.correlations.types import RowStatus

SKEW = timedelta(seconds=5)
"""How far the clocks of NATS and of a worker may differ."""
RESEND = "resend"


class Outcome(StrEnum):
    """How a command ended; the names are columns of smpp.accounting_minutes."""

    SUBMITTED = "submitted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    IN_DOUBT = "in_doubt"
    """Given up in doubt by the operator's policy; one that still waits for proof is in hand."""
    DEAD = "dead"
    DUPLICATES = "duplicates"
    """Answered by an earlier command of its message: a repeat, or another event."""


_WORST_FIRST = (Outcome.IN_DOUBT, Outcome.REJECTED, Outcome.EXPIRED, Outcome.SUBMITTED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A command as it stands in SMS_DISPATCH. Its ids are None where it could not be read."""

    sequence: int
    stored_at: datetime
    message_id: UUID | None = None
    event_id: UUID | None = None
    enqueued_at: datetime | None = None
    replay_attempt: int | None = None
    """From the header `Smpp-Replay`: parts settled up to this attempt are to be sent again."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where JetStream says an operator's consumer stands, at one moment; sequences are those of the stream.

    Everything up to `floor` is settled, everything up to `delivered` is taken, of which `unsettled` are in hand;
    `waiting` were never delivered. `created` tells one life of the stream from the next.
    """

    operator_id: UUID
    created: datetime
    floor: int
    delivered: int
    unsettled: int
    waiting: int


class Try(msgspec.Struct, frozen=True, array_like=True):
    """What the books need of a row of the ledger, in the order in which `sql_accounting` sends it."""

    message_id: UUID
    event_id: UUID
    requested_operator_id: UUID
    segment: int
    attempt: int
    status: RowStatus
    prepared_at: datetime
    armed: bool = False
    submitted: bool = False
    retried: bool = False
    """REJECTED for now: a next try is due at `retry_at`."""
    possible_duplicate: bool = False
    policy_action: str | None = None

    @property
    def left(self) -> bool:
        """It may have reached the operator and was not refused."""
        if self.status is RowStatus.PREPARED:
            return self.armed
        if self.status is RowStatus.EXPIRED:
            return self.submitted
        return self.status is not RowStatus.REJECTED

    @property
    def parked(self) -> bool:
        """In doubt and left to a person."""
        return self.status is RowStatus.IN_DOUBT and self.policy_action not in (None, RESEND)

    @property
    def open(self) -> bool:
        """More is to come of it, or of the next try."""
        if self.status is RowStatus.IN_DOUBT:
            return not self.parked
        return self.status is RowStatus.PREPARED or (self.status is RowStatus.REJECTED and self.retried)

    @property
    def outcome(self) -> Outcome:
        """Of a try that is not open."""
        if self.status is RowStatus.IN_DOUBT:
            return Outcome.IN_DOUBT
        if self.status is RowStatus.REJECTED:
            return Outcome.REJECTED
        if self.status is RowStatus.EXPIRED and not self.submitted:
            return Outcome.EXPIRED
        return Outcome.SUBMITTED


def outcome_of(entry: Entry, tries: Sequence[Try], *, dead: bool, settled: bool) -> Outcome | None:
    """What became of a command; None while nothing stands that would.

    `tries` are all rows of its message, `dead` says that it is a dead letter, `settled` that JetStream holds it for
    acknowledged: the answer None is a loss then.
    """
    if dead:
        return Outcome.DEAD
    if len(tries) == 1 and _plain(entry, tries[0]):
        return tries[0].outcome
    own = [one for one in tries if one.event_id == entry.event_id]
    if not own:
        return _of_another_event(tries, settled)
    if entry.replay_attempt is None and _older(own, entry):
        answered = settled or not any(one.open for one in _last(own))
        return Outcome.DUPLICATES if answered else None
    last = _last(own)
    newest = {one.segment: one.attempt for one in _last(tries)}
    if any(one.open and one.attempt >= newest[one.segment] for one in last):
        return None
    if entry.replay_attempt is not None and any(_to_replay(one, entry.replay_attempt) for one in _last(tries)):
        return None
    found = {one.outcome for one in last}
    return next(outcome for outcome in _WORST_FIRST if outcome in found)


def _plain(entry: Entry, one: Try) -> bool:
    """What nearly every command comes to: one part, one try, closed. A short way to what the long one says too."""
    return (
        one.event_id == entry.event_id
        and entry.replay_attempt is None
        and one.prepared_at >= entry.stored_at
        and not one.open
    )


def _of_another_event(tries: Sequence[Try], settled: bool) -> Outcome | None:
    """A message that was sent before answers for this command too; one that merely waits may yet make way for it."""
    stands = any(one.left for one in _last(tries) if one.status is not RowStatus.PREPARED)
    return Outcome.DUPLICATES if stands or (settled and tries) else None


def _older(own: Iterable[Try], entry: Entry) -> bool:
    """Its rows stood before the command came: it is a repeat, and they belong to the first of its kind."""
    return all(one.prepared_at < entry.stored_at - SKEW for one in own)


def _to_replay(one: Try, attempt: int) -> bool:
    closed = one.parked or (not one.open and one.status in (RowStatus.REJECTED, RowStatus.EXPIRED))
    return closed and one.attempt <= attempt


def _last(tries: Iterable[Try]) -> list[Try]:
    """The last try of each segment."""
    last: dict[int, Try] = {}
    for one in tries:
        if one.segment not in last or one.attempt > last[one.segment].attempt:
            last[one.segment] = one
    return list(last.values())


def two_outcomes(entry: Entry, operator_id: UUID, tries: Iterable[Try]) -> bool:
    """Of a dead letter: the ledger says that something of this very command may have left."""
    return any(
        one.left
        for one in tries
        if (one.event_id, one.requested_operator_id) == (entry.event_id, operator_id)
        and one.prepared_at >= entry.stored_at - SKEW
    )


def doubled_segments(tries: Iterable[Try]) -> list[int]:
    """Segments of one message that left again after they may have left, without a row that says so."""
    seen: set[int] = set()
    doubled: set[int] = set()
    for one in sorted(tries, key=lambda one: (one.attempt, one.prepared_at)):
        if not one.left:
            continue
        if one.segment in seen and not one.possible_duplicate:
            doubled.add(one.segment)
        seen.add(one.segment)
    return sorted(doubled)


@dataclass(frozen=True, slots=True)
class Balance:
    """One operator's books for a span of time, in commands. `lost` and `doubled` name messages or places in the
    stream; `excess` counts lost commands that nobody can name yet; `untold` those of which nobody can tell any more:
    their stream was made anew, they were purged before they were read, or their ledger day is dropped."""

    operator_id: UUID
    taken: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    in_hand: int = 0
    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    excess: int = 0
    untold: int = 0

    @property
    def difference(self) -> int:
        """Taken less everything that is accounted for: above 0 something is missing."""
        return self.taken - sum(self.outcomes.values()) - self.in_hand - self.untold

    @property
    def unexplained(self) -> int:
        """Commands lost and messages doubled; what the alarm looks at."""
        return max(abs(self.difference), len(self.lost)) + self.excess + len(self.doubled)

    @property
    def holds(self) -> bool:
        return self.unexplained == 0


def surplus(open_entries: int, unsettled: int) -> int:
    """Commands without an outcome that JetStream does not hold either: of `open_entries` above the ack floor at most
    `unsettled` can be in hand."""
    return max(0, open_entries - unsettled)
