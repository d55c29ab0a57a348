"""What happened to a message, in order of time (docs/operations.md, "Where is my SMS"). Pure.

A time that nobody keeps is not made up: such an entry has none, stands where it belongs and says what is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from ghasi.contracts import timers
from ghasi.correlations.claims import PLAN_CHANGED
from ghasi.correlations.ids import moment_of
from ghasi.correlations.models import DeadLetter, InboxReceipt, MessageCorrelation
from ghasi.correlations.models_accounting import AccountingOpen
from ghasi.correlations.rows import HELD_STATUS
from ghasi.correlations.types import RowStatus
from ghasi.correlations.where_entry import CONNECTOR, Entry, part_of
from ghasi.correlations.where_passage import commands, passage
from ghasi.operators.models import Operator
from ghasi.smpp.constants import status_name

OURS = (PLAN_CHANGED, "command_gone")
"""How the reasons of a part begin that was refused for now and given up by us later."""
BY_ORDER_FAILED = ("as_failed", "failed")
NOT_KEPT = "The time is not kept."
POLICIES = {
    "resend": "Sent again by the operator's policy, as the next attempt: a possible duplicate.",
    "hold": "Left to a person.",
    "fail": "Given up by the operator's policy.",
    "expired": "Too late to be sent again: its bytes were put aside.",
    "plan_changed": "Cut into other parts meanwhile: its bytes were put aside.",
    "as_sent": "A person says that the operator took it; being told to the platform.",
    "as_failed": "A person says that it failed; being told to the platform.",
    "sent": "A person says that the operator took it; told to the platform.",
    "failed": "A person, or 72 hours without one, says that it failed; told to the platform.",
}


class Told(Protocol):
    """An action of the staff (`ghasi.operators.actions`)."""

    at: datetime
    actor: str
    action: str
    reason: str
    result: str


@dataclass(frozen=True, slots=True)
class Kept:
    """All that is kept of one message."""

    rows: Sequence[MessageCorrelation] = ()
    receipts: Sequence[InboxReceipt] = ()
    dead: Sequence[DeadLetter] = ()
    commands: Sequence[AccountingOpen] = ()
    actions: Sequence[Told] = ()
    events: Sequence[Entry] = ()
    """Found in the event streams."""
    names: dict[UUID, str] = field(default_factory=dict)
    """Operators by id."""
    operators: Mapping[UUID, Operator] = field(default_factory=dict)
    """As they were last written down."""
    near: Sequence[InboxReceipt] = ()
    """Receipts without a part whose number fits a part without an answer."""

    def name(self, operator_id: UUID) -> str:
        return self.names.get(operator_id) or str(operator_id)

    def carrier(self, row: MessageCorrelation) -> str:
        """Who carries the part, and instead of whom."""
        name, asked = self.name(row.operator_id), row.requested_operator_id
        return name if row.operator_id == asked else f"{name} (instead of {self.name(asked)})"

    def __repr__(self) -> str:
        """Without numbers."""
        return f"Kept({len(self.rows)} rows, {len(self.receipts)} receipts, {len(self.dead)} dead letters)"


def entries_of(kept: Kept) -> list[Entry]:
    """Everything, the oldest first."""
    found = [*kept.events]
    for command in kept.commands:
        found += _command(kept, command)
    found += commands(kept.rows, [one.stored_at for one in kept.commands])
    for row in sorted(kept.rows, key=lambda one: (one.attempt, one.segment)):
        found += _row(kept, row)
    parts = {row.pk: part_of(row) for row in kept.rows}
    for receipt in kept.receipts:
        found += _receipt(kept, receipt, parts)
    found += [_near(kept, one) for one in kept.near]
    for letter in kept.dead:
        found += _dead(kept, letter)
    found += [_action(one) for one in kept.actions]
    return sorted(found, key=lambda one: one.after)


def _command(kept: Kept, one: AccountingOpen) -> Iterator[Entry]:
    replay = f"replay of attempts up to {one.replay_attempt}" if one.replay_attempt else "command"
    yield Entry(
        "command",
        f"Stored in SMS_DISPATCH as {one.stream_seq} ({replay}); no outcome yet.",
        kept.name(one.operator_id),
        one.stored_at,
        one.stored_at,
    )
    if one.lost_at is not None:
        what = "Found acknowledged without an outcome: see the runbook, accounting."
        yield Entry("lost", what, CONNECTOR, one.lost_at, one.lost_at)


def _row(kept: Kept, row: MessageCorrelation) -> Iterator[Entry]:
    claimed, part, carrier = moment_of(row.pk), part_of(row), kept.name(row.operator_id)
    if row.status == RowStatus.EXPIRED and claimed >= row.expires_at:
        yield from _end(row, claimed, carrier)
        return
    duplicate = "It may double an earlier attempt." if row.possible_duplicate else ""
    requested = row.requested_operator_id
    instead = f" instead of {kept.name(requested)}" if requested != row.operator_id else ""
    yield Entry(
        "claimed",
        f"Claimed for {carrier}{instead}: its row was written before any octet left.",
        CONNECTOR,
        claimed,
        claimed,
        part,
        duplicate,
    )
    yield from passage(row, claimed, carrier)
    left = max(claimed, row.prepared_at)
    yield from _doubt(row, left)
    yield from _answer(row, left, carrier)
    yield from _end(row, left, carrier)


def _answer(row: MessageCorrelation, left: datetime, carrier: str) -> Iterator[Entry]:
    part = part_of(row)
    if row.submitted_at is not None:
        proven = row.in_doubt_at is not None and row.submitted_at == row.dlr_received_at
        name = f"as {row.operator_message_id}" if row.operator_message_id else "without an id"
        if proven:
            what = f"Proven taken by its receipt, {name}."
        elif row.policy_action in ("as_sent", "sent") and row.operator_message_id is None:
            what = "Counted as taken, because a person says so."
        else:
            what = f"Taken by the operator {name}."
        yield Entry("answer", what, carrier, row.submitted_at, max(left, row.submitted_at), part)
    elif row.command_status is not None:
        yield Entry(
            "answer",
            f"Answered with {status_name(row.command_status)}.",
            carrier,
            row.refused_at,
            row.refused_at or row.in_doubt_at or left,
            part,
            "" if row.refused_at else "The time of this refusal is not kept: it followed the hand-over.",
        )
    if row.status == RowStatus.REJECTED:
        yield _refusal(row, left)


def _refusal(row: MessageCorrelation, left: datetime) -> Entry:
    reason = f" ({row.reason})" if row.reason else ""
    if row.retry_at is not None:
        what = f"Refused for now{reason}: the next attempt is due."
        return Entry("retry", what, CONNECTOR, row.retry_at, max(left, row.retry_at), part_of(row))
    what = f"Given up{reason}." if (row.reason or "").startswith(OURS) else f"Refused for good{reason}."
    at = given_up_at(row)
    after = max(left, at) if at else row.refused_at or row.in_doubt_at or left
    return Entry("rejected", what, CONNECTOR, at, after, part_of(row), "" if at else NOT_KEPT)


def given_up_at(row: MessageCorrelation) -> datetime | None:
    """When nothing more of this try was to come; None where a version wrote it that did not keep the time."""
    if (row.reason or "").startswith(OURS):
        return row.closed_at
    if row.policy_action in BY_ORDER_FAILED:
        return row.policy_at
    return row.refused_at


def _doubt(row: MessageCorrelation, left: datetime) -> Iterator[Entry]:
    if row.in_doubt_at is None:
        return
    at, part = max(left, row.in_doubt_at), part_of(row)
    what = "Nobody knows what its answer means." if row.in_doubt_reason == HELD_STATUS else "It may have left or not."
    yield Entry("in doubt", what, CONNECTOR, row.in_doubt_at, at, part, row.in_doubt_reason or "")
    if row.policy_action:
        said, acted = POLICIES.get(row.policy_action, row.policy_action), row.policy_at
        note = "" if acted else NOT_KEPT
        yield Entry("policy", said, CONNECTOR, acted, max(at, acted) if acted else at, part, note)


def _end(row: MessageCorrelation, left: datetime, carrier: str) -> Iterator[Entry]:
    part = part_of(row)
    if row.dlr_received_at is not None:
        error = f", error {row.error_code}" if row.error_code else ""
        at = max(left, row.dlr_received_at)
        note = "The ledger keeps the receipt that counts, not those before it."
        yield Entry("receipt", f"Receipt: {row.dlr_state}{error}.", carrier, row.dlr_received_at, at, part, note)
    if row.submitted_at is None and row.status == RowStatus.EXPIRED:
        yield _unsent(row, left)
    elif row.submitted_at is not None and (row.status == RowStatus.EXPIRED or row.closed_at is not None):
        after = row.closed_at or row.submitted_at + timedelta(hours=timers.CORRELATION_KEPT_HOURS)
        what = f"No final receipt for {timers.CORRELATION_KEPT_HOURS} hours: nothing more is waited for."
        note = "" if row.closed_at else "The time is not kept: it follows those hours."
        yield Entry("expired", what, CONNECTOR, row.closed_at, after, part, note)


def expired_at(row: MessageCorrelation) -> datetime | None:
    """Of a row that never left. One that was made after the time of its message was over was made for saying so."""
    made = moment_of(row.pk)
    return row.closed_at or (made if made >= row.expires_at else None)


def _unsent(row: MessageCorrelation, left: datetime) -> Entry:
    at = expired_at(row)
    valid = f"It was valid until {row.expires_at:%Y-%m-%d %H:%M:%S} UTC."
    note = valid if at else f"{NOT_KEPT} {valid}"
    what = "Too late: nothing of it left."
    return Entry("expired", what, CONNECTOR, at, max(left, at or row.expires_at), part_of(row), note)


def _receipt(kept: Kept, one: InboxReceipt, parts: dict[UUID, str]) -> Iterator[Entry]:
    who = kept.name(one.operator_id)
    part = parts.get(one.matched_row, "") if one.matched_row else ""
    error = f", error {one.error_code}" if one.error_code else ""
    said = f"{one.status}{error}" if one.unreadable is None else f"unreadable: {one.unreadable}"
    what = f"Receipt for {one.operator_message_id} put into the inbox ({said}): no part was known for it."
    yield Entry("receipt", what, who, one.taken_at, one.taken_at, part, _kept_as(one))
    if one.given_up_at is not None:
        what = "Event published without a message: DLR_EVENTS, messageId null."
        yield Entry("event", what, CONNECTOR, one.given_up_at, one.given_up_at, part)
    if one.matched_at is not None:
        yield Entry("matched", "The receipt found its part.", CONNECTOR, one.matched_at, one.matched_at, part)
    if one.published_at is not None:
        what = f"Event published: DLR_EVENTS, {one.status}."
        yield Entry("event", what, CONNECTOR, one.published_at, one.published_at, part)


def _near(kept: Kept, one: InboxReceipt) -> Entry:
    error = f", error {one.error_code}" if one.error_code else ""
    what = f"Receipt for {one.operator_message_id} in the inbox ({one.status}{error}): its number fits."
    note = "Whether it is this message's its id tells, once the operator has answered."
    return Entry("receipt", what, kept.name(one.operator_id), one.taken_at, one.taken_at, "", note)


def _kept_as(one: InboxReceipt) -> str:
    words = [f"SMPP_RECEIPTS {one.receipt_key}"]
    if one.undecided:
        words.append(f"undecided: {one.undecided}")
    if one.matched_at is None and one.given_up_at is None and one.unreadable is None:
        words.append("still waiting")
    return ", ".join(words)


def _dead(kept: Kept, one: DeadLetter) -> Iterator[Entry]:
    can = "Its bytes were put aside" if ":" in one.reason else "It can never be sent and was put aside"
    what = f"{can}: {one.reason}."
    yield Entry("dead letter", what, kept.name(one.operator_id), one.at, one.at, "", f"SMPP_DEAD {one.stream_seq}")


def _action(one: Told) -> Entry:
    note = "; ".join(words for words in (one.reason, one.result) if words)
    return Entry("action", f"Staff: {one.action}.", one.actor, one.at, one.at, "", note)
