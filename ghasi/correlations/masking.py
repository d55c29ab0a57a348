"""A subscriber's number as the staff sees it without the permission for more."""

from __future__ import annotations

_SHOWN_FIRST = 4
_SHOWN_LAST = 2
_SHORT = 8


def masked(number: str) -> str:
    """+93701234567 → +9370•••67; a short one keeps its last two digits only."""
    digits = number.lstrip("+")
    if not digits:
        return ""
    if len(digits) < _SHORT:
        return f"•••{digits[-_SHOWN_LAST:]}"
    return f"+{digits[:_SHOWN_FIRST]}•••{digits[-_SHOWN_LAST:]}"
