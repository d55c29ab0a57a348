"""A relation of ids as an operator's profile can state it: base, a text before the id, a mark to cut at. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ghasi.smpp.id_inference import Pair
from ghasi.smpp.id_relation import Bases, Relation
from ghasi.smpp.receipt import ReceiptRules
from ghasi.smpp.receipt_ids import IdBase, id_keys, strip_id

_BASE: Final = {Bases.SAME: IdBase.TEXT, Bases.HEX_DEC: IdBase.HEX, Bases.DEC_HEX: IdBase.DEC}
_RECEIPT_BASE: Final = {IdBase.TEXT: IdBase.TEXT, IdBase.HEX: IdBase.DEC, IdBase.DEC: IdBase.HEX}
_LONGEST_CUT: Final = 8
"""Characters of `receipts.idCut`."""


@dataclass(frozen=True, slots=True)
class IdRules:
    """The fields of `receipts` in a profile that say how ids are read (docs/profiles.md)."""

    base: IdBase
    prefix: str = ""
    cut: str = ""

    def brings_together(self, pair: Pair) -> bool:
        """Whether the connector, by these rules, finds the part of this receipt."""
        core = ReceiptRules(id_prefix=self.prefix, id_cut=self.cut).key_id(pair.receipt_id)
        keys = id_keys(core, base=_RECEIPT_BASE[self.base])
        return not set(keys).isdisjoint(id_keys(pair.response_id, base=self.base))

    @property
    def values(self) -> dict[str, Any]:
        """By dotted path."""
        plain = {"receipts.idBase": self.base.value, "receipts.idCut": self.cut}
        return plain | ({"receipts.idPrefix": self.prefix} if self.prefix else {})


def rules_of(relation: Relation, pairs: Sequence[Pair]) -> IdRules | None:
    """None where a profile cannot say it, tried on the pairs themselves."""
    raw = strip_id(pairs[0].receipt_id) if pairs else ""
    # A relation has its literals in lower case; the profile compares them as they are sent.
    prefix = raw[: len(relation.cut_prefix)]
    suffix = raw[len(raw) - len(relation.cut_suffix) :]
    cut = relation.cut_from or suffix[:_LONGEST_CUT]
    rest = replace(relation, cut_prefix="", cut_suffix="", cut_from="", bases=Bases.SAME, or_text=False)
    if rest != Relation():
        return None
    rules = IdRules(_BASE[relation.bases], prefix, cut)
    return rules if all(rules.brings_together(one) for one in pairs) else None
