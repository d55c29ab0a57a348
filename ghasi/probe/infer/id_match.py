"""Receipts brought together with their messages by their ids: each relation that could be meant is tried. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ghasi.probe.facts import Sent
from ghasi.probe.infer.reading import Seen
from ghasi.smpp.id_explain import explain, readings
from ghasi.smpp.id_inference import MOST_WEIGHED, Pair
from ghasi.smpp.id_relation import TEXT, Bases, Relation
from ghasi.smpp.receipt_ids import fold_id

_USUAL: Final = (TEXT, Relation(bases=Bases.HEX_DEC), Relation(bases=Bases.DEC_HEX))
_SAMPLES: Final = 3
"""Receipts compared with every message that asked for one: what relates the ids of all relates theirs."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of all receipts by one relation: each found one message."""

    relation: Relation
    pairs: tuple[tuple[Seen, Sent], ...]

    @property
    def ids(self) -> list[Pair]:
        """As the operator sent them; of the ids that a receipt names, the one that found the message."""
        return [
            Pair(message.message_id, next(raw for raw in one.ids if self.relation.fits(message.message_id, raw)))
            for one, message in self.pairs
        ]


def match(seen: Sequence[Seen], sent: Sequence[Sent], known: Sequence[tuple[Seen, Sent]]) -> list[Matched]:
    """The relations by which every receipt that has an id finds exactly one message, and the right one where
    `known` says which. Those that leave ids as they are come first."""
    by_key: dict[str, list[Sent]] = {}
    for each in sent:
        if each.accepted and fold_id(each.message_id):
            by_key.setdefault(fold_id(each.message_id), []).append(each)
    found = (_try(each, seen, by_key, known) for each in _candidates(seen, sent, known))
    return [each for each in found if each is not None]


def _candidates(seen: Sequence[Seen], sent: Sequence[Sent], known: Sequence[tuple[Seen, Sent]]) -> Iterable[Relation]:
    """The usual ones, then what most ids could mean: a suffix that is new each time makes one for each id."""
    raws = list(dict.fromkeys(raw for one in seen for raw in one.ids))
    counts = Counter(each for raw in raws for each in set(readings(raw)))
    asked = [one for one in sent if one.accepted and one.wants_receipt]
    for raw in raws[:_SAMPLES]:
        counts.update({each for one in asked for each in explain(one.message_id, raw)})
    for one, message in known:
        counts.update({each for raw in one.ids for each in explain(message.message_id, raw)})
    ranked = sorted(counts, key=lambda each: (-counts[each], len(str(each)), str(each)))
    return dict.fromkeys([*_USUAL, *ranked[:MOST_WEIGHED]])


def _try(
    relation: Relation, seen: Sequence[Seen], by_key: dict[str, list[Sent]], known: Sequence[tuple[Seen, Sent]]
) -> Matched | None:
    about = {id(one): message for one, message in known}
    pairs, owner = [], dict[str, str]()
    for one in seen:
        if not one.ids:
            continue
        hits = {key for raw in one.ids for key in relation.keys(raw) if key in by_key}
        if len(hits) != 1:
            return None
        key = hits.pop()
        own = fold_id(one.ids[-1])
        if owner.setdefault(key, own) != own:
            return None
        found = by_key[key]
        if id(one) in about and about[id(one)].message_id and about[id(one)] not in found:
            return None
        pairs.append((one, found[0]))
    return Matched(relation, tuple(pairs)) if pairs else None
