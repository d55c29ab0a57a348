"""ghasi.tasks: a task that is ended has ended, one on the side is waited for, a wait ends."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from ghasi import tasks
from ghasi.tasks import SideTasks, end_task, lasting, wait_event


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
    await asyncio.wait_for(end_task(task), 60)
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


async def test_what_is_to_last_is_told_of_and_begun_again_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BEGIN_AGAIN", 0.0)
    begun, third = 0, asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            third.set()
            await asyncio.Event().wait()
        raise ValueError("+93701234567")

    with capture_logs() as lines:
        task = lasting(work, "work-1")
        assert await wait_event(third, 5.0)
        await end_task(task)
    assert task.cancelled()
    assert [(line["event"], line["action"], str(line["exc_info"])) for line in lines] == [
        ("task.failed", "work-1", "+93701234567")
    ] * 2


async def test_what_ends_by_itself_is_not_begun_again() -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1

    await asyncio.wait_for(lasting(work, "work-1"), 60)
    assert begun == 1


async def test_an_event_is_waited_for_as_long_as_said() -> None:
    event = asyncio.Event()
    assert not await wait_event(event, 0.01)
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait_event(event, 5.0)


async def test_what_a_side_task_raises_is_told_and_the_others_are_waited_for() -> None:
    told: list[Exception] = []
    side, gate, done = SideTasks(told.append), asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        raise ValueError("x")

    async def work() -> None:
        await gate.wait()
        done.set()

    side.spawn(fail())
    side.spawn(work())
    await side.wait(0.01)
    assert not done.is_set()
    gate.set()
    await side.wait(5.0)
    assert done.is_set()
    assert [str(error) for error in told] == ["x"]
    await side.wait(5.0)
