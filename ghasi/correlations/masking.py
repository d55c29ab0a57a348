"""A subscriber's number as the staff sees it without the permission for more, and as logs have it."""

from __future__ import annotations

import re

_SHOWN_FIRST = 4
_SHOWN_LAST = 2
_SHORT = 8
_RUN = re.compile(r"[0-9]{5,}")


def masked(number: str) -> str:
    """+93701234567 → +9370•••67; a short one keeps its last two digits only."""
    digits = number.lstrip("+")
    if not digits:
        return ""
    if len(digits) < _SHORT:
        return f"•••{digits[-_SHOWN_LAST:]}"
    return f"+{digits[:_SHOWN_FIRST]}•••{digits[-_SHOWN_LAST:]}"


def masked_sender(sender: str) -> str:
    """A name stays, because it is the account's; a number may be a person's: 93701234567 → +9370•••67."""
    return masked(sender) if sender.lstrip("+").isdecimal() and len(sender) >= _SHORT else sender


def without_digits(text: str) -> str:
    """A text of an operator's for the log: cut-prefix:93701234567 → cut-prefix:•••; up to four digits stay."""
    return _RUN.sub("•••", text)
