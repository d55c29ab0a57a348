"""How the ids in receipts relate to those in responses. Pure.

What the pairs show is judged as it is of live traffic (`ghasi.smpp.id_inference`), by the same thresholds. A run has
few pairs, some of them from the ids alone; so it proposes what nothing speaks against, and names what keeps that from
being certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ghasi.correlations.id_evidence import REASONS
from ghasi.probe.facts import Sent
from ghasi.probe.findings import Finding, bounded, still_open, told
from ghasi.probe.infer.id_match import match
from ghasi.probe.infer.id_rules import rules_of
from ghasi.probe.infer.reading import Seen
from ghasi.smpp.id_inference import CERTAIN_FROM, PROPOSED_FROM, Doubt, Pair, Verdict, infer
from ghasi.smpp.id_relation import TEXT, Bases, Relation
from ghasi.smpp.receipt_ids import fold_id

NAME: Final = "ids"
TITLE: Final = "Message ids"
_ASK: Final = "How does the id in a receipt follow from the message_id of submit_sm_resp?"
_ASK_BASE: Final = "In which base are ids in responses and receipts?"
_WORDS: Final = {
    Bases.SAME: "the same in responses and receipts (letter case and leading zeros aside)",
    Bases.HEX_DEC: "hexadecimal in responses, decimal in receipts",
    Bases.DEC_HEX: "decimal in responses, hexadecimal in receipts",
}
_NO_RULE: Final = "no rule of a profile says this: leave idBase at text, and the connector learns it (manage.py ids)"
_EXAMPLES: Final = 3
_BEARABLE: Final = frozenset({Doubt.FEW_PAIRS, Doubt.RIVAL})
"""Doubts that more pairs may end; of rivals, those that failed on some."""


def conclude(seen: Sequence[Seen], sent: Sequence[Sent], known: Sequence[tuple[Seen, Sent]]) -> Finding:
    """The verdict. `known` are receipts that say themselves which message they are about."""
    with_ids = [each for each in seen if each.ids]
    if not with_ids:
        why = "no receipt came" if not seen else "no receipt names an id"
        return still_open(NAME, TITLE, f"cannot be told: {why}", _ASK_BASE)
    responses = [each.message_id for each in sent if each.accepted and each.message_id]
    quoting = _quoting(known)
    fitting = match(with_ids, sent, known)
    if not fitting:
        return _unmatched(infer(quoting, responses), quoting)
    if len({tuple(id(message) for _, message in each.pairs) for each in fitting}) > 1:
        names = ", ".join(str(each.relation) for each in fitting)
        says = f"each of several relations gives every receipt a message, another one: {names}"
        return still_open(NAME, TITLE, says, _ASK_BASE, evidence=tuple(_examples(fitting[0].ids)))
    pairs = fitting[0].ids
    return _judged(infer(pairs, responses), pairs, len({fold_id(one.response_id) for one in quoting}))


def _judged(verdict: Verdict, pairs: Sequence[Pair], quoting: int) -> Finding:
    """`quoting`: messages whose receipt names them by something else than the id."""
    best = verdict.best
    evidence = (*_support(verdict, quoting), *_examples(pairs))
    if best is None or _contested(verdict):
        names = ", ".join(str(each.relation) for each in verdict.support) or "none"
        says = f"{verdict.pairs} ids are too few, or fit several relations: {names}"
        return still_open(NAME, TITLE, says, _ASK_BASE, value=_value(best), evidence=evidence)
    rules = rules_of(best, pairs)
    proposes = rules.values if rules is not None else {}
    if rules is None:
        evidence += (_NO_RULE,)
    missing = _missing(verdict, quoting)
    if not missing:
        return told(NAME, TITLE, _says(best), _value(best), evidence=evidence, proposes=proposes)
    says = f"{_says(best)}; {'; '.join(missing)}"
    return bounded(NAME, TITLE, says, _value(best), evidence=evidence, proposes=proposes, ask=_ASK_BASE)


def _unmatched(verdict: Verdict, quoting: Sequence[Pair]) -> Finding:
    says = "no relation known here makes all receipts fit their messages"
    if verdict.best is not None:
        says += f"; most fit is {verdict.best}"
    evidence = (*_support(verdict, verdict.pairs), *_examples(quoting))
    return still_open(NAME, TITLE, says, _ASK, value=_value(verdict.best), evidence=evidence)


def _contested(verdict: Verdict) -> bool:
    """A doubt that more of the same would not end, or a rival that hardly a pair speaks against."""
    rivals = (each for each in verdict.support[1:] if verdict.best is None or not each.relation.covers(verdict.best))
    return not _BEARABLE.issuperset(verdict.doubts) or any(each.told_apart < PROPOSED_FROM for each in rivals)


def _missing(verdict: Verdict, quoting: int) -> list[str]:
    """What would make it certain."""
    found = []
    if Doubt.FEW_PAIRS in verdict.doubts:
        found.append(f"{verdict.pairs} ids show it, {CERTAIN_FROM} would make it certain")
    elif Doubt.RIVAL in verdict.doubts:
        found.append("ids of four characters or more would make it certain")
    if quoting < PROPOSED_FROM:
        found.append("no receipt says which message it is about but by its id" if not quoting else _few(quoting))
    return found


def _few(quoting: int) -> str:
    return f"only {quoting} receipts say which message they are about but by its id, {PROPOSED_FROM} would do"


def _support(verdict: Verdict, quoting: int) -> Iterable[str]:
    yield f"{verdict.pairs} messages with receipts, {quoting} of them known by more than the id"
    for each in verdict.support:
        apart = f", {each.told_apart} tell it from the first" if each.told_apart else ""
        yield f"{each.relation}: fits {each.fits}, against {each.contradicts}{apart}"
    for doubt in verdict.doubts:
        yield f"not certain: {REASONS[doubt]}"


def _quoting(known: Sequence[tuple[Seen, Sent]]) -> list[Pair]:
    return [Pair(message.message_id, one.ids[0]) for one, message in known if one.ids and message.message_id]


def _value(relation: Relation | None) -> dict[str, Any] | None:
    return None if relation is None else {"relation": str(relation)}


def _says(relation: Relation) -> str:
    known = relation in (TEXT, Relation(bases=relation.bases))
    return _WORDS[relation.bases] + ("" if known else f": {relation}")


def _examples(pairs: Sequence[Pair]) -> list[str]:
    rows = [f"{pair.response_id} -> {pair.receipt_id}" for pair in pairs]
    return list(dict.fromkeys(rows))[:_EXAMPLES]
