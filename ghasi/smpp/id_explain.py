"""Which relations lead from one receipt id to one response id. Pure.

What folding does already is no relation of its own: where the ids are the same text, `text` is the explanation, and
`differences` says what was folded away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ghasi.smpp.id_relation import MOST_LITERAL, TEXT, Bases, Relation
from ghasi.smpp.receipt_ids import fold_id, strip_id

SEPARATORS: Final = "@:/|#;,!_.~+=*&$-"
LEAST: Final = 4
"""Characters of an id that is found inside a longer one; fewer stand there by chance."""
HIDDEN: Final = "\u2022"
"""Stands in an id for a digit of its subscriber's number; no literal holds it."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z|[0-9a-f]{32}\Z", re.ASCII)
_WORD_BEFORE_NUMBER: Final = re.compile(r"([^0-9]{1,32})[0-9]{4,}\Z", re.ASCII)


def explain(response_id: str, receipt_id: str) -> frozenset[Relation]:
    """All relations that map the one to the other, `text` alone where folding does; empty where none known does."""
    if not fold_id(response_id) or not fold_id(receipt_id):
        return frozenset()
    if TEXT.fits(response_id, receipt_id):
        return frozenset([TEXT])
    found = [*readings(receipt_id), *_literal(response_id, receipt_id), *_padded(response_id, receipt_id)]
    return frozenset(
        one for one in [*found, *_added(found, response_id, receipt_id)] if one.fits(response_id, receipt_id)
    )


def readings(receipt_id: str) -> list[Relation]:
    """The relations that say something about a receipt id without knowledge of the response."""
    text = strip_id(receipt_id).lower()
    cuts = [TEXT, *_cuts(text)] if not is_uuid(text) else []
    return [
        relation
        for cut in cuts
        for bases in Bases
        if (relation := replace(cut, bases=bases)) != TEXT and relation.key(receipt_id) is not None
    ]


def is_uuid(text: str) -> bool:
    """A UUID, with its dashes or without: never a number, never cut."""
    return _UUID.match(text) is not None


def differences(response_id: str, receipt_id: str) -> frozenset[str]:
    """What folding took away between two ids that are the same: of `padding`, `case`, `zeros`."""
    left, right = strip_id(response_id), strip_id(receipt_id)
    found = set()
    if (left, right) != (response_id, receipt_id):
        found.add("padding")
    if left != right and left.lower() == right.lower():
        found.add("case")
    if left.lower() != right.lower():
        found.add("zeros")
        if left.lstrip("0") != right.lstrip("0"):
            found.add("case")
    return frozenset(found)


def _cuts(text: str) -> Iterator[Relation]:
    for mark in SEPARATORS:
        head, found, rest = text.partition(mark)
        if not found:
            continue
        if len(head) >= LEAST:
            yield Relation(cut_from=mark)
            yield from _short(Relation(cut_suffix=found + rest))
        front, _, tail = text.rpartition(mark)
        if len(tail) >= LEAST:
            yield Relation(cut_to=mark)
            yield from _short(Relation(cut_prefix=front + mark))
    if word := _WORD_BEFORE_NUMBER.match(text):
        yield from _short(Relation(cut_prefix=word[1]))


def _literal(response_id: str, receipt_id: str) -> Iterator[Relation]:
    """The response's text stands in the receipt's, with something before it or behind it."""
    response, receipt = strip_id(response_id).lower(), strip_id(receipt_id).lower()
    if len(response) >= LEAST and len(response) < len(receipt) and not is_uuid(receipt):
        if receipt.endswith(response):
            yield from _short(Relation(cut_prefix=receipt[: -len(response)]))
        if receipt.startswith(response):
            yield from _short(Relation(cut_suffix=receipt[len(response) :]))


def _padded(response_id: str, receipt_id: str) -> Iterator[Relation]:
    """Zeros before ids that are no plain digits, where folding leaves them alone."""
    response = strip_id(response_id)
    if response.startswith("0"):
        yield Relation(width=len(response))
    yield Relation(bare=True)


def _added(found: list[Relation], response_id: str, receipt_id: str) -> Iterator[Relation]:
    """The response says more than the receipt."""
    response = strip_id(response_id).lower()
    for relation in [one for one in [TEXT, *found] if one == Relation(bases=one.bases)]:
        core = relation.key(receipt_id)
        if not core or len(core) < LEAST or core == fold_id(response):
            continue
        if response.endswith(core):
            yield from _short(replace(relation, add_prefix=response[: -len(core)]))
        if response.startswith(core):
            yield from _short(replace(relation, add_suffix=response[len(core) :]))


def _short(relation: Relation) -> Iterator[Relation]:
    """A literal that is all but the whole id, could not be written down or holds a number is no rule."""
    texts = (relation.cut_prefix, relation.cut_suffix, relation.add_prefix, relation.add_suffix)
    if all(len(one) <= MOST_LITERAL and one.isprintable() and not {" ", HIDDEN} & set(one) for one in texts):
        yield relation
