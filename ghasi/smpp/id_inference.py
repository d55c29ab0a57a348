"""Which relation the pairs of an operator show, and whether it can be wrong. Pure.

A pair is a response id and a receipt id of one part that were brought together by something else than the relation in
question (docs/architecture.md, "Ids that differ").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ghasi.smpp.id_explain import LEAST, explain
from ghasi.smpp.id_relation import TEXT, Bases, Relation
from ghasi.smpp.receipt_ids import fold_id, strip_id

PROPOSED_FROM: Final = 3
"""Parts that must show a relation before anybody is asked about it: one id or two may be chance."""
CERTAIN_FROM: Final = 20
"""Parts that must show it, none against it, before it is applied unasked. Of an operator that writes every tenth
receipt another way, 20 in a row hide that once in eight; so what shows up later is watched for (drift)."""
TELLING_FROM: Final = 10
"""Parts of those that each other relation must fail on. A part tells two relations apart by ids of four characters or
more. Parts of other subscribers are excluded already, so that chance would have to find it among at most ten parts
under three readings of 10,000 ids; ten such chances in a row are one in 10^25."""
MOST_SHOWN: Final = 6
MOST_WEIGHED: Final = 30

_ALWAYS: Final = (TEXT, Relation(bases=Bases.HEX_DEC), Relation(bases=Bases.DEC_HEX))


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """The ids as the operator sent them."""

    response_id: str
    receipt_id: str


class Doubt(StrEnum):
    """Why a relation is not certain."""

    FEW_PAIRS = "few_pairs"
    CONTRADICTED = "contradicted"
    """Pairs that it does not explain."""
    RIVAL = "rival"
    """Another relation fits too, or fails on too few pairs, and would read ids not yet seen differently."""
    COLLISION = "collision"
    """Two response ids of late would be one."""
    OUTSIDE = "outside"
    """Response ids of late that the relation cannot speak of."""
    ADDS = "adds"
    """The response says more than the receipt, and may say something else tomorrow."""


@dataclass(frozen=True, slots=True)
class Support:
    """What the pairs say of one relation. Counts are of parts, so of different response ids."""

    relation: Relation
    fits: int
    contradicts: int
    told_apart: int
    """Parts that fit the best relation and not this one, by ids long enough to mean something."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`best` is None where no relation is shown by enough pairs; TEXT means that there is nothing to learn."""

    best: Relation | None
    doubts: tuple[Doubt, ...]
    pairs: int
    unexplained: int
    """Parts that no known relation explains."""
    support: tuple[Support, ...]
    """The best first, at most six."""

    @property
    def certain(self) -> bool:
        """It may be applied without asking."""
        return self.best is not None and not self.doubts

    @property
    def learned(self) -> bool:
        """There is something to propose."""
        return self.best not in (None, TEXT)


NOTHING: Final = Verdict(None, (Doubt.FEW_PAIRS,), 0, 0, ())


def infer(pairs: Iterable[Pair], responses: Collection[str] = ()) -> Verdict:
    """`responses` are the operator's response ids of late, whatever became of them.

    Several receipts of one part count once; a part whose receipts speak against each other counts against.
    """
    parts = _parts(pairs)
    if not parts:
        return NOTHING
    fits = {one: _fitting(one, parts) for one in _candidates(parts)}
    ranked = sorted(fits, key=lambda one: _rank(one, len(fits[one])))
    explained = set[int]().union(*fits.values())
    best = _narrowest(ranked, fits)
    if len(fits[best]) < PROPOSED_FROM:
        return Verdict(None, (Doubt.FEW_PAIRS,), len(parts), len(parts) - len(explained), ())
    support = [_support(one, best, fits, parts) for one in [best, *(one for one in ranked if one != best)]]
    doubts = tuple(_doubts(best, support, len(parts), responses))
    proposed = replace(best, or_text=True) if best != TEXT and fits[TEXT] - fits[best] else best
    shown = tuple(one for one in support if one.fits)[:MOST_SHOWN]
    return Verdict(proposed, doubts, len(parts), len(parts) - len(explained), shown)


_Part = tuple[Pair, ...]


def _candidates(parts: Sequence[_Part]) -> set[Relation]:
    """Those that explain the most. A suffix that is new each time makes as many relations as there are pairs."""
    explained = Counter(
        one for part in parts for one in {one for pair in part for one in explain(pair.response_id, pair.receipt_id)}
    )
    ranked = sorted(explained, key=lambda one: _rank(one, explained[one]))
    return {*ranked[:MOST_WEIGHED], *_ALWAYS}


def _parts(pairs: Iterable[Pair]) -> list[_Part]:
    found: dict[str, dict[str, Pair]] = {}
    for pair in sorted(pairs):
        if fold_id(pair.response_id) and fold_id(pair.receipt_id):
            response, receipt = strip_id(pair.response_id), strip_id(pair.receipt_id)
            found.setdefault(response, {})[receipt] = Pair(response, receipt)
    return [tuple(receipts.values()) for receipts in found.values()]


def _fitting(relation: Relation, parts: Sequence[_Part]) -> set[int]:
    return {n for n, part in enumerate(parts) if all(_shows(relation, one) for one in part)}


def _shows(relation: Relation, pair: Pair) -> bool:
    """An id that is no number says nothing for another base, though it would be found: where such ids come, others
    that look like numbers may be meant as they stand."""
    if relation.bases is Bases.SAME:
        return relation.fits(pair.response_id, pair.receipt_id)
    return relation.key(pair.receipt_id) == fold_id(pair.response_id)


def _rank(relation: Relation, fits: int) -> tuple[object, ...]:
    """Most fits first, then what guesses least."""
    steps = 0 if relation == TEXT else str(relation).count(" ") + 1
    return (-fits, relation.adds, steps, not (relation.cut_prefix or relation.cut_suffix), str(relation))


def _narrowest(ranked: Sequence[Relation], fits: dict[Relation, set[int]]) -> Relation:
    """Of relations that fit the same pairs, the one that says something of the fewest other ids."""
    best = ranked[0]
    for one in ranked:
        if fits[one] == fits[ranked[0]] and one != best and best.covers(one):
            best = one
    return best


def _support(relation: Relation, best: Relation, fits: dict[Relation, set[int]], parts: Sequence[_Part]) -> Support:
    apart = fits[best] - fits[relation]
    told = sum(1 for n in apart if all(_tells(one) for one in parts[n]))
    return Support(relation, len(fits[relation]), len(parts) - len(fits[relation]), told)


def _tells(pair: Pair) -> bool:
    return min(len(fold_id(pair.response_id)), len(fold_id(pair.receipt_id))) >= LEAST


def _doubts(best: Relation, support: Sequence[Support], parts: int, responses: Collection[str]) -> Iterable[Doubt]:
    own = support[0]
    if own.fits < CERTAIN_FROM:
        yield Doubt.FEW_PAIRS
    if own.contradicts:
        yield Doubt.CONTRADICTED
    if any(one.told_apart < TELLING_FROM and not one.relation.covers(best) for one in support[1:]):
        yield Doubt.RIVAL
    if best.adds:
        yield Doubt.ADDS
    stripped = {strip_id(one) for one in responses if strip_id(one)}
    if len({fold_id(one) for one in stripped}) < len(stripped):
        yield Doubt.COLLISION
    if any(not best.takes(one) for one in stripped):
        yield Doubt.OUTSIDE
