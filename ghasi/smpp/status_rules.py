"""One operator's own meanings of command_status, over the table of `status` (docs/contract.md §6, "statuses").

Pure: plain data in, rules out. Operators write codes in decimal and in hexadecimal, so both are read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ghasi.smpp.constants import STATUS_NAMES
from ghasi.smpp.status import HELD, RETRYING, SUBMIT_RULES, Action, Rule

MAX_STATUS: Final = 0xFFFFFFFF
MAX_OVERRIDES: Final = 256
MAX_DELAYS: Final = 20
MAX_DELAY: Final = 86_400.0
MAX_TRIES: Final = 100
_CAUSE: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_CODES: Final = {name: code for code, name in STATUS_NAMES.items()}
_KEYS: Final = ("code", "action", "cause", "tries", "then", "delays", "slowsDown", "shrinksWindow")
ACTIONS: Final = tuple(action.value for action in Action if action is not Action.OK)
"""What an override may ask for: that a message was taken only ESME_ROK says."""


class StatusRulesError(ValueError):
    """`problems` are (path, sentence) pairs, all of them; no sentence quotes a value."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{path} {sentence}" for path, sentence in self.problems))


@dataclass(frozen=True, slots=True)
class Override:
    """`rule` for all statuses from `first` to `last`."""

    first: int
    last: int
    rule: Rule

    @property
    def width(self) -> int:
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class StatusRules:
    """`overrides` in any order: of those that fit a status the narrowest decides, then the table, then HELD."""

    overrides: tuple[Override, ...] = ()

    def rule(self, status: int) -> Rule:
        if status and self.overrides:
            fitting = [one for one in self.overrides if one.first <= status <= one.last]
            if fitting:
                return min(fitting, key=lambda one: one.width).rule
        return SUBMIT_RULES.get(status, HELD)

    def action(self, status: int, failures: int = 0) -> Action:
        """The action for `status` on a submit_sm or data_sm.

        `failures` counts the answers of the same status that came before this one in a row: to the message, or
        for ESME_RINVCMDLEN, which one message sees only once, on the session.
        """
        return self.rule(status).action_after(failures)


PLAIN: Final = StatusRules()


def parse_codes(text: object) -> tuple[int, int]:
    """First and last status of `0x0455`, `1109`, `0x0400-0x04FF`, `ESME_RMSGQFUL` or a number. Raises ValueError."""
    if isinstance(text, bool) or not isinstance(text, int | str):
        raise ValueError("must be a number, a name, or a range of numbers")  # noqa: TRY004 - of the file's content
    first, dash, last = (str(text), "", "") if isinstance(text, int) else text.partition("-")
    low = _code(first.strip())
    high = _code(last.strip()) if dash else low
    if low > high:
        raise ValueError("ends before it begins")
    if not 1 <= low <= high <= MAX_STATUS:
        raise ValueError(f"is not within 1 and 0x{MAX_STATUS:08X}")
    return low, high


def _code(text: str) -> int:
    if text in _CODES:
        return _CODES[text]
    if not re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}", text):
        raise ValueError("must be a number in decimal or 0x…, a name as ESME_RMSGQFUL, or a range as 0x0400-0x04FF")
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text)


def parse_status_rules(data: object, path: str = "statuses") -> StatusRules:
    """Rules from a list of mappings (keys: docs/contract.md §6). Raises StatusRulesError with every problem."""
    if not isinstance(data, list | tuple):
        raise StatusRulesError([(path, "must be a list")])
    problems: list[tuple[str, str]] = []
    if len(data) > MAX_OVERRIDES:
        problems.append((path, f"has more than {MAX_OVERRIDES} entries"))
    overrides: list[Override] = []
    seen: set[tuple[int, int]] = set()
    for index, one in enumerate(data[:MAX_OVERRIDES]):
        reader = _Entry(one, f"{path}[{index}]")
        found = reader.read()
        problems += reader.problems
        if found is None:
            continue
        if (found.first, found.last) in seen:
            problems.append((f"{path}[{index}].code", "stands twice"))
        seen.add((found.first, found.last))
        overrides.append(found)
    if problems:
        raise StatusRulesError(problems)
    return StatusRules(tuple(overrides))


class _Entry:
    """Reads one override; `problems` says all that is wrong with it."""

    def __init__(self, data: object, path: str) -> None:
        self._path = path
        self.problems: list[tuple[str, str]] = []
        self._data: Mapping[Any, Any] = {}
        if isinstance(data, Mapping):
            self._data = data
        else:
            self._wrong("", "must be a mapping")

    def read(self) -> Override | None:
        if self.problems:
            return None
        for key in self._data:
            if key not in _KEYS:
                self._wrong(key if isinstance(key, str) and key.isidentifier() else "", "is not a key of a status")
        codes, action = self._codes(), self._action("action", required=True)
        if codes is None or action is None:
            return None
        rule = self._rule(action, SUBMIT_RULES.get(codes[0], HELD) if codes[0] == codes[1] else HELD)
        return None if self.problems else Override(*codes, rule)

    def _wrong(self, key: str, sentence: str) -> None:
        self.problems.append((f"{self._path}.{key}" if key else self._path, sentence))

    def _codes(self) -> tuple[int, int] | None:
        try:
            return parse_codes(self._data.get("code"))
        except ValueError as error:
            self._wrong("code", str(error))
            return None

    def _action(self, key: str, *, required: bool = False) -> Action | None:
        value = self._data.get(key)
        if value is None and not required:
            return None
        if value not in ACTIONS:
            self._wrong(key, f"is not one of {', '.join(ACTIONS)}")
            return None
        return Action(value)

    def _rule(self, action: Action, plain: Rule) -> Rule:
        """`plain` is what the table says of the code: what it says of pace and window stays unless said otherwise."""
        rule = Rule(
            action,
            limit=self._tries(),
            then=self._action("then") or Action.PERMANENT,
            slows=self._flag("slowsDown", plain.slows or action is Action.RETRY_SOON),
            narrows=self._flag("shrinksWindow", plain.narrows),
            delays=self._delays(),
            cause=self._cause(),
        )
        retrying = action in RETRYING
        if not retrying:
            for key in ("tries", "then", "delays"):
                if self._data.get(key):
                    self._wrong(key, f"has no meaning for {action.value}")
            if self._data.get("slowsDown") is None:
                rule = replace(rule, slows=False)
        elif rule.limit is None and self._data.get("then"):
            self._wrong("then", "needs tries")
        return rule

    def _tries(self) -> int | None:
        value = self._data.get("tries")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_TRIES:
            self._wrong("tries", f"is not within 1 and {MAX_TRIES}")
            return None
        return value

    def _flag(self, key: str, default: bool) -> bool:
        value = self._data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._wrong(key, "must be true or false")
            return default
        return value

    def _delays(self) -> tuple[float, ...]:
        value = self._data.get("delays")
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or len(value) > MAX_DELAYS:
            self._wrong("delays", f"must be a list of at most {MAX_DELAYS} numbers")
            return ()
        if not all(_is_delay(one) for one in value):
            self._wrong("delays", f"must be seconds from 0.1 to {MAX_DELAY:.0f}")
            return ()
        return tuple(map(float, value))

    def _cause(self) -> str:
        value = self._data.get("cause")
        if value in (None, ""):
            return ""
        if not isinstance(value, str) or not _CAUSE.fullmatch(value):
            self._wrong("cause", "must be lower-case letters, digits and _, at most 48, a letter first")
            return ""
        return value


def _is_delay(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0.1 <= value <= MAX_DELAY
    )
