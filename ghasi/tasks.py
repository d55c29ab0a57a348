"""Tasks that end for sure, tasks that never do, tasks on the side, and a wait with an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ghasi.logs import get_logger

AGAIN = 0.1
BEGIN_AGAIN = 1.0
"""Seconds after a fault of ours until what it ended begins again."""

log = get_logger()


async def end_task(task: asyncio.Task[Any] | None) -> None:
    """Cancels until the task has ended; what it raised is nobody's concern any more.

    Python 3.11's `asyncio.wait_for`, on which nats-py stands, swallows a cancellation that meets its result: a loop
    around it then goes on as if nothing had been said.
    """
    if task is None:
        return
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN)
    if not task.cancelled():
        task.exception()


def lasting(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
    """A task for `work`, which goes on until it is cancelled. A fault in it is told and `work` begins again: a task
    that had ended would be missed by nobody, and what it does would stay undone until the process is restarted."""
    return asyncio.create_task(_again_and_again(work, name), name=name)


async def _again_and_again(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    while True:
        try:
            await work()
            return
        except Exception as error:
            log.error("task.failed", action=name, retryIn=BEGIN_AGAIN, exc_info=error)
        await asyncio.sleep(BEGIN_AGAIN)


async def wait_event(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


class SideTasks:
    """Tasks that run beside everything else; asyncio itself holds them weakly."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        """`failed` is told what a task raised."""
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self, seconds: float) -> None:
        """Gives those that run now up to `seconds` to end."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=max(0.0, seconds))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(error)
