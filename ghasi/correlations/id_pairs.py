"""Which response id and which receipt id belong to one part, found without the id or under one reading of it. Pure.

A pair is evidence and no match: the receipt waits on until a relation is in force under which its id names a part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ghasi.correlations.id_hiding import without_number
from ghasi.correlations.matching import same_number
from ghasi.correlations.proof import Doubt, fits, in_time, repeats
from ghasi.correlations.rows import KeyedRow
from ghasi.correlations.types import ReceiptFacts, RowStatus
from ghasi.smpp.id_explain import is_uuid, readings
from ghasi.smpp.id_inference import Pair
from ghasi.smpp.id_relation import Relation
from ghasi.smpp.receipt_ids import strip_id


class Source(StrEnum):
    """What brought the ids of a pair together."""

    FACTS = "facts"
    """It is the only receipt that waits of its subscriber, and only one part went there that it can mean."""
    REFERENCE = "reference"
    """It repeats the user_message_reference of one part only."""
    HIT = "hit"
    """Under all readings of its id together it names one part, and that is its subscriber's."""
    LATE = "late"
    """The response came after the receipt had proved the part."""
    MATCHED = "matched"
    """The receipt was matched by its id, and its subscriber is the part's."""


class Found(NamedTuple):
    """`pair` holds no number of its subscriber's."""

    pair: Pair
    source: Source


def kept(pair: Pair, source: Source, *numbers: str) -> list[Found]:
    """The pair without its subscriber's `numbers`; empty where that cannot be."""
    shown = without_number(pair, *numbers)
    return [] if shown is None else [Found(shown, source)]


class Stored(NamedTuple):
    """A pair as it is kept."""

    pair: Pair
    source: Source
    seen_at: datetime


_Named = tuple[ReceiptFacts, ...]


def by_facts(receipts: Iterable[ReceiptFacts], parts: Sequence[Doubt]) -> list[Found]:
    """`receipts` of one operator that wait, and `parts`: all that may have left there for their numbers."""
    theirs: dict[str, list[Doubt]] = defaultdict(list)
    for part in parts:
        theirs[part.row.destination.lstrip("+")].append(part)
    found = []
    for number, named in _by_number(receipts).items():
        for one in named:
            meant, source = _meant(one, theirs.get(number, []), alone=len(named) == 1)
            if meant is not None and meant.row.operator_message_id:
                pair = Pair(meant.row.operator_message_id, one[0].operator_message_id)
                found += kept(pair, source, number)
    return found


def _by_number(receipts: Iterable[ReceiptFacts]) -> dict[str, list[_Named]]:
    named: dict[tuple[str, str], list[ReceiptFacts]] = defaultdict(list)
    for facts in receipts:
        if facts.destination and strip_id(facts.operator_message_id):
            named[facts.destination, strip_id(facts.operator_message_id)].append(facts)
    found: dict[str, list[_Named]] = defaultdict(list)
    for (number, _), some in named.items():
        found[number].append(tuple(some))
    return found


def _meant(named: _Named, parts: Sequence[Doubt], *, alone: bool) -> tuple[Doubt | None, Source]:
    told = [part for part in parts if all(repeats(one, part) for one in named)]
    if len(told) == 1 and _open(told[0]):
        return told[0], Source.REFERENCE
    there = [part for part in parts if any(in_time(one, part) for one in named)]
    only = there[0] if alone and len(there) == 1 else None
    if only is not None and _open(only) and all(fits(one, only) for one in named):
        return only, Source.FACTS
    return None, Source.FACTS


def _open(part: Doubt) -> bool:
    """A part that has its receipt was found by its id: this one is of another."""
    return part.row.status is RowStatus.SUBMITTED


def keys_to_try(receipts: Iterable[ReceiptFacts], known: Sequence[Relation] = ()) -> dict[ReceiptFacts, set[str]]:
    """For each receipt the keys its id has under every reading, `known` relations of the operator among them, but for
    those it was looked up by already."""
    tried: dict[ReceiptFacts, set[str]] = {}
    for facts in receipts:
        name = strip_id(facts.operator_message_id).lower()
        if not name or is_uuid(name):
            continue
        keys = {key for one in (*readings(name), *known) if (key := one.key(name)) is not None}
        if keys := keys - set(facts.lookup_keys):
            tried[facts] = keys
    return tried


def by_hits(tried: Mapping[ReceiptFacts, set[str]], rows: Iterable[KeyedRow]) -> list[Found]:
    """`rows` are all of the operator's that stand under the keys tried."""
    under: dict[str | None, list[KeyedRow]] = defaultdict(list)
    for row in rows:
        under[row.key].append(row)
    found = []
    for facts, keys in tried.items():
        hit = [
            row
            for key in sorted(keys)
            for row in under.get(key, ())
            if same_number(row.destination, facts.destination) and row.prepared_at <= facts.taken_at
        ]
        names = {row.operator_message_id for row in hit if row.operator_message_id}
        if len(names) == 1 and all(row.status is RowStatus.SUBMITTED for row in hit):
            pair = Pair(names.pop(), facts.operator_message_id)
            found += kept(pair, Source.HIT, facts.destination, *(row.destination for row in hit))
    return found


def confirmed(pairs: Mapping[Pair, str], rows: Iterable[KeyedRow]) -> list[Found]:
    """Of receipts matched by id, with their subscribers' numbers: those whose part went to that number. An id that is
    another part's by chance shows there."""
    numbers: dict[str | None, list[str]] = defaultdict(list)
    for row in rows:
        numbers[row.operator_message_id].append(row.destination)
    return [
        found
        for pair, number in pairs.items()
        if any(same_number(number, one) for one in numbers.get(pair.response_id, ()))
        for found in kept(pair, Source.MATCHED, number, *numbers[pair.response_id])
    ]
