"""From what the gateway answered to what the ledger records (SMPP 3.4 §5.1.3, docs/contract.md §8). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ghasi.contracts.statuses import status_rules
from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations.rows import HELD_STATUS
from ghasi.correlations.types import Part, PartFateKind, PartOutcome
from ghasi.smpp.receipt import id_keys
from ghasi.smpp.status import RETRYING, Action, retry_delay
from ghasi.smpp.status_rules import PLAIN, StatusRules
from workers.outgoing import Outgoing

MAX_ID = 64


def throttled(leaving: Iterable[tuple[Outgoing, Part]], fates: Iterable[PartFate]) -> bool:
    """Whether the operator, by its own rules, wants to be sent less."""
    return any(
        fate.command_status and status_rules(outgoing.rules.statuses).rule(fate.command_status).slows
        for (outgoing, _), fate in zip(leaving, fates, strict=True)
    )


def outcome_of(
    part: Part, fate: PartFate, *, now: datetime, id_base: str, jitter: float, statuses: StatusRules = PLAIN
) -> PartOutcome:
    """The record of one part. `jitter` is 0 to 1; `id_base` the operator's rule for ids (SendRules.id_base),
    `statuses` what its refusals mean."""
    at = _time(fate.answered_ms, now)
    if fate.fate is Fate.ACCEPTED:
        return accepted(part, fate.operator_message_id, at=at, id_base=id_base, sent=fate)
    if fate.fate is Fate.REJECTED:
        return refused(part, fate.command_status, at=at, jitter=jitter, statuses=statuses, sent=fate)
    if fate.fate is Fate.NOT_SENT:
        return _plain(part, PartFateKind.NOT_SENT, at, fate.reason)
    return _plain(part, PartFateKind.IN_DOUBT, at, fate.reason or fate.fate.value, fate)


def accepted(
    part: Part, operator_message_id: str, *, at: datetime, id_base: str, sent: PartFate | None = None
) -> PartOutcome:
    """ESME_ROK; an empty id is legal and means that no receipt can be matched by id. `sent` tells how it left."""
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
        held=sent.held if sent else "",
        sent_at=_sent(sent),
    )


def refused(
    part: Part,
    command_status: int,
    *,
    at: datetime,
    jitter: float,
    statuses: StatusRules = PLAIN,
    sent: PartFate | None = None,
) -> PartOutcome:
    """Another status: permanent, to be tried again at `retry_at` while its tries last, or held, because nobody knows
    what it means (docs/architecture.md, "Held")."""
    same = part.same_refusals if part.last_refusal == command_status else 0
    rule = statuses.rule(command_status)
    action = rule.action_after(same)
    retry_at = None
    if action in RETRYING:
        # An operator's own delays follow the tries that met this status; ours all tries there were.
        tries = same if rule.delays else part.attempt - 1
        retry_at = at + timedelta(seconds=retry_delay(action, tries, jitter, rule.delays))
    return PartOutcome(
        row_id=part.row_id,
        enqueued_day=part.enqueued_day,
        message_id=part.message_id,
        alone=part.alone,
        kind=PartFateKind.HELD if action is Action.HOLD else PartFateKind.REJECTED,
        at=at,
        command_status=command_status,
        reason=HELD_STATUS if action is Action.HOLD else rule.cause or None,
        retry_at=retry_at,
        held=sent.held if sent else "",
        sent_at=_sent(sent),
    )


def in_doubt(part: Part, reason: str, *, at: datetime) -> PartOutcome:
    """Octets may have left and nobody can say."""
    return _plain(part, PartFateKind.IN_DOUBT, at, reason)


def not_sent(part: Part, reason: str, *, at: datetime) -> PartOutcome:
    """Certainly unsent: the row is free to be handed over again."""
    return _plain(part, PartFateKind.NOT_SENT, at, reason)


def _plain(part: Part, kind: PartFateKind, at: datetime, reason: str, sent: PartFate | None = None) -> PartOutcome:
    return PartOutcome(
        row_id=part.row_id,
        enqueued_day=part.enqueued_day,
        message_id=part.message_id,
        alone=part.alone,
        kind=kind,
        at=at,
        reason=reason[:64],
        held=sent.held if sent else "",
        sent_at=_sent(sent),
    )


def _sent(fate: PartFate | None) -> datetime | None:
    """Where it waited for that; else nobody asks."""
    return datetime.fromtimestamp(fate.sent_ms / 1000, UTC) if fate and fate.held else None


def _time(milliseconds: int, default: datetime) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else default
