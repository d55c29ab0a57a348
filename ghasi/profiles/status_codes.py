"""Codes and ranges of command_status as a profile writes them: `0x0455`, `1109`, `ESME_RMSGQFUL`, `0x0400-0x04FF`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ghasi.profiles.problems import Problem, under
from ghasi.smpp.status_rules import parse_codes


def format_codes(first: int, last: int) -> str:
    """The one form in which two profiles name the same codes alike."""
    return f"0x{first:04X}" if first == last else f"0x{first:04X}-0x{last:04X}"


def canonical_statuses(statuses: Mapping[Any, Any], problems: list[Problem]) -> dict[str, Any]:
    """`statuses` with its keys in the one form; what is no code goes to `problems`."""
    found: dict[str, Any] = {}
    for key, value in statuses.items():
        try:
            codes = parse_codes(key)
        except ValueError:
            problems.append(Problem("statuses.?", "is no command_status from 1 and no range of them"))
            continue
        name = format_codes(*codes)
        if name in found:
            problems.append(Problem(under("statuses", name), "stands here twice"))
        found[name] = value
    return found
