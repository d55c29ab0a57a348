"""A process that gets no file descriptor any more and needs one: NATS restarts under it, and it cannot connect."""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import suppress

import pytest

from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.hurting import group
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge

RATE = 40.0
FEW = 4
STAYS = 8.0


@pytest.mark.fault_set("full")
@pytest.mark.timeout(200)
@pytest.mark.parametrize("process", ["gateway", "dispatch", "receipts"])
async def test_out_of_descriptors(lines: Lines, plant: Servers, process: str) -> None:
    fault = f"descriptors {process}"
    line: Line = await lines()
    async with Load(line) as load:
        stop = asyncio.Event()
        sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop))
        await asyncio.sleep(1.0)
        before = {pid: _limit(pid, FEW) for pid in group(line.children[process].pid)}
        plant.nats.kill()
        await asyncio.to_thread(plant.nats.start)
        await asyncio.sleep(STAYS)
        assert _cut_off(line, process), f"{process} found a descriptor"
        ended = not line.children[process].running
        for pid, limit in before.items():
            _limit(pid, limit)
        if ended:
            line.kill(process)
            line.launch(process)
        healed = time.time()
        stop.set()
        await sending
        drained = await load.drained(90.0)
        evidence = await gather(line, load.commands)
    verdict = judge(evidence)
    note = "ended, started again" if ended else "went on by itself"
    figures.write([figures.of(fault, verdict, evidence, at=healed, note=note)])
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()


def _cut_off(line: Line, process: str) -> bool:
    """Whether the process is without NATS: its log says that it lost the connection and not that it has another."""
    said = line.children[process].log_tail()
    return said.rfind('"bus.disconnected"') > said.rfind('"bus.reconnected"') or not line.children[process].running


def _limit(pid: int, few: int) -> int:
    """Sets how many descriptors the process may have; what it was allowed before, 0 where it is gone. What is open
    stays open."""
    with suppress(ProcessLookupError):
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(few, hard), hard))
        return soft
    return 0
