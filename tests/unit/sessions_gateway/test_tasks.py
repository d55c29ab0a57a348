from __future__ import annotations

import asyncio

from sessions_gateway.tasks import end_task


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await end_task(task)
    assert swallowed == 2
    assert task.cancelled()


async def test_tasks_that_have_ended_or_never_were() -> None:
    async def failing() -> None:
        raise ValueError

    task = asyncio.create_task(failing())
    await asyncio.wait((task,))
    await end_task(task)
    await end_task(None)
    assert isinstance(task.exception(), ValueError)
