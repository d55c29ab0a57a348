"""An operator's status overrides as its rules carry them, and the rules they make (docs/contract.md §6)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from ghasi.smpp.status_rules import PLAIN, StatusRules, StatusRulesError, parse_status_rules

UNKNOWN_CODES_SHOWN = 32
"""Codes of one operator that metrics name; whatever else comes is counted together."""


class StatusOverride(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What one command_status, or a range of them, means to this operator; the rules of each key are
    `ghasi.smpp.status_rules`'."""

    code: int | str
    """`1109`, `0x0455`, `0x0400-0x04FF` or a name."""
    action: str
    """retry_soon | retry_later | rebind | permanent | hold."""
    cause: str = ""
    tries: int | None = None
    """Answers in a row to one message; then `then`."""
    then: str | None = None
    delays: tuple[float, ...] = ()
    """Seconds before each next try."""
    slows_down: bool | None = None
    shrinks_window: bool | None = None


def overrides(meanings: Mapping[str, object]) -> tuple[StatusOverride, ...]:
    """From a map of codes to their meanings, structs or plain mappings with the other fields of StatusOverride.
    Raises msgspec.ValidationError."""
    return tuple(
        msgspec.convert({**msgspec.to_builtins(meaning), "code": code}, StatusOverride)
        for code, meaning in meanings.items()
    )


def check_statuses(overrides: tuple[StatusOverride, ...], path: str = "statuses") -> StatusRules:
    """The rules that `overrides` make. Raises StatusRulesError, which names each place and no value."""
    return parse_status_rules(msgspec.to_builtins(overrides), path)


@lru_cache(maxsize=1024)
def status_rules(overrides: tuple[StatusOverride, ...]) -> StatusRules:
    """The rules that `overrides` make; those of a release to come that cannot be read are none, and what only they
    know is held for a person."""
    try:
        return check_statuses(overrides)
    except StatusRulesError:
        return PLAIN
