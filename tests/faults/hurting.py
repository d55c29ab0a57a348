"""The frame of a fault test on one line: load, the fault, healing, draining, the verdict and its figures."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tests.faults import figures
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge

RATE = 40.0


async def under_load(
    line: Line,
    fault: str,
    hurt: Callable[[Load], Awaitable[str]],
    *,
    within: float = 90.0,
    **fields: str,
) -> None:
    """Runs `hurt` while commands come (`fields` as in Load.send), then drains, judges and writes the figures; what
    `hurt` returns is told with them."""
    async with Load(line) as load:
        stop = asyncio.Event()
        sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop, **fields))
        try:
            await asyncio.sleep(1.0)
            note = await hurt(load)
        finally:
            healed = time.time()
            stop.set()
            await sending
        drained = await load.drained(within)
        evidence = await gather(line, load.commands)
    verdict = judge(evidence)
    figures.write([figures.of(fault, verdict, evidence, at=healed, note=note)])
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()


def sessions_ended(line: Line) -> int:
    """Binds that the SMSC saw end."""
    return sum(len(line.smsc_log(line.operator_id, event)) for event in ("unbind", "closed"))


def group(leader: int) -> Iterator[int]:
    """A process and all it forked."""
    for entry in Path("/proc").iterdir():
        with suppress(ValueError, ProcessLookupError):
            if os.getpgid(int(entry.name)) == leader:
                yield int(entry.name)
