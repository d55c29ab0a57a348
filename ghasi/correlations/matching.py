"""Which part a receipt means, among the rows that carry its id (docs/contract.md §9). Pure.

Operators reuse ids, fold their case and pad them, and give one id to all parts of a message. In this order: an equal
raw id, the receipt's subscriber as the row's destination, the newest submission. Among the parts of that one message
that share the id, the first one without a final state: receipts of such operators come once per part.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ghasi.correlations.lattice import Standing
from ghasi.correlations.rows import KeyedRow
from ghasi.correlations.types import ReceiptFacts, RowStatus

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_COMPARED_DIGITS = 8
"""National and international forms of one number agree in their last digits."""


class Candidate:
    """A row a receipt may mean; `standing` moves while a batch of receipts is worked off."""

    __slots__ = ("read", "row", "standing")

    def __init__(self, row: KeyedRow) -> None:
        self.row = row
        self.read = Standing(row.status, row.dlr_state, row.error_code, row.dlr_received_at)
        """As the database had it: what the update compares with."""
        self.standing = self.read


def choose(facts: ReceiptFacts, candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate the receipt means; `candidates` carry one of its keys at its operator."""
    if not candidates:
        return None
    best = max(candidates, key=lambda one: _rank(facts, one))
    siblings = [
        one
        for one in candidates
        if one.row.message_id == best.row.message_id
        and one.row.attempt == best.row.attempt
        and one.row.operator_message_id == best.row.operator_message_id
        and one.standing.status is not RowStatus.DLR_RECEIVED
    ]
    return min(siblings, key=lambda one: one.row.segment, default=best)


def _rank(facts: ReceiptFacts, one: Candidate) -> tuple[bool, bool, datetime, int]:
    return (
        one.row.operator_message_id == facts.operator_message_id,
        same_number(facts.destination, one.row.destination),
        one.row.submitted_at or _LONG_AGO,
        -one.row.segment,
    )


def same_number(left: str, right: str) -> bool:
    """Two forms of one subscriber's number: equal, or equal in their last eight digits."""
    left, right = left.lstrip("+"), right.lstrip("+")
    if min(len(left), len(right)) < _COMPARED_DIGITS:
        return bool(left) and left == right
    return left[-_COMPARED_DIGITS:] == right[-_COMPARED_DIGITS:]
