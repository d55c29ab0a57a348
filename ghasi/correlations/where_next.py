"""What to do next about a part, for whoever looks at it at night (docs/operations.md, "Where is my SMS"). Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from ghasi.contracts import timers
from ghasi.contracts.sessions import State, Wanted
from ghasi.correlations.models import DeadLetter, MessageCorrelation
from ghasi.correlations.rows import POLICY_FAIL, POLICY_HOLD
from ghasi.correlations.types import RowStatus
from ghasi.correlations.where_entries import Kept

SILENT = timedelta(minutes=2)
"""Operators are written down every five seconds, so that whoever was not for so long has no gateway, or no upkeep."""
BY_ORDER = frozenset(wanted.value for wanted in Wanted if wanted is not Wanted.BOUND)
GONE = "command_gone"
"""How the reasons of a part begin whose command left its stream without an outcome (`abandoned`)."""
SOON = timedelta(seconds=60)
"""A gateway answers within `timers.SUBMIT_RESPONSE` and some seconds."""


def state_of(kept: Kept, operator_id: UUID, now: datetime) -> str:
    """How the operator that a message waits for stands; empty where nobody wrote it down."""
    one = kept.operators.get(operator_id)
    if one is None or not one.state:
        return ""
    name, reason = kept.name(operator_id), f" ({one.reason})" if one.reason else ""
    if now - one.last_seen_at > SILENT:
        return f"{name} was {one.state} when a gateway last told, at {one.last_seen_at:%Y-%m-%d %H:%M:%S} UTC."
    if one.state == State.BOUND:
        return f"{name} is BOUND and takes {one.tps_limit} a second at most."
    return f"{name} is {one.state}{reason}."


def to_wait_for(kept: Kept, operator_id: UUID, now: datetime) -> str:
    """About a message that waits for its operator."""
    one = kept.operators.get(operator_id)
    if one is None or not one.state:
        return "See whether a gateway serves the operator: manage.py sessions."
    if now - one.last_seen_at > SILENT:
        return "See whether gateway and receipts pool run: manage.py doctor."
    if one.state == State.BOUND:
        return "Nothing: it leaves in its turn. Many before it: see the backlog on the first page."
    if one.state == State.FAILBACK:
        return "Nothing: the backup carries what comes, in turn."
    if one.reason in BY_ORDER:
        return f"Somebody wanted it so; let it send again: manage.py bind {operator_id}."
    return f"It leaves by itself once the operator is bound. Why it is not: manage.py sessions {operator_id}."


def next_of(kept: Kept, row: MessageCorrelation, now: datetime) -> str:
    """About a part, by its last try."""
    if row.status == RowStatus.PREPARED:
        return _unanswered(kept, row, now)
    if row.status == RowStatus.SUBMITTED:
        return _submitted(row)
    if row.status == RowStatus.DLR_RECEIVED:
        return "" if row.dlr_state == "DELIVERED" else "Nothing: the platform was told. Why is the operator's to say."
    if row.status == RowStatus.IN_DOUBT:
        return _doubtful(row)
    if row.status == RowStatus.REJECTED:
        return _refused(kept, row, now)
    if row.submitted_at is not None:
        return _asked(row)
    return "Nothing: the platform was told EXPIRED, and sends anew if it wants to."


def _unanswered(kept: Kept, row: MessageCorrelation, now: datetime) -> str:
    if row.gateway_replica is None:
        return to_wait_for(kept, row.operator_id, now)
    if now - row.prepared_at < SOON:
        return f"Wait: an answer comes within {timers.SUBMIT_RESPONSE:.0f} s, or it is in doubt."
    return "Wait: its command comes again and the gateway is asked; within an hour it is known or in doubt."


def _submitted(row: MessageCorrelation) -> str:
    return f"Wait for its receipt. {_asked(row)}"


def _asked(row: MessageCorrelation) -> str:
    if row.operator_message_id is None:
        return "It has no id of the operator's: ask the operator by number and time."
    return f"Ask the operator about id {row.operator_message_id} if it matters."


def command_is_gone(row: MessageCorrelation) -> bool:
    """No policy acts on it, and nothing of it is kept that could be sent."""
    return (row.in_doubt_reason or "").startswith(GONE) or (row.reason or "").startswith(GONE)


def _doubtful(row: MessageCorrelation) -> str:
    if row.policy_action is None and command_is_gone(row):
        return (
            "Ask the operator whether it has it, then settle it: the admin's list of correlations, "
            f"/admin/correlations/messagecorrelation/?q={row.message_id}."
        )
    if row.policy_action is None:
        return "Wait: its receipt settles it, else the operator's policy."
    if row.policy_action == POLICY_HOLD:
        return (
            "Ask the operator whether it has it, then say so: "
            f"manage.py held as-sent|as-failed|resend {row.message_id}."
        )
    if row.policy_action == POLICY_FAIL:
        return f"Nothing: the platform was told REJECTED. It may double if sent again: {_replay(row)}."
    if row.policy_action in ("as_sent", "as_failed", "resend"):
        return "Wait: it is carried out within seconds."
    return f"Ask the operator whether it has it; if not: {_replay(row)}."


def _refused(kept: Kept, row: MessageCorrelation, now: datetime) -> str:
    if row.retry_at is None and command_is_gone(row):
        return "Nothing: the platform was told REJECTED, and sends anew if it wants to."
    if row.retry_at is None:
        return f"Mend what it was refused for; its bytes are kept: {_replay(row)}."
    if row.retry_at < now:
        return to_wait_for(kept, row.operator_id, now)
    return "Nothing: it is tried again by itself."


def _replay(row: MessageCorrelation) -> str:
    return f"manage.py replay {row.message_id}"


def next_of_letter(one: DeadLetter) -> str:
    mend = f"Have the command mended and sent anew, or mend the rule that stood against it ({one.reason})"
    return f"{mend}; then the same one again: manage.py replay {one.message_id}."
