"""Kill -9 at every named step of both paths, under load: a process dies at one point and starts with the next."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from ghasi import crash
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.evidence import Evidence
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import judge
from tests.faults.seed import SET, rng

BATCH = 40
MORE = 10
TRIES = 12
PASSES = 3
SHORT = {"gateway": 3, "dispatch": 4, "receipts": 2}
ALL = {
    "gateway": (*crash.GATEWAY, *crash.GATEWAY_RECEIPTS),
    "dispatch": crash.DISPATCH,
    "receipts": crash.RECEIPTS,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One death: which process, where, at the how-manieth pass."""

    process: str
    point: str
    passes: int

    @property
    def armed(self) -> str:
        return f"{self.point}:{self.passes}"


def plan(window: int) -> list[Step]:
    """The deaths of a run, drawn from the seed; all of them unless the set is the short one."""
    draw = rng(f"crash points, window {window}")
    steps: list[Step] = []
    for process, points in ALL.items():
        chosen = draw.sample(points, SHORT[process] if SET == "short" else len(points))
        steps += [Step(process, point, draw.randint(1, PASSES)) for point in chosen]
    return steps


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "window",
    [
        10,
        pytest.param(1, marks=pytest.mark.fault_set("full")),
        pytest.param(100, marks=pytest.mark.fault_set("full")),
    ],
)
async def test_nothing_is_lost_or_doubled_in_silence(lines: Lines, window: int) -> None:
    line: Line = await lines(window=window)
    steps = plan(window)
    deaths: dict[str, float] = {}
    async with Load(line) as load:
        for step in steps:
            deaths[step.point] = await _die(line, load, step)
        drained = await load.drained(120.0)
        evidence = await gather(line, load.commands)
    verdict = judge(evidence)
    figures.write(_figures(evidence, steps, deaths, window))
    assert verdict.holds, f"{verdict}\n{line.tails()}"
    assert drained, line.tails()


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


def _figures(evidence: Evidence, steps: list[Step], deaths: dict[str, float], window: int) -> list[figures.Figures]:
    verdict = judge(evidence)
    return [
        figures.of(
            f"crash {step.point}", verdict, evidence, batch=step.point, at=deaths[step.point], note=f"window {window}"
        )
        for step in steps
    ]
