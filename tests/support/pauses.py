"""A machine that stands still for a moment, told apart from a product that is late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

BEAT = 0.01
NOTED = 0.05
T = TypeVar("T")


@dataclass
class Stillness:
    """How long this process stood still so far, in seconds: the longest time at once, and all of it."""

    longest: float = 0.0
    total: float = 0.0


@asynccontextmanager
async def witness(ask: Callable[[], Awaitable[Any]] | None = None) -> AsyncIterator[Stillness]:
    """Notes pauses of 50 ms or more while the block runs: of this process, and of what `ask` asks, where given."""
    seen, over = Stillness(), asyncio.Event()

    async def watch() -> None:
        while not over.is_set():
            began = time.monotonic()
            await asyncio.sleep(BEAT)
            if ask is not None:
                await ask()
            note(time.monotonic() - began - BEAT)

    def note(late: float) -> None:
        if late >= NOTED:
            seen.longest, seen.total = max(seen.longest, late), seen.total + late

    task = asyncio.create_task(watch())
    try:
        await asyncio.sleep(0)
        yield seen
    finally:
        # The beat under way is waited for: it notes a pause that has just ended.
        over.set()
        await task


async def undisturbed(
    measure: Callable[[], Awaitable[T]],
    longest: float,
    ask: Callable[[], Awaitable[Any]] | None = None,
    tries: int = 4,
) -> T:
    """What `measure` gives in a run in which nothing stood still for `longest` seconds; the last run counts whatever
    happened. For promises about how much there is in a time, of which a pause takes."""
    for number in range(1, tries + 1):
        async with witness(ask) as seen:
            result = await measure()
        if seen.longest < longest or number == tries:
            return result
    raise ValueError("tries must be at least 1")
