"""How an operator's receipt ids come from its response ids, as a value: a Relation turns the one into the lookup key
of the other (`receipt_ids` has what always holds: letter case, padding, zeros before plain digits).

The text form names the steps in the order in which they are taken, with a space between: `cut-from:@ hex>dec` reads
"leave out what follows the first @, the rest is the number in decimal that the response wrote in hexadecimal".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from ghasi.smpp.receipt_ids import fold_id, strip_id

MOST_DIGITS: Final = 31
"""An id of 32 hexadecimal digits is a UUID without its dashes, and no number."""
MOST_LITERAL: Final = 32

_DECIMAL: Final = re.compile(r"[0-9]+\Z", re.ASCII)
_HEXADECIMAL: Final = re.compile(r"(?:0x)?([0-9a-f]+)\Z", re.ASCII)


class Bases(StrEnum):
    """Base of the response, then of the receipt."""

    SAME = "text"
    HEX_DEC = "hex>dec"
    DEC_HEX = "dec>hex"


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """Steps from a receipt id to the response's; a field at its default is no step. Literals are lower case."""

    cut_prefix: str = ""
    """This text stands before the id."""
    cut_suffix: str = ""
    """This text stands behind it."""
    cut_to: str = ""
    """The id begins behind the last of this character."""
    cut_from: str = ""
    """The id ends before the first of this character."""
    bases: Bases = Bases.SAME
    bare: bool = False
    """The response has no zeros before it, whatever the id looks like."""
    width: int = 0
    """The response has zeros before it up to this width, whatever the id looks like."""
    add_prefix: str = ""
    """The response has this text before the id."""
    add_suffix: str = ""
    """The response has this text behind it."""
    or_text: bool = False
    """Some receipts carry the response's id unchanged all the same."""

    def key(self, receipt_id: str) -> str | None:
        """The lookup key of the response, None where a step cannot be taken on this id."""
        core = self._core(strip_id(receipt_id).lower())
        number = in_other_base(core, self.bases) if core else None
        if number is None:
            return None
        if self.bare:
            number = number.lstrip("0") or "0"
        return fold_id(f"{self.add_prefix}{number.zfill(self.width)}{self.add_suffix}")

    def keys(self, receipt_id: str) -> list[str]:
        """Keys to look a receipt's id up by, the indexed one first; the folded id alone where `key` is None, and
        empty for an empty id."""
        plain = fold_id(receipt_id)
        if not plain:
            return []
        key = self.key(receipt_id)
        if key is None:
            return [plain]
        return list(dict.fromkeys([key, plain])) if self.or_text else [key]

    def fits(self, response_id: str, receipt_id: str) -> bool:
        """Whether a receipt of this id, read by this relation, finds the part of this response."""
        return fold_id(response_id) in self.keys(receipt_id)

    def takes(self, response_id: str) -> bool:
        """Whether the response is one that this relation speaks of: a number in its base, with what it adds."""
        text = strip_id(response_id).lower()
        if not (text.startswith(self.add_prefix) and text.endswith(self.add_suffix)):
            return False
        core = text[len(self.add_prefix) : len(text) - len(self.add_suffix)]
        other = {Bases.HEX_DEC: Bases.DEC_HEX, Bases.DEC_HEX: Bases.HEX_DEC}.get(self.bases, Bases.SAME)
        return bool(core) and in_other_base(core, other) is not None

    @property
    def adds(self) -> bool:
        """The response says more than the receipt: another text may be there tomorrow. Hexadecimal's own mark is
        none."""
        marked = self.bases is Bases.HEX_DEC and self.add_prefix == "0x"
        return bool(self.add_suffix or (self.add_prefix and not marked))

    def covers(self, other: Relation) -> bool:
        """Whether wherever `other` says something of its own, this one says the same: it cuts more."""
        if self.cut_to and other.cut_prefix.endswith(self.cut_to) and not (self.cut_prefix or other.cut_to):
            return self._but(cut_to="") == other._but(cut_prefix="")
        if self.cut_from and other.cut_suffix.startswith(self.cut_from) and not (self.cut_suffix or other.cut_from):
            return self._but(cut_from="") == other._but(cut_suffix="")
        return self == other

    def __str__(self) -> str:
        steps = []
        for field in fields(self):
            value, name = getattr(self, field.name), field.name.replace("_", "-")
            if value is True:
                steps.append(name)
            elif value and field.name == "bases":
                steps += [] if value is Bases.SAME else [str(value)]
            elif value:
                steps.append(f"{name}:{value}")
        return " ".join(steps) or Bases.SAME.value

    def _core(self, text: str) -> str | None:
        if not (text.startswith(self.cut_prefix) and text.endswith(self.cut_suffix)):
            return None
        core: str | None = text[len(self.cut_prefix) : len(text) - len(self.cut_suffix)]
        if self.cut_to:
            core = _behind(core, self.cut_to)
        if self.cut_from:
            core = _before(core, self.cut_from)
        return core

    def _but(self, **changes: str) -> Relation:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Relation(**{**values, **changes})


TEXT: Final = Relation()
"""The ids are the same but for what folding takes away: the relation of an operator of whom nothing is known."""


def parse_relation(text: str) -> Relation:
    """The inverse of `str`. Raises ValueError for what is no relation."""
    values: dict[str, object] = {}
    for step in text.split(" "):
        name, colon, value = step.partition(":")
        name = name.replace("-", "_")
        if step in (Bases.HEX_DEC.value, Bases.DEC_HEX.value):
            values["bases"] = Bases(step)
        elif step in ("bare", "or-text"):
            values[name] = True
        elif name == "width" and value.isdecimal():
            values[name] = int(value)
        elif colon and value and name in _LITERALS:
            values[name] = value
        elif step != Bases.SAME.value:
            raise ValueError(f"no step of an id relation: {step[:40]!r}")
    return Relation(**values)  # type: ignore[arg-type]


def reader(relation: Relation) -> Callable[[str], tuple[str, ...]]:
    """`relation.keys`, in a fraction of the time for the ids that a change of base nearly always meets."""
    if relation == Relation(bases=Bases.HEX_DEC):
        return lambda name: (
            (f"{int(name):x}",)
            if name.isascii() and name.isdecimal() and len(name) <= MOST_DIGITS
            else tuple(relation.keys(name))
        )
    return lambda name: tuple(relation.keys(name))


def read_again(read: Callable[[str], tuple[str, ...]], name: str, keys: Sequence[str]) -> tuple[str, ...]:
    """New keys, by a `reader`, of a receipt whose first id is `name` and that was looked up by `keys`.

    A receipt may name its part twice, in the text and as a parameter: the other name is known as its key only.
    """
    if len(keys) < 2:
        return read(name)
    return tuple(dict.fromkeys(key for one in [name, *keys[1:]] for key in read(one)))


_LITERALS: Final = ("cut_prefix", "cut_suffix", "cut_to", "cut_from", "add_prefix", "add_suffix")


def in_other_base(core: str, bases: Bases) -> str | None:
    """A receipt's number as the response writes it, of any size; None for what is no number in the receipt's base."""
    if bases is Bases.SAME:
        return core
    found = (_DECIMAL if bases is Bases.HEX_DEC else _HEXADECIMAL).match(core)
    if found is None or len(core) > MOST_DIGITS:
        return None
    return f"{int(core):x}" if bases is Bases.HEX_DEC else str(int(found[1], 16))


def _behind(text: str | None, mark: str) -> str | None:
    return text.rpartition(mark)[2] if text and mark in text else None


def _before(text: str | None, mark: str) -> str | None:
    return text.partition(mark)[0] if text and mark in text else None
