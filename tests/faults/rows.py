"""The shape of a row and of a section of docs/reliability.md; what stands in them is in `catalogue`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """`name` as in Figures; `why_not`: why nothing runs it. `admits_doubles`: the promise says that it doubles."""

    name: str
    what: str
    promise: str
    why_not: str = ""
    admits_doubles: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """`shows_notes`: what else a run measured is told below the table."""

    title: str
    text: str
    faults: tuple[Fault, ...]
    counts_messages: bool = True
    shows_notes: bool = False
