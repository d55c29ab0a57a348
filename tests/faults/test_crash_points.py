"""Kill -9 at every named step of both paths, under load.

A process is started with a crash point armed, dies there and is started again; the SMSC's log is the truth. The short
set goes through a few points in a row, without waiting for the recovery of one before the next. The full set waits,
and so measures each recovery, with windows of 1, 10 and 100. The long set has the timers of production.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from ghasi import crash
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge
from tests.faults.seed import ONLY, rng

BATCH = 40
MORE = 10
TRIES = 12
PASSES = 3
SHORT = {"gateway": 2, "dispatch": 3, "receipts": 1}
ALL = {
    "gateway": (*crash.GATEWAY, *crash.GATEWAY_RECEIPTS),
    "dispatch": crash.DISPATCH,
    "receipts": crash.RECEIPTS,
}
PRODUCTION: dict[str, Any] = {"ack_wait": 60.0, "env_of": {"gateway": {}}, "in_doubt_wait": 60.0}


@dataclass(frozen=True, slots=True)
class Step:
    """One death: which process, where, at the how-manieth pass."""

    process: str
    point: str
    passes: int

    @property
    def armed(self) -> str:
        return f"{self.point}:{self.passes}"


def steps_of(process: str, points: tuple[str, ...], use: str) -> list[Step]:
    """Deaths at these points, in an order and at passes drawn from the seed."""
    draw = rng(f"crash points, {use}")
    chosen = [point for point in points if not ONLY or point in ONLY]
    return [Step(process, point, draw.randint(1, PASSES)) for point in draw.sample(chosen, len(chosen))]


@pytest.mark.timeout(180)
async def test_a_few_deaths_in_a_row(lines: Lines) -> None:
    draw = rng("crash points, a few")
    steps = [
        step
        for process, points in ALL.items()
        for step in steps_of(process, tuple(draw.sample(points, SHORT[process])), "a few")
    ]
    await _die_at(await lines(window=10, ack_wait=6.0), steps, wait=0.0, note="in a row")


@pytest.mark.fault_set("full")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("window", [1, 10, 100])
@pytest.mark.parametrize("process", list(ALL))
async def test_death_at_every_point(lines: Lines, process: str, window: int) -> None:
    steps = steps_of(process, ALL[process], f"{process}, window {window}")
    await _die_at(await lines(window=window), steps, wait=40.0, note=f"window {window}")


@pytest.mark.fault_set("long")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("process", list(ALL))
async def test_death_at_every_point_with_the_timers_of_production(lines: Lines, process: str) -> None:
    steps = steps_of(process, ALL[process], f"{process}, production")
    await _die_at(await lines(window=10, **PRODUCTION), steps, wait=200.0, note="timers of production")


async def _die_at(line: Line, steps: list[Step], *, wait: float, note: str) -> None:
    """All the deaths, then the verdict. `wait`: seconds that each recovery may take before the next death."""
    deaths: dict[str, float] = {}
    async with Load(line) as load:
        for step in steps:
            deaths[step.point] = await _die(line, load, step)
            await load.drained(wait)
        drained = await load.drained(max(90.0, wait))
        evidence = await gather(line, load.commands)
    verdict = judge(evidence)
    made = [
        figures.of(f"crash {point}", verdict, evidence, batch=point, at=at if wait else None, note=note)
        for point, at in deaths.items()
    ]
    figures.write(made)
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()
    if wait:
        # Where a worker died the gateway knows what left; where the gateway died it is what one process had out.
        doubt = {one.fault: one.in_doubt for one in made if one.in_doubt > line.in_doubt_at_most(steps[0].process)}
        assert not doubt


async def _die(line: Line, load: Load, step: Step) -> float:
    """Starts the process with its point armed, lets it die under load, starts it again; when it died."""
    await line.end(step.process)
    line.launch(step.process, step.armed)
    sending = asyncio.create_task(load.spread(BATCH, step.point, 1.0))
    try:
        for _ in range(TRIES):
            died = await line.died(step.process, 5.0)
            if died is not None:
                break
            await load.send(MORE, step.point)
        else:
            raise AssertionError(f"{step.point} was never reached\n{line.tails()}")
    finally:
        await sending
    line.launch(step.process)
    return died
