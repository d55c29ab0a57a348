"""Rows of the ledger as plain values, and what a message's rows say together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Protocol, TypeVar
from uuid import UUID

import msgspec

from ghasi.correlations.types import MessageOutcome, Part, PartState, RowStatus

POLICY_FAIL = "fail"
FAILED_IN_DOUBT = "in_doubt_failed"
POLICY_HOLD = "hold"
ORDER_SENT = "as_sent"
ORDER_FAILED = "as_failed"
"""What a person says of a part, until it is done and told."""
HELD_STATUS = "unknown_status"
"""in_doubt_reason of a part that was answered with a command_status nobody knows (docs/architecture.md, "Held")."""


class Row(msgspec.Struct, frozen=True, array_like=True):
    """What decisions and events need of one row, in the order in which `sql` sends it (a JSON array)."""

    row_id: UUID
    enqueued_day: date
    message_id: UUID
    event_id: UUID
    operator_id: UUID
    account_id: str
    segment: int
    segments: int
    attempt: int
    status: RowStatus
    prepared_at: datetime
    possible_duplicate: bool = False
    submitted_at: datetime | None = None
    retry_at: datetime | None = None
    in_doubt_at: datetime | None = None
    operator_message_id: str | None = None
    command_status: int | None = None
    error_code: str | None = None
    reason: str | None = None
    in_doubt_reason: str | None = None
    policy_action: str | None = None
    gateway_replica: str | None = None
    gateway_epoch: str | None = None
    traceparent: str | None = None

    @property
    def unsent(self) -> bool:
        """Certainly never handed to a gateway."""
        return self.status is RowStatus.PREPARED and self.gateway_epoch is None

    @property
    def may_have_left(self) -> bool:
        """Octets of it may have reached the operator and were not refused."""
        if self.status is RowStatus.PREPARED:
            return self.gateway_epoch is not None
        if self.status is RowStatus.EXPIRED:
            return self.submitted_at is not None
        return self.status is not RowStatus.REJECTED

    @property
    def proven(self) -> bool:
        """The operator took it."""
        return self.status in (RowStatus.SUBMITTED, RowStatus.DLR_RECEIVED) or (
            self.status is RowStatus.EXPIRED and self.submitted_at is not None
        )

    @property
    def pending(self) -> bool:
        """More is to come of this try or of the next one."""
        return self.status is RowStatus.PREPARED or (self.status is RowStatus.REJECTED and self.retry_at is not None)

    @property
    def failed_in_doubt(self) -> bool:
        """Still in doubt, and given up by the policy `fail`."""
        return self.status is RowStatus.IN_DOUBT and self.policy_action == POLICY_FAIL

    @property
    def held(self) -> bool:
        """Still in doubt about what its command_status means, and left to a person."""
        return (
            self.status is RowStatus.IN_DOUBT
            and self.in_doubt_reason == HELD_STATUS
            and self.policy_action == POLICY_HOLD
        )

    def part(self, rows: Iterable[Row] = ()) -> Part:
        """The row as a worker hands it over; `rows` are its message's, for the refusals before it."""
        same, last = refusals_before(self, rows) if self.attempt > 1 else (0, None)
        return Part(
            row_id=self.row_id,
            enqueued_day=self.enqueued_day,
            message_id=self.message_id,
            segment=self.segment,
            attempt=self.attempt,
            possible_duplicate=self.possible_duplicate,
            gateway_replica=self.gateway_replica,
            gateway_epoch=self.gateway_epoch,
            same_refusals=same,
            last_refusal=last,
            operator_id=self.operator_id,
            segments=self.segments,
        )

    def state(self) -> PartState:
        return PartState(
            segment=self.segment,
            attempt=self.attempt,
            status=self.status,
            operator_id=self.operator_id,
            operator_message_id=self.operator_message_id,
            command_status=self.command_status,
            error_code=self.error_code,
            reason=self._told_reason(),
            possible_duplicate=self.possible_duplicate,
            submitted_at=self.submitted_at,
            retry_at=self.retry_at,
            failed=self.failed_in_doubt,
            held=self.held,
        )

    def _told_reason(self) -> str | None:
        if self.failed_in_doubt:
            return FAILED_IN_DOUBT
        return self.in_doubt_reason if self.status is RowStatus.IN_DOUBT else self.reason


class KeyedRow(Row, frozen=True, array_like=True):
    """A row with what a receipt is matched by."""

    key: str | None = None
    destination: str = ""
    dlr_state: str | None = None
    dlr_received_at: datetime | None = None

    def __repr__(self) -> str:
        """Without the destination."""
        return f"KeyedRow({self.row_id}, {self.message_id}, {self.segment}, {self.attempt}, {self.status})"


class DoubtfulRow(KeyedRow, frozen=True, array_like=True):
    """A row without an id, with what a receipt proves it by."""

    sender: str = ""
    user_message_reference: str | None = None


def refusals_before(row: Row, rows: Iterable[Row]) -> tuple[int, int | None]:
    """How many tries of the row's segment, in a row and directly before it, were refused with one command_status,
    and that status; (0, None) where the try before it was not refused by the operator."""
    earlier = sorted(
        (one for one in rows if (one.segment, one.segments) == (row.segment, row.segments)),
        key=lambda one: one.attempt,
        reverse=True,
    )
    same, last = 0, None
    for one in earlier:
        if one.attempt >= row.attempt:
            continue
        refused = one.status is RowStatus.REJECTED and one.command_status is not None
        if not refused or (same and one.command_status != last):
            break
        same, last = same + 1, one.command_status
    return same, last


class Try(Protocol):
    """A try of a part: a `Row`, or a row of the model."""

    @property
    def segment(self) -> int: ...
    @property
    def segments(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def prepared_at(self) -> datetime: ...


T = TypeVar("T", bound=Try)


def last_attempts(rows: Iterable[T]) -> Mapping[int, T]:
    """Segment → its last try, in order of segment, for the plan of the newest try.

    A message whose cut into parts changed before anything left has rows of two plans; the older one is history.
    """
    rows = list(rows)
    if not rows:
        return {}
    plan = max(rows, key=lambda row: (row.attempt, row.prepared_at)).segments
    last: dict[int, T] = {}
    for row in sorted((row for row in rows if row.segments == plan), key=lambda r: (r.segment, r.attempt)):
        last[row.segment] = row
    return last


def outcome_of(rows: Iterable[Row]) -> MessageOutcome | None:
    """The message's outcome, or None while a part is pending or missing."""
    rows = list(rows)
    last = rows if len(rows) == 1 else list(last_attempts(rows).values())
    if not last or len(last) < last[0].segments or any(row.pending for row in last):
        return None
    first = last[0]
    return MessageOutcome(
        message_id=first.message_id,
        event_id=first.event_id,
        account_id=first.account_id,
        operator_id=first.operator_id,
        traceparent=first.traceparent,
        parts=tuple([row.state() for row in last]),
    )
