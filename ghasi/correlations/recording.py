"""What became of parts, as the values the ledger's statements take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from ghasi.correlations import sql
from ghasi.correlations.db import as_json
from ghasi.correlations.hot import Call
from ghasi.correlations.texts import fit, fit_keys
from ghasi.correlations.types import PartFateKind, PartOutcome

_RECORD = {
    PartFateKind.ACCEPTED: sql.RECORD_ACCEPTED,
    PartFateKind.REJECTED: sql.RECORD_REJECTED,
    PartFateKind.IN_DOUBT: sql.RECORD_IN_DOUBT,
    PartFateKind.HELD: sql.RECORD_HELD,
    PartFateKind.NOT_SENT: sql.RECORD_NOT_SENT,
}


def recording(day: date, outcomes: Sequence[PartOutcome]) -> list[Call]:
    """The statements that record outcomes of one day, at most one for each kind."""
    calls: list[Call] = []
    for kind, statement in _RECORD.items():
        if records := [_RECORDS[kind](outcome) for outcome in outcomes if outcome.kind is kind]:
            calls.append((sql.on_day(statement, day), {"rows": as_json(records)}))
    return calls


def _accepted(outcome: PartOutcome) -> dict[str, object]:
    return {
        "id": outcome.row_id,
        "at": outcome.at,
        "operator_message_id": fit(outcome.operator_message_id, 64),
        "keys": fit_keys(outcome.lookup_keys) or None,
        **_wire(outcome),
    }


def _rejected(outcome: PartOutcome) -> dict[str, object]:
    return {
        "id": outcome.row_id,
        "at": outcome.at,
        "command_status": outcome.command_status,
        "reason": fit(outcome.reason, 64),
        "retry_at": outcome.retry_at,
        **_wire(outcome),
    }


def _doubted(outcome: PartOutcome) -> dict[str, object]:
    return {**_unsent(outcome), **_wire(outcome)}


def _unsent(outcome: PartOutcome) -> dict[str, object]:
    return {"id": outcome.row_id, "at": outcome.at, "reason": fit(outcome.reason, 64)}


def _wire(outcome: PartOutcome) -> dict[str, object]:
    return {"held": outcome.held, "sent_at": outcome.sent_at} if outcome.held else {}


_RECORDS: dict[PartFateKind, Callable[[PartOutcome], dict[str, object]]] = {
    PartFateKind.ACCEPTED: _accepted,
    PartFateKind.REJECTED: _rejected,
    PartFateKind.IN_DOUBT: _doubted,
    PartFateKind.HELD: lambda outcome: {**_doubted(outcome), "command_status": outcome.command_status},
    PartFateKind.NOT_SENT: _unsent,
}
