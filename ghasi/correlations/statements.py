"""What the books say: balances for a span of time, and what is unexplained now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from ghasi.correlations import sql_accounting
from ghasi.correlations.accounting import Balance, Outcome
from ghasi.correlations.db import execute, fetch

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the books of an operator are kept. `checked_at` is None before the first check."""

    operator_id: UUID
    stream_created: datetime
    read_to: int
    began_at: datetime
    checked_at: datetime | None
    excess: int


def marks() -> dict[UUID, Mark]:
    """By operator: all whose books were ever opened."""
    return {row[0]: Mark(*row) for row in fetch(sql_accounting.MARKS, {})}


def balances(since: datetime, until: datetime) -> list[Balance]:
    """One per operator with books, in order of its id. Commands stored from `since` to before `until`, both whole
    minutes; doubles by when the second try was prepared. `excess` is of now and not of that span."""
    span = {"since": since, "until": until}
    with transaction.atomic():
        # One snapshot: a check that runs meanwhile moves commands from one table to another.
        execute(_SNAPSHOT, {})
        sums = {row[0]: row[1:] for row in fetch(sql_accounting.SUM_MINUTES, span)}
        waiting = fetch(sql_accounting.OPEN_IN, span)
        doubles = fetch(sql_accounting.DOUBLES_IN, span)
        known = marks()
    in_hand, lost = _by_operator(waiting)
    doubled: dict[UUID, list[str]] = defaultdict(list)
    for operator_id, message_id in doubles:
        doubled[operator_id].append(str(message_id))
    none = (0,) * (len(Outcome) + 2)
    return [
        Balance(
            operator_id,
            taken=sums.get(operator_id, none)[0],
            outcomes=dict(zip(Outcome, sums.get(operator_id, none)[1:], strict=False)),
            untold=sums.get(operator_id, none)[-1],
            in_hand=in_hand[operator_id],
            lost=tuple(lost[operator_id]),
            doubled=tuple(doubled[operator_id]),
            excess=known[operator_id].excess if operator_id in known else 0,
        )
        for operator_id in sorted({*sums, *known, *doubled}, key=str)
    ]


def _by_operator(waiting: Sequence[tuple[Any, ...]]) -> tuple[dict[UUID, int], dict[UUID, list[str]]]:
    in_hand: dict[UUID, int] = defaultdict(int)
    lost: dict[UUID, list[str]] = defaultdict(list)
    for operator_id, sequence, message_id, is_lost in waiting:
        if is_lost:
            lost[operator_id].append(str(message_id) if message_id else f"sequence {sequence}")
        else:
            in_hand[operator_id] += 1
    return in_hand, lost


def unexplained() -> dict[UUID, int]:
    """Lost and doubled that nobody has acknowledged, by operator; what the alarm looks at."""
    return {operator_id: int(count) for operator_id, count in fetch(sql_accounting.UNEXPLAINED, {})}


def forget(before: datetime) -> None:
    """Drops what is older than the ledger's retention."""
    for statement in sql_accounting.FORGET:
        execute(statement, {"before": before})
