"""Counts what operators refused, by few enough codes (docs/contract.md §11)."""

from __future__ import annotations

from workers import metrics
from workers.few_codes import FewCodes

_codes = FewCodes()


def count(operator_id: str, command_status: int) -> None:
    """One more part."""
    label, _ = _codes.label(operator_id, command_status)
    metrics.submit_refused.labels(operator_id, label).inc()
