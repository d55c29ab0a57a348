"""Which part a receipt means, among the rows that carry its id (docs/contract.md §9). Pure.

Operators reuse ids, fold their case and pad them, and give one id to all parts of a message. In this order: an equal
raw id, the receipt's subscriber as the row's destination, the newest submission. Where the receipt's id is read in
two ways that both name something, the subscriber goes before the equal id. Among the parts of that message that share
the id, the first one without a final state: receipts of such operators come once per part.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ghasi.correlations.lattice import Standing
from ghasi.correlations.rows import KeyedRow
from ghasi.correlations.types import ReceiptFacts, RowStatus

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
EARLIEST = timedelta(hours=1)
"""A receipt is not of a part that was handed over so long after it came, whatever our hosts' clocks say: it waits for
another one, which has for its number the text of this id."""
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
    candidates = [one for one in candidates if one.row.prepared_at <= facts.taken_at + EARLIEST]
    if not candidates:
        return None
    read_two_ways = len({one.row.key for one in candidates}) > 1
    best = max(candidates, key=lambda one: _rank(facts, one, read_two_ways))
    siblings = [
        one
        for one in candidates
        if one.row.message_id == best.row.message_id
        and one.row.attempt == best.row.attempt
        and one.row.operator_message_id == best.row.operator_message_id
        and one.standing.status is not RowStatus.DLR_RECEIVED
    ]
    return min(siblings, key=lambda one: one.row.segment, default=best)


def _rank(facts: ReceiptFacts, one: Candidate, read_two_ways: bool) -> tuple[bool, bool, datetime, int]:
    equal = one.row.operator_message_id == facts.operator_message_id
    theirs = same_number(facts.destination, one.row.destination)
    return (
        theirs if read_two_ways else equal,
        equal if read_two_ways else theirs,
        one.row.submitted_at or _LONG_AGO,
        -one.row.segment,
    )


def same_number(left: str, right: str) -> bool:
    """Two forms of one subscriber's number: equal, or equal in their last eight digits."""
    left, right = left.lstrip("+"), right.lstrip("+")
    if min(len(left), len(right)) < _COMPARED_DIGITS:
        return bool(left) and left == right
    return left[-_COMPARED_DIGITS:] == right[-_COMPARED_DIGITS:]
