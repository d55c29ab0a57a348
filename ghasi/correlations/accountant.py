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
from ghasi.correlations.command_reader import read_page, read_position

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
        self._delivered_before = 0
        self._created: datetime | None = None
        self.read_to: int | None = None

    async def turn(self, *, at_once: bool = False, untold: int = 0) -> Position | None:
        """Brings the books up to what was delivered at the turn before, or `at_once` up to now.

        Most of what is that old has ended and needs no second look. `untold` commands were purged unread. Returns
        where JetStream stood, None where the operator has no consumer. Raises BusError, Unreadable, and what `run`
        raises; then the next turn goes on where this one was.
        """
        position = await read_position(self._bus, self._operator_id)
        if position is None:
            return None
        first = Page(position, 0, 0, _now())
        reached = await self._run(books.begin, first)
        # Only what is read and entered may be purged: an older life of the stream says nothing of this one.
        self.read_to = reached
        to = self._upper_end(position, at_once=at_once)
        if untold:
            reached = await self._run(books.enter, replace(first, since=reached, read_to=reached, untold=untold))
        while reached < to:
            entries, end = await read_page(self._bus, self._operator_id, reached, to)
            page = Page(position, reached, end, _now(), entries)
            self.read_to = reached = await self._run(books.enter, page)
        await self._run(books.settle, replace(first, now=_now()))
        return position

    def _upper_end(self, position: Position, *, at_once: bool) -> int:
        before = self._delivered_before if self._created == position.created else 0
        self._created, self._delivered_before = position.created, position.delivered
        return position.delivered if at_once else max(position.floor, min(before, position.delivered))


def _now() -> datetime:
    return datetime.now(UTC)
