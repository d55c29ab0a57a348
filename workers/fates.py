"""From what the gateway answered to what the ledger records (SMPP 3.4 §5.1.3, docs/contract.md §8). Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations.types import Part, PartFateKind, PartOutcome
from ghasi.smpp.receipt import id_keys
from ghasi.smpp.status import Action, retry_delay, submit_action

MAX_ID = 64


def outcome_of(part: Part, fate: PartFate, *, now: datetime, id_base: str, jitter: float) -> PartOutcome:
    """The record of one part. `jitter` is 0 to 1; `id_base` the operator's rule for ids (SendRules.id_base)."""
    at = _time(fate.answered_ms, now)
    if fate.fate is Fate.ACCEPTED:
        return accepted(part, fate.operator_message_id, at=at, id_base=id_base)
    if fate.fate is Fate.REJECTED:
        return refused(part, fate.command_status, at=at, jitter=jitter)
    if fate.fate is Fate.NOT_SENT:
        return _plain(part, PartFateKind.NOT_SENT, at, fate.reason)
    return _plain(part, PartFateKind.IN_DOUBT, at, fate.reason or fate.fate.value)


def accepted(part: Part, operator_message_id: str, *, at: datetime, id_base: str) -> PartOutcome:
    """ESME_ROK; an empty id is legal and means that no receipt can be matched by id."""
    raw = operator_message_id.strip("\x00 ")[:MAX_ID]
    return PartOutcome(
        row_id=part.row_id,
        enqueued_day=part.enqueued_day,
        message_id=part.message_id,
        alone=part.alone,
        kind=PartFateKind.ACCEPTED,
        at=at,
        operator_message_id=raw or None,
        lookup_keys=tuple(id_keys(raw, base=id_base)) if raw else (),
        command_status=0,
    )


def refused(part: Part, command_status: int, *, at: datetime, jitter: float) -> PartOutcome:
    """Another status: permanent, or to be tried again at `retry_at` while its tries last."""
    same = part.same_refusals if part.last_refusal == command_status else 0
    action = submit_action(command_status, same)
    retry_at = None
    if action is not Action.PERMANENT:
        retry_at = at + timedelta(seconds=retry_delay(action, part.attempt - 1, jitter))
    return PartOutcome(
        row_id=part.row_id,
        enqueued_day=part.enqueued_day,
        message_id=part.message_id,
        alone=part.alone,
        kind=PartFateKind.REJECTED,
        at=at,
        command_status=command_status,
        retry_at=retry_at,
    )


def in_doubt(part: Part, reason: str, *, at: datetime) -> PartOutcome:
    """Octets may have left and nobody can say."""
    return _plain(part, PartFateKind.IN_DOUBT, at, reason)


def not_sent(part: Part, reason: str, *, at: datetime) -> PartOutcome:
    """Certainly unsent: the row is free to be handed over again."""
    return _plain(part, PartFateKind.NOT_SENT, at, reason)


def _plain(part: Part, kind: PartFateKind, at: datetime, reason: str) -> PartOutcome:
    return PartOutcome(
        row_id=part.row_id,
        enqueued_day=part.enqueued_day,
        message_id=part.message_id,
        alone=part.alone,
        kind=kind,
        at=at,
        reason=reason[:64],
    )


def _time(milliseconds: int, default: datetime) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else default
