"""The `rules` of operator management's answer, laid over those of the operator's profile (docs/contract.md §6)."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ghasi.contracts.sessions import SendRules
from ghasi.operator_answer import InvalidSettings
from ghasi.profiles.rule_checks import rule_problems
from ghasi.profiles.rules import override

SHOWN: Final = 5
"""Problems that are told; a reason in a session record is for people."""
_FIELD = re.compile(r"required field `([^`]*)`")
_PLACE = re.compile(r"at `\$\.?([^`]*)`$")


def stated_rules(rules: SendRules, stated: dict[str, Any]) -> SendRules:
    """`rules` of the profile, and over them what is `stated`. Raises InvalidSettings."""
    if not stated:
        return rules
    try:
        merged = override(rules, stated)
    except msgspec.ValidationError as error:
        found = _PLACE.search(str(error))
        place = f"rules.{found.group(1)}" if found else "rules"
        if missing := _FIELD.search(str(error)):
            raise InvalidSettings(f"{place}.{missing.group(1)} is missing") from None
        raise InvalidSettings(f"{place} has the wrong type") from None
    _check(merged)
    return merged


def _check(rules: SendRules) -> None:
    problems = rule_problems(rules)
    if not problems:
        return
    shown = "; ".join(f"rules.{one.path} {one.text}" for one in problems[:SHOWN])
    more = len(problems) - SHOWN
    raise InvalidSettings(f"{shown}; and {more} more" if more > 0 else shown)
