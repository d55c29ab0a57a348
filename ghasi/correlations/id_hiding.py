"""Ids that hold their subscriber's number: what is kept of them does not, and no relation is made of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ghasi.smpp.id_explain import HIDDEN, explain
from ghasi.smpp.id_inference import Pair
from ghasi.smpp.id_relation import Relation

TOGETHER: Final = 7
"""Digits of a number in a row that are hidden in an id. Fewer are there by chance too often."""
LEAST: Final = 5
"""Digits of a number in a row that no literal may hold: a literal is shown, logged and the same for everybody."""

_NO_DIGIT: Final = re.compile(r"[^0-9]+", re.ASCII)


def without_number(pair: Pair, *numbers: str) -> Pair | None:
    """The pair with the digits of its subscriber's `numbers` hidden; None where a literal would still hold some."""
    own = {digits for number in numbers if (digits := _NO_DIGIT.sub("", number))}
    kept = Pair(_hidden(pair.response_id, own), _hidden(pair.receipt_id, own))
    literals = {one for relation in explain(*_ids(kept)) for one in _literals(relation)}
    return None if any(_holds(literal, number) for literal in literals for number in own) else kept


def _ids(pair: Pair) -> tuple[str, str]:
    return pair.response_id, pair.receipt_id


def _hidden(name: str, numbers: Iterable[str]) -> str:
    shown = list(name)
    for number in numbers:
        size = min(TOGETHER, len(number))
        for at in range(len(name) - size + 1 if size >= LEAST else 0):
            if name[at : at + size] in number:
                shown[at : at + size] = HIDDEN * size
    return "".join(shown)


def without_own_numbers(text: str, *numbers: str) -> str:
    """A text of an operator's with the digits of these numbers hidden, as in ids."""
    return _hidden(text, {digits for number in numbers if (digits := _NO_DIGIT.sub("", number))})


def _literals(relation: Relation) -> tuple[str, ...]:
    return relation.cut_prefix, relation.cut_suffix, relation.add_prefix, relation.add_suffix


def _holds(literal: str, number: str) -> bool:
    return number in literal or any(literal[at : at + LEAST] in number for at in range(len(literal) - LEAST + 1))
