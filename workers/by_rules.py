"""What is made once for an operator's rules and kept for as long as they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from ghasi.contracts.sessions import SendRules

T = TypeVar("T")
MOST: Final = 1024


class ByRules(Generic[T]):
    """`make(rules)`, remembered. The same object is found by its identity, which costs no look at its fields; equal
    rules that a gateway has told again are found by their octets. Raises what `make` raises, each time."""

    def __init__(self, make: Callable[[SendRules], T]) -> None:
        self._make = make
        self._found: dict[int, tuple[SendRules, T]] = {}
        self._equal: dict[bytes, T] = {}

    def __call__(self, rules: SendRules) -> T:
        known = self._found.get(id(rules))
        # The rules stand beside what was made of them, so that no other object can get their identity.
        if known is not None and known[0] is rules:
            return known[1]
        return self._remember(rules)

    def _remember(self, rules: SendRules) -> T:
        if len(self._found) >= MOST:
            self._found.clear()
            self._equal.clear()
        octets = msgspec.json.encode(rules, order="deterministic")
        if octets not in self._equal:
            self._equal[octets] = self._make(rules)
        made = self._equal[octets]
        self._found[id(rules)] = (rules, made)
        return made
