"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

CANCEL_AGAIN_AFTER = 0.1


async def end_task(task: asyncio.Task[Any] | None) -> None:
    """Cancels a task until it has ended.

    Once is not enough: `asyncio.wait_for` of Python 3.11, which nats-py uses throughout, drops a cancellation that
    comes in the same turn as its result.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=CANCEL_AGAIN_AFTER)
    if task is not None and not task.cancelled():
        task.exception()
