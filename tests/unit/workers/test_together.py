from __future__ import annotations

import asyncio
import itertools

import pytest

from workers.together import CutOff, Spacing, Together

GAP = 0.05


class Noting:
    """Notes what it was given together; waits for `release` where it is set to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.error: Exception | None = None
        self.release = asyncio.Event()
        self.release.set()

    async def work(self, items: list[str]) -> None:
        self.batches.append(items)
        await self.release.wait()
        if self.error is not None:
            raise self.error


async def test_the_first_goes_alone_and_what_comes_in_the_gap_goes_as_one() -> None:
    noting = Noting()
    together = Together(noting.work, GAP)
    await together.join("a", "1")
    await asyncio.gather(*(together.join("a", item) for item in ("2", "3", "4")))
    assert noting.batches == [["1"], ["2", "3", "4"]]


async def test_one_that_takes_long_keeps_nobody_waiting() -> None:
    noting = Noting()
    noting.release.clear()
    together = Together(noting.work, GAP)
    first = asyncio.create_task(together.join("a", "1"))
    second = asyncio.create_task(together.join("a", "2"))
    async with asyncio.timeout(30):
        while len(noting.batches) < 2:
            await asyncio.sleep(GAP / 5)
    assert not first.done()
    noting.release.set()
    await asyncio.gather(first, second)
    assert noting.batches == [["1"], ["2"]]


async def test_keys_are_kept_apart() -> None:
    noting = Noting()
    together = Together(noting.work, GAP)
    await asyncio.gather(*(together.join(key, key + number) for number in "123" for key in "ab"))
    assert noting.batches == [["a1"], ["b1"], ["a2", "a3"], ["b2", "b3"]]


async def test_an_error_is_everybodys_and_the_next_begins_anew() -> None:
    noting = Noting()
    together = Together(noting.work, GAP)
    await together.join("a", "0")
    noting.error = ValueError("no")
    ended = await asyncio.gather(together.join("a", "1"), together.join("a", "2"), return_exceptions=True)
    assert [type(one) for one in ended] == [ValueError, ValueError]
    noting.error = None
    await together.join("a", "3")
    assert noting.batches == [["0"], ["1", "2"], ["3"]]


async def led_and_followed() -> tuple[Noting, Together[str], asyncio.Task[None], asyncio.Task[None]]:
    """After the first is done: one that leads the next, and one that joined it."""
    noting = Noting()
    together = Together(noting.work, GAP)
    await together.join("a", "0")
    leader = asyncio.create_task(together.join("a", "1"))
    await asyncio.sleep(0)
    other = asyncio.create_task(together.join("a", "2"))
    await asyncio.sleep(0)
    return noting, together, leader, other


async def test_a_cancelled_leader_is_told_to_the_others() -> None:
    noting, together, leader, other = await led_and_followed()
    leader.cancel()
    with pytest.raises(CutOff):
        await other
    assert leader.cancelled()
    await together.join("a", "3")
    assert noting.batches == [["0"], ["3"]]


async def test_a_cancelled_follower_leaves_its_part_to_the_leader() -> None:
    noting, _, leader, other = await led_and_followed()
    other.cancel()
    await leader
    assert other.cancelled()
    assert noting.batches == [["0"], ["1", "2"]]


async def test_beginnings_are_a_gap_apart() -> None:
    spacing, loop = Spacing(GAP), asyncio.get_running_loop()
    began: list[float] = []
    for _ in range(3):
        await spacing.wait()
        spacing.begin()
        began.append(loop.time())
    assert all(later - earlier >= GAP * 0.9 for earlier, later in itertools.pairwise(began))
