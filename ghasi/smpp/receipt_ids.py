"""Message ids under which a part is stored and looked up, so that an operator's two ways to write one meet.

An operator may give an id in submit_sm_resp and repeat it in the receipt in another letter case, with zeros
before it, or in another base. Both sides go through `id_keys`; they belong together when they share a key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final


class IdBase(StrEnum):
    """How an operator means an id. HEX and DEC only by its profile: "1000000" is both, digits alone do not
    tell.
    """

    TEXT = "text"
    HEX = "hex"
    DEC = "dec"


_PADDING: Final = "\0 \t\r\n"
# Only one run of hexadecimal digits can be a padded number; a UUID that starts with 0 keeps its zero.
_PLAIN_DIGITS: Final = re.compile(r"[0-9a-f]+\Z", re.ASCII)
_NUMBERS: Final = {
    IdBase.HEX: (re.compile(r"(?:0x)?([0-9a-f]{1,64})\Z", re.ASCII), 16),
    IdBase.DEC: (re.compile(r"([0-9]{1,64})\Z", re.ASCII), 10),
}


def strip_id(raw: str) -> str:
    """The id as sent, without the NULs and spaces that some operators leave around it."""
    return raw.strip(_PADDING)


def fold_id(raw: str) -> str:
    """Lower case, padding gone, leading zeros dropped from plain digit or hexadecimal strings only."""
    folded = strip_id(raw).lower()
    if _PLAIN_DIGITS.match(folded):
        return folded.lstrip("0") or "0"
    return folded


def id_keys(raw_id: str, *, base: IdBase | str = IdBase.TEXT) -> list[str]:
    """The lookup keys of an id, the indexed one first; empty for an empty id.

    With base TEXT it is the folded id. With HEX or DEC it is `#` and the number in decimal, of any size;
    the folded text is then left out, because the text of one id can equal the number of another. An id that
    is not a number in that base keeps its folded text. Among several rows under one key, prefer the one
    whose raw id is equal.
    """
    folded = fold_id(raw_id)
    if not folded:
        return []
    number = _number(folded, IdBase(base))
    return [folded] if number is None else [f"#{number}"]


def receipt_keys(raw_ids: Sequence[str], *, base: IdBase | str = IdBase.TEXT) -> list[str]:
    """The lookup keys of a receipt's ids, in which they are numbers of `base`: their `id_keys`, then the text in
    which the response writes each number, in its own base.

    Under that text stand the parts that were accepted before the rules named a base. It is the same number,
    so it cannot name another id's part, as the receipt's own text could.
    """
    base = IdBase(base)
    keys = [key for raw in raw_ids for key in id_keys(raw, base=base)]
    if base is not IdBase.TEXT:
        numbers = [_number(fold_id(raw), base) for raw in raw_ids]
        keys += [f"{one:x}" if base is IdBase.DEC else str(one) for one in numbers if one is not None]
    return list(dict.fromkeys(keys))


def former_keys(raw_id: str, keys: Sequence[str]) -> dict[str, IdBase]:
    """The keys under which parts stand that were accepted while the operator's ids had another base than now, beside
    `keys`; with each the base that its response must have had."""
    folded = fold_id(raw_id)
    found: dict[str, IdBase] = {}
    for base, response in ((IdBase.DEC, IdBase.HEX), (IdBase.HEX, IdBase.DEC)):
        number = _number(folded, base)
        if number is not None and f"#{number}" not in keys:
            found.setdefault(f"#{number}", response)
    return found


def is_number(raw_id: str, key: str, base: IdBase) -> bool:
    """Whether an id of `base` has this key."""
    number = _number(fold_id(raw_id), base)
    return number is not None and key == f"#{number}"


def _number(folded: str, base: IdBase) -> int | None:
    form = _NUMBERS.get(base)
    match = form[0].match(folded) if form else None
    return int(match[1], form[1]) if form and match else None
