"""What can be done to many things at once: each kind judges before and carries out after (docs/operations.md,
"Bulk actions").

Judging changes nothing. Carrying out looks again: what somebody else, or an earlier turn that was cut off, has done
meanwhile is refused and never done twice. Its result says that it is so already: by that
an action knows its own work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

Options = Mapping[str, Any]
ATTEMPTS = "attempts"
"""Option of a turn: the attempts that the preview found, by message id (UUID)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One thing chosen: it will be done, or `refused` says why not."""

    target: str
    message_id: UUID | None = None
    shown: str = ""
    refused: str = ""
    doubles: bool = False
    known_as: str = ""
    """What it is written down by where it has no message: the operator's id of a receipt, the place of a letter."""
    operator_id: UUID | None = None
    attempt: int | None = None
    """Of a replay: the attempt that it follows. Its turn makes that try or none."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one thing."""

    target: str
    done: bool
    words: str = ""
    so_already: bool = False
    """Refused, because what was wanted had been done before."""


Judge = Callable[[Sequence[str], Options, datetime], list[Judged]]
CarryOut = Callable[[Sequence[str], Options, str, datetime], list[Result]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`judge(targets, options, now)` and `carry_out(targets, options, by, now)` raise DatabaseError and BusError; a
    turn that raised is tried again."""

    key: str
    label: str
    """What the list offers."""
    permission: str
    model: str
    """The list that offers it, by Django's name of its model."""
    will: str
    """What will happen to each, in a sentence of its own."""
    judge: Judge
    carry_out: CarryOut
    noted_as: str = "message"
    """What kind of thing the actions of the staff call it where it has no message."""
    warning: str = ""
    may_extend: bool = False
    """It can give commands that are too late more time (option `expires_in`, minutes)."""
