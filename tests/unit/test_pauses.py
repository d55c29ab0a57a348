"""tests.support.pauses and tests.support.rate: what a pause of the machine may change of a measurement."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from tests.support.pauses import undisturbed, witness
from tests.support.rate import surely_in_a_second, worst_second

EVENLY = [n / 100 for n in range(400)]


def stood_still(arrivals: list[float], begin: float, end: float) -> list[float]:
    """As noted by one who stood still from `begin` to `end` and then read all at once."""
    return [end + n * 1e-5 if begin < at < end else at for n, at in enumerate(arrivals)]


@pytest.mark.parametrize("pause", [0.05, 0.3, 1.5])
def test_a_reader_that_stood_still_convicts_nobody(pause: float) -> None:
    noted = sorted(stood_still(EVENLY, 1.003, 1.003 + pause))
    assert worst_second(noted) > 100
    assert surely_in_a_second(noted) <= 102


@pytest.mark.parametrize("extra", [5, 30])
def test_who_sends_more_is_convicted(extra: int) -> None:
    more = sorted([*EVENLY, *(2.0 + n * 1e-4 for n in range(extra))])
    assert surely_in_a_second(more) >= 100 + extra - 1


async def test_a_pause_is_noted_and_quiet_is_not() -> None:
    async with witness() as seen:
        await asyncio.sleep(0.05)
        time.sleep(0.3)  # noqa: ASYNC251 - the pause itself
    assert 0.25 < seen.longest <= seen.total


async def test_what_a_pause_disturbed_is_measured_again() -> None:
    pauses = [0.3, 0.3, 0.0, 0.3]
    runs: list[float] = []

    async def measure() -> int:
        runs.append(pauses[len(runs)])
        await asyncio.sleep(0.02)
        time.sleep(runs[-1])  # noqa: ASYNC251 - the pause itself
        return len(runs)

    assert await undisturbed(measure, 0.2, partial(asyncio.sleep, 0)) >= 3
