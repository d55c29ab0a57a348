"""Running the rules of one operator: which faults a submit, a bind or a connection meets.

Pure: time is an argument (seconds since the start), chance comes from the generator handed in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Final

from ghasi.simulator.rules import Faults, Rule, Span, pattern

NO_FAULTS: Final = Faults()
_FAULT_FIELDS: Final = Faults.__struct_fields__


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a rule may look at. `features` as the key `has` names them; `rate` counts accepted submits of the last
    second, this one included; `waiting` the session's accepted submits without an answer, this one included."""

    at: float
    system_id: str = ""
    mode: str = ""
    source: str = ""
    destination: str = ""
    features: frozenset[str] = frozenset()
    rate: int = 0
    waiting: int = 0


class _Armed:
    """A rule with what it has counted so far."""

    __slots__ = ("_checks", "matched", "rule", "used")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.matched = 0
        self.used = 0
        self._checks = tuple(_checks(rule))

    def applies(self, occasion: Occasion, rng: random.Random) -> bool:
        """Counts a match even where skip, times or chance let it pass: they count matches, not uses."""
        rule = self.rule
        if rule.times is not None and self.used >= rule.times:
            return False
        for check in self._checks:
            if not check(occasion):
                return False
        if rule.probability < 1 and rng.random() >= rule.probability:
            return False
        self.matched += 1
        if self.matched <= rule.skip:
            return False
        self.used += 1
        return True


def _checks(rule: Rule) -> Iterable[Callable[[Occasion], bool]]:
    """The rule's conditions, the cheap and selective ones first."""
    if rule.to is not None:
        to = pattern(rule.to)
        yield lambda occasion: to(occasion.destination)
    if rule.from_ is not None:
        source = pattern(rule.from_)
        yield lambda occasion: source(occasion.source)
    if (feature := rule.has) is not None:
        yield lambda occasion: feature in occasion.features
    if rule.system_id is not None:
        account = pattern(rule.system_id)
        yield lambda occasion: account(occasion.system_id)
    if (mode := rule.mode) is not None:
        yield lambda occasion: occasion.mode == mode
    if (over := rule.over_rate) is not None:
        yield lambda occasion: occasion.rate > over
    if (most := rule.over_window) is not None:
        yield lambda occasion: occasion.waiting > most
    if (after := rule.after) > 0:
        yield lambda occasion: occasion.at >= after
    if (until := rule.until) is not None:
        yield lambda occasion: occasion.at < until


class Script:
    """The rules of one operator, in order, each with its counters."""

    def __init__(self, rules: Iterable[Rule], rng: random.Random) -> None:
        self._rng = rng
        self._armed: dict[str, list[_Armed]] = {"submit": [], "bind": [], "connect": [], "clock": []}
        for rule in rules:
            self._armed[rule.on].append(_Armed(rule))

    def faults(self, moment: str, occasion: Occasion) -> Faults:
        """The faults of the first rule that applies; with `more`, joined with those of later ones."""
        found: list[Faults] = []
        for armed in self._armed[moment]:
            if armed.applies(occasion, self._rng):
                found.append(armed.rule)
                if not armed.rule.more:
                    break
        return reduce(joined, found) if found else NO_FAULTS

    @property
    def clock_rules(self) -> list[Rule]:
        """Rules that the owner runs by `clock_times`."""
        return [armed.rule for armed in self._armed["clock"]]

    def concerns(self, rule: Rule, occasion: Occasion) -> bool:
        """Whether a rule on the clock is meant for this session, chance included; nothing is counted."""
        if not all(check(occasion) for check in _checks(rule)):
            return False
        return rule.probability >= 1 or self._rng.random() < rule.probability

    def seconds(self, span: Span) -> float:
        """A time as written, or one drawn from its range."""
        return self._rng.uniform(*span) if isinstance(span, tuple) else span


def joined(first: Faults, later: Faults) -> Faults:
    """What `first` says, and for what it leaves open what `later` says."""
    values = {
        name: getattr(later, name) if getattr(first, name) is None else getattr(first, name) for name in _FAULT_FIELDS
    }
    return Faults(**values)


def clock_times(rule: Rule) -> Iterable[float]:
    """When a rule on the clock is due: `after`, then each `every`, within `until` and `times`."""
    due, count = rule.after, 0
    while (rule.until is None or due < rule.until) and (rule.times is None or count < rule.times):
        yield due
        count += 1
        if rule.every is None:
            return
        due = rule.after + count * rule.every
