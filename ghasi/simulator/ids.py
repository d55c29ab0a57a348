"""Message ids: the one an operator answers and the one it writes into the receipt are often not the same text.

Both come from one number (or one UUID), so that the relation between them is known. Pure and seeded.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Final, Protocol

_FORMATS: Final = {
    "decimal": "d",
    "paddedDecimal": "0{digits}d",
    "hex": "x",
    "upperHex": "X",
    "paddedHex": "0{digits}x",
}


class Plan(Protocol):
    """The keys of `ids:` in a scenario (docs/simulator.md, "Message ids")."""

    @property
    def response(self) -> str: ...
    @property
    def receipt(self) -> str | None: ...
    @property
    def digits(self) -> int: ...
    @property
    def tlv_suffix(self) -> str: ...


@dataclass(frozen=True, slots=True)
class MessageIds:
    """One message's id as it stands in the response, in a receipt's text, and in its receipted_message_id."""

    response: str
    receipt: str
    tlv: str


def written(number: int, form: str, digits: int) -> str:
    """A number in one of the forms of `config.IdForm`; `digits` counts for the padded ones and for UUIDs not at all.

    UUID forms take the number as the UUID's 128 bits.
    """
    if form == "uuid":
        return str(uuid.UUID(int=number, version=4))
    if form == "upperUuid":
        return str(uuid.UUID(int=number, version=4)).upper()
    return format(number, _FORMATS[form].format(digits=digits))


def first_number(digits: int, rng: random.Random) -> int:
    """Where counting starts: one digit less than `digits`, so that padded forms do show a zero."""
    low = 10 ** max(digits - 2, 1)
    return rng.randrange(low, 2 * low)


class IdSource:
    """Gives out the ids of one operator, each once."""

    def __init__(self, plan: Plan, rng: random.Random, *, start: int | None = None) -> None:
        self._response = plan.response
        self._receipt = plan.receipt or plan.response
        self._digits = plan.digits
        self._suffix = plan.tlv_suffix
        self._rng = rng
        self._uuids = plan.response in ("uuid", "upperUuid")
        self._next = first_number(plan.digits, rng) if start is None else start

    def take(self) -> MessageIds:
        """The next message's ids."""
        number = self._rng.getrandbits(128) if self._uuids else self._next
        self._next += 1
        receipt = written(number, self._receipt, self._digits)
        return MessageIds(written(number, self._response, self._digits), receipt, receipt + self._suffix)
