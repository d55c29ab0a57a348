"""Counts parts held because of a command_status nobody knows, by few enough codes (docs/contract.md §11)."""

from __future__ import annotations

from uuid import UUID

from ghasi.logs import get_logger
from workers import metrics
from workers.few_codes import FewCodes

log = get_logger()
_codes = FewCodes()


def count(operator_id: str, command_status: int, message_id: UUID, traceparent: str | None = None) -> None:
    """One more part; a code that is new is told once, with the message that met it."""
    label, first = _codes.label(operator_id, command_status)
    if first:
        log.error(
            "status.unknown",
            operatorId=operator_id,
            status=label,
            messageId=str(message_id),
            traceparent=traceparent,
        )
    metrics.status_held.labels(operator_id, label).inc()
