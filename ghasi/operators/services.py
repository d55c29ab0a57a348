"""Operators seen, remembered from the session bucket; what the staff did, written down."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from ghasi.contracts.sessions import SessionRecord, State
from ghasi.operators.actions import note_action
from ghasi.operators.models import Operator

__all__ = ["note_action", "operators_remember"]

# A standby's record says less than the holder's.
RANK = {State.BOUND: 0, State.FAILBACK: 1, State.CONNECTING: 2, State.UNBOUND: 3, State.DISCONNECTED: 4}


def operators_remember(records: Iterable[SessionRecord], *, now: datetime) -> int:
    """Writes down each operator as its best session shows it; returns how many."""
    best: dict[UUID, SessionRecord] = {}
    for record in sorted(records, key=lambda one: RANK.get(one.state, len(RANK)), reverse=True):
        best[UUID(record.operator_id)] = record
    # In one order everywhere: else two processes that write the same operators would wait for each other for ever.
    rows = [_row(operator_id, best[operator_id], now) for operator_id in sorted(best)]
    Operator.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["operator_id"],
        update_fields=["name", "state", "reason", "tps_limit", "backup_operator_id", "last_seen_at"],
    )
    return len(rows)


def _row(operator_id: UUID, record: SessionRecord, now: datetime) -> Operator:
    backup = record.backup_operator_id
    return Operator(
        operator_id=operator_id,
        name=record.operator_name[:128],
        state=record.state.value,
        reason=(record.reason or "")[:128],
        tps_limit=record.tps_limit,
        backup_operator_id=UUID(backup) if backup else None,
        first_seen_at=now,
        last_seen_at=now,
    )
