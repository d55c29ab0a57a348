"""What stands behind a proposal, as the table keeps it and the staff sees it. Ids only, never a number. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ghasi.correlations.id_pairs import Stored
from ghasi.smpp.id_explain import differences
from ghasi.smpp.id_inference import Pair, Verdict
from ghasi.smpp.id_relation import TEXT, Relation

EXAMPLES = 3

REASONS = {
    "few_pairs": "too few pairs",
    "contradicted": "pairs that do not fit",
    "rival": "another relation fits as well, or is not told apart by enough pairs",
    "collision": "two response ids of late would be one",
    "outside": "response ids of late that it cannot mean",
    "adds": "responses say more than receipts, and may say something else tomorrow",
}


def evidence_of(verdict: Verdict, stored: Sequence[Stored]) -> dict[str, Any]:
    """`relations` the best first; `pairs` and `unexplained` count parts, `bySource` ids brought together."""
    pairs = [one.pair for one in stored]
    best = verdict.best
    return {
        "best": None if best is None else str(best),
        "certain": verdict.certain,
        "doubts": [one.value for one in verdict.doubts],
        "pairs": verdict.pairs,
        "unexplained": verdict.unexplained,
        "bySource": dict(Counter(one.source.value for one in stored)),
        "relations": [
            {
                "relation": str(one.relation),
                "fits": one.fits,
                "contradicts": one.contradicts,
                "toldApart": one.told_apart,
            }
            for one in verdict.support
        ],
        "differences": dict(Counter(kind for pair in pairs for kind in sorted(_differences(pair)))),
        "examples": [_told(pair) for pair in pairs if best is not None and _shows(best, pair)][:EXAMPLES],
        "against": [_told(pair) for pair in pairs if best is not None and not _shows(best, pair)][:EXAMPLES],
    }


def in_words(evidence: dict[str, Any]) -> list[str]:
    """The same as lines for a person."""
    if not evidence:
        return ["no pairs yet"]
    by = ", ".join(f"{count} by {source}" for source, count in sorted(evidence["bySource"].items()))
    lines = [f"{evidence['pairs']} parts ({by}), {evidence['unexplained']} that nothing explains"]
    for one in evidence["relations"]:
        apart = f", {one['toldApart']} tell it from the first" if one["toldApart"] else ""
        lines.append(f"{one['relation']}: fits {one['fits']}, against {one['contradicts']}{apart}")
    lines += [f"for it: response {one['response']}, receipt {one['receipt']}" for one in evidence["examples"]]
    lines += [f"against it: response {one['response']}, receipt {one['receipt']}" for one in evidence["against"]]
    lines += [f"not certain: {REASONS.get(one, one)}" for one in evidence["doubts"]]
    return lines


def _shows(relation: Relation, pair: Pair) -> bool:
    return relation.fits(pair.response_id, pair.receipt_id)


def _differences(pair: Pair) -> frozenset[str]:
    same = TEXT.fits(pair.response_id, pair.receipt_id)
    return differences(pair.response_id, pair.receipt_id) if same else frozenset()


def _told(pair: Pair) -> dict[str, str]:
    return {"response": pair.response_id, "receipt": pair.receipt_id}
