"""Keeps the books of one operator: reads what was taken, enters it, compares (docs/architecture.md, "Accounting").

Used by the dispatch pool's running check and by `manage.py audit`; they may run at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from ghasi.bus import Bus
from ghasi.correlations import books
from ghasi.correlations.accounting import Position
from ghasi.correlations.books import Page
from ghasi.correlations.command_reader import read_page

A = TypeVar("A")
R = TypeVar("R")


class Run(Protocol):
    """Runs a function on a thread that may talk to the database."""

    def __call__(self, function: Callable[[A], R], argument: A, /) -> Awaitable[R]: ...


class Accountant:
    """Of one operator. `read_to` is the sequence up to which everything is in the books, None before the first turn:
    what lies above it must not be purged yet."""

    def __init__(self, bus: Bus, operator_id: str, run: Run) -> None:
        self._bus = bus
        self._operator_id = operator_id
        self._run = run
        self._before: Position | None = None
        self._all_settled = False
        self.read_to: int | None = None

    def quiet(self, position: Position) -> bool:
        """True where a turn would find nothing new: all that was delivered is settled and in the books since then."""
        return self._all_settled and position == self._before

    async def turn(self, position: Position, *, at_once: bool = False, untold: int = 0) -> int:
        """Brings the books up to what was delivered at the turn before, or `at_once` up to `position`.

        Most of what is that old has ended and needs no second look. `untold` commands were purged unread. Returns how
        many others became untold. Raises BusError and what `run` raises; then the next turn goes on where this one
        was.
        """
        first = Page(position, 0, 0, _now())
        # Only what is read and entered may be purged: an older life of the stream says nothing of this one.
        begun = await self._run(books.begin, first)
        self.read_to = reached = begun.read_to
        to = position.delivered if at_once else self._aged(position)
        if untold:
            reached = await self._run(books.enter, replace(first, since=reached, read_to=reached, untold=untold))
        while reached < to:
            entries, end = await read_page(self._bus, self._operator_id, reached, to)
            page = Page(position, reached, end, _now(), entries)
            self.read_to = reached = await self._run(books.enter, page)
        beyond = await self._run(books.settle, replace(first, now=_now()))
        self._before = position
        self._all_settled = reached >= position.delivered and not position.unsettled
        return begun.untold + beyond

    def _aged(self, position: Position) -> int:
        """What is settled has aged enough; of the rest, what was delivered at the turn before."""
        before = self._before
        delivered = before.delivered if before is not None and before.created == position.created else 0
        return max(position.floor, min(delivered, position.delivered))


def _now() -> datetime:
    return datetime.now(UTC)
