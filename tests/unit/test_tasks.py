"""ghasi.tasks: a task that is ended has ended."""

from __future__ import annotations

import asyncio

import pytest

from ghasi.tasks import end_task


async def test_a_cancellation_that_was_swallowed_is_said_again() -> None:
    """What `asyncio.wait_for` does when its result comes in the same turn."""
    swallowed = 0
    started = asyncio.Event()

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = asyncio.create_task(deaf())
    await started.wait()
    await asyncio.wait_for(end_task(task), 5)
    assert task.cancelled()
    assert swallowed == 3


async def test_what_a_task_ended_with_is_not_raised() -> None:
    async def fail() -> None:
        raise ValueError("x")

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    await end_task(task)
    with pytest.raises(ValueError, match="x"):
        task.result()


async def test_no_task_is_no_trouble() -> None:
    await end_task(None)
