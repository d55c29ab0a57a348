"""Ending a task for sure."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN = 0.1


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
