"""A person's word that what the books found is known: it ends the alarm for it, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from ghasi.correlations import sql_accounting
from ghasi.correlations.db import fetch


class Count(NamedTuple):
    """Commands lost and messages doubled, of one operator."""

    lost: int
    doubled: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found and nobody has acknowledged, by its keys: whatever is found later is not among it."""

    lost: Sequence[tuple[UUID, int]]
    """Operator, place in the stream."""
    doubled: Sequence[tuple[UUID, UUID, int]]
    """Operator, message, segment."""

    @property
    def counts(self) -> dict[UUID, Count]:
        """By operator, in order of its id."""
        return _counted((one[0] for one in self.lost), (one[:2] for one in self.doubled))

    def __len__(self) -> int:
        """Commands and messages, as the alarm counts them."""
        return total(self.counts)


def total(counts: dict[UUID, Count]) -> int:
    return sum(one.lost + one.doubled for one in counts.values())


def find(since: datetime, until: datetime, operator_ids: Sequence[UUID]) -> Findings:
    """Of commands stored from `since` to before `until`, and of parts sent twice then; of these operators, or of all
    where none is named."""
    given = _given(since, until, operator_ids)
    only = _only(operator_ids)
    lost = fetch(sql_accounting.FOUND_LOST + only, given)
    doubled = fetch(sql_accounting.FOUND_DOUBLED + only, given)
    return Findings([(row[0], row[1]) for row in lost], [(row[0], row[1], row[2]) for row in doubled])


def elsewhere(since: datetime, until: datetime, operator_ids: Sequence[UUID]) -> int:
    """How many findings outside that span nobody has acknowledged."""
    given = _given(since, until, operator_ids)
    only = _only(operator_ids)
    return sum(int(fetch(statement + only, given)[0][0]) for statement in sql_accounting.FOUND_ELSEWHERE)


def acknowledge(found: Findings, now: datetime) -> dict[UUID, Count]:
    """Takes these findings out of the alarm, all or none; returns those that nobody else took before, and that
    did not mend by themselves meanwhile."""
    lost = {"operator_ids": [one[0] for one in found.lost], "sequences": [one[1] for one in found.lost], "now": now}
    doubled = {
        "message_ids": [one[1] for one in found.doubled],
        "segments": [one[2] for one in found.doubled],
        "now": now,
    }
    with transaction.atomic():
        lost_now = fetch(sql_accounting.ACKNOWLEDGE_LOST, lost)
        doubled_now = fetch(sql_accounting.ACKNOWLEDGE_DOUBLED, doubled)
    return _counted((row[0] for row in lost_now), ((row[0], row[1]) for row in doubled_now))


def _counted(lost: Iterable[UUID], doubled: Iterable[tuple[UUID, UUID]]) -> dict[UUID, Count]:
    of_lost = Counter(lost)
    of_doubled = Counter(operator_id for operator_id, _ in set(doubled))
    return {one: Count(of_lost[one], of_doubled[one]) for one in sorted({*of_lost, *of_doubled}, key=str)}


def _given(since: datetime, until: datetime, operator_ids: Sequence[UUID]) -> dict[str, object]:
    return {"since": since, "until": until, "operator_ids": list(operator_ids)}


def _only(operator_ids: Sequence[UUID]) -> str:
    return sql_accounting.OF_OPERATORS if operator_ids else ""
