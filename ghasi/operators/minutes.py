# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""What happened with each operator, minute by minute, for the charts of the admin's first page.

Not the books: those count every command once (docs/architecture.md, "Accounting"). Here a process adds up what it
saw and writes it every few seconds; what a killed process had not written is missing from a chart.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from ghasi.operators.models import OperatorMinute

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds of the histograms' buckets, in seconds; one more bucket holds what took longer."""
SUBMITS = ("submitted", "retried", "refused", "held", "in_doubt")
"""Answers of the operator to parts: taken, refused for now, refused for good, held for a person, none."""
RECEIPTS = {
    "DELIVERED": "dlr_delivered",
    "ACCEPTED": "dlr_accepted",
    "UNDELIVERABLE": "dlr_undeliverable",
    "EXPIRED": "dlr_expired",
    "REJECTED": "dlr_rejected",
    "DELETED": "dlr_deleted",
    "UNKNOWN": "dlr_unknown",
}
"""Columns by the status of a receipt's event (docs/contract.md §3)."""
KEPT = timedelta(days=7)

_COUNTS = (*SUBMITS, *RECEIPTS.values())
_HISTOGRAMS = ("to_wire", "answered")
_encoder = msgspec.json.Encoder()


class _Row(msgspec.Struct, array_like=True):
    """As the statements give it; `operator_id` empty for all together."""

    minute: datetime
    operator_id: str
    counts: list[int]
    to_wire: list[int]
    answered: list[int]


_rows = msgspec.json.Decoder(list[_Row])


@dataclass(slots=True)
class Tally:
    """Of one operator in one minute."""

    counts: Counter[str] = field(default_factory=Counter)
    to_wire: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    answered: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def add(self, other: Tally) -> None:
        self.counts.update(other.counts)
        self.to_wire = _sum(self.to_wire, other.to_wire)
        self.answered = _sum(self.answered, other.answered)


Tallies = dict[tuple[datetime, str], Tally]
"""By the minute's beginning and the operator's id."""


def observe(buckets: list[int], seconds: Iterable[float]) -> None:
    """Counts each in the first bucket whose bound it does not exceed."""
    for one in seconds:
        buckets[bisect_left(BOUNDS, one)] += 1


def quantile(buckets: Sequence[int], share: float) -> float | None:
    """Seconds below which that share lies, straight between a bucket's bounds; the last bound for what lies above it.
    None where nothing was seen."""
    total = sum(buckets)
    if not total:
        return None
    rank, below = share * total, 0
    for place, count in enumerate(buckets):
        if count and below + count >= rank:
            if place >= len(BOUNDS):
                return BOUNDS[-1]
            low = BOUNDS[place - 1] if place else 0.0
            return low + (BOUNDS[place] - low) * (rank - below) / count
        below += count
    return BOUNDS[-1]


def _summed(name: str) -> str:
    return f"""{name} = (SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY n)
    FROM unnest(m.{name}, excluded.{name}) WITH ORDINALITY AS u(a, b, n))"""


# In one order everywhere, so that two processes never wait for each other in a ring.
_ADD = f"""
INSERT INTO smpp.operator_minutes AS m (minute, operator_id, {", ".join((*_COUNTS, *_HISTOGRAMS))})
SELECT minute, operator_id, {", ".join((*_COUNTS, *_HISTOGRAMS))}
FROM jsonb_to_recordset(%(rows)s::jsonb) AS u(minute timestamptz, operator_id uuid,
    {", ".join(f"{name} bigint" for name in _COUNTS)}, {", ".join(f"{name} bigint[]" for name in _HISTOGRAMS)})
ORDER BY minute, operator_id
ON CONFLICT (minute, operator_id) DO UPDATE SET
    {", ".join(f"{name} = m.{name} + excluded.{name}" for name in _COUNTS)},
    {", ".join(map(_summed, _HISTOGRAMS))}
"""
# One JSON text: an hour of many operators is thousands of rows, and an array costs more to read than all the rest.
_READ = f"""
SELECT coalesce(json_agg(json_build_array(minute, operator_id, json_build_array({", ".join(_COUNTS)}),
    to_wire, answered)), '[]')::text
FROM smpp.operator_minutes WHERE minute >= %(moment)s
"""
_READ_ONE = f"{_READ} AND operator_id = %(operator_id)s"


def _buckets(name: str) -> str:
    """A histogram's sum over rows, bucket by bucket; one of another release may be shorter."""
    return ", ".join(f"coalesce(sum({name}[{place}]), 0)" for place in range(1, len(BOUNDS) + 2))


_TOTALS = f"""
SELECT coalesce(json_agg(json_build_array(minute, '', counts, to_wire, answered)), '[]')::text
FROM (SELECT minute, json_build_array({", ".join(f"sum({name})" for name in _COUNTS)}) AS counts,
          json_build_array({_buckets("to_wire")}) AS to_wire, json_build_array({_buckets("answered")}) AS answered
      FROM smpp.operator_minutes WHERE minute >= %(moment)s GROUP BY minute) AS summed
"""
# A chart is not worth an fsync that the ledger's commits would wait for.
_RELAXED = "SELECT set_config('synchronous_commit', 'off', true)"


def add(tallies: Tallies) -> None:
    """Adds to what other processes have written; one statement for all."""
    if not tallies:
        return
    rows = [
        {
            "minute": minute,
            "operator_id": operator_id,
            **{name: tally.counts[name] for name in _COUNTS},
            "to_wire": tally.to_wire,
            "answered": tally.answered,
        }
        for (minute, operator_id), tally in tallies.items()
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_RELAXED)
        cursor.execute(_ADD, {"rows": _encoder.encode(rows).decode()})


def since(moment: datetime) -> Tallies:
    """What is written of the minutes that begin at `moment` or later."""
    return _tallies(_READ, {"moment": moment})


def of_operator(operator_id: UUID, moment: datetime) -> dict[datetime, Tally]:
    """The same of one operator, by minute."""
    found = _tallies(_READ_ONE, {"moment": moment, "operator_id": operator_id})
    return {minute: tally for (minute, _), tally in found.items()}


def totals(moment: datetime) -> dict[datetime, Tally]:
    """The same of all operators together, added up by the database: an hour of many is thousands of rows."""
    return {minute: tally for (minute, _), tally in _tallies(_TOTALS, {"moment": moment}).items()}


def _tallies(statement: str, given: dict[str, Any]) -> Tallies:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        (found,) = cursor.fetchone()
    return {
        (row.minute, row.operator_id): Tally(
            Counter({name: count for name, count in zip(_COUNTS, row.counts, strict=True) if count}),
            row.to_wire,
            row.answered,
        )
        for row in _rows.decode(found)
    }


def forget(now: datetime) -> int:
    """Drops what is older than a week; returns how many rows."""
    return OperatorMinute.objects.filter(minute__lt=now - KEPT).delete()[0]


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Of histograms of two releases that differ, the longer one's length."""
    return [a + b for a, b in zip_longest(one, other, fillvalue=0)]
