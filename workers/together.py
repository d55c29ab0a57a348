"""What comes in quick succession is done together: a commit of one takes as long as one of a hundred.

Nothing waits for company: the first after a pause begins at once; what comes until the next may begin goes with it
(docs/decisions/0032-together-under-load.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Spacing:
    """The beginnings of one thing, at least `gap` seconds apart."""

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._next = 0.0

    async def wait(self) -> None:
        """Returns when the next may begin."""
        if (pause := self._next - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(pause)

    def begin(self) -> None:
        self._next = asyncio.get_running_loop().time() + self._gap


class CutOff(Exception):
    """Whoever was to do it for all was cancelled: it may be done, or not."""


class Together(Generic[T]):
    """Calls of one key that come within `gap` seconds of the last beginning are made as one."""

    def __init__(self, work: Callable[[list[T]], Awaitable[None]], gap: float) -> None:
        """`work` gets what was joined, in the order it came."""
        self._work = work
        self._gap = gap
        self._open: dict[Hashable, tuple[list[T], asyncio.Future[None]]] = {}
        self._spacings: dict[Hashable, Spacing] = {}

    async def join(self, key: Hashable, item: T) -> None:
        """Returns when the work is done with `item` in it; raises what it raised, for all alike."""
        if (waiting := self._open.get(key)) is not None:
            items, done = waiting
            items.append(item)
            await asyncio.shield(done)
            return
        items, done = self._open[key] = [item], asyncio.get_running_loop().create_future()
        try:
            await self._lead(key, items)
        except asyncio.CancelledError:
            self._tell(done, CutOff())
            raise
        except BaseException as error:
            self._tell(done, error)
            raise
        done.set_result(None)

    async def _lead(self, key: Hashable, items: list[T]) -> None:
        spacing = self._spacings.setdefault(key, Spacing(self._gap))
        try:
            await spacing.wait()
        finally:
            del self._open[key]
        spacing.begin()
        await self._work(items)

    def _tell(self, done: asyncio.Future[None], error: BaseException) -> None:
        done.set_exception(error)
        # Nobody may have joined.
        done.exception()
