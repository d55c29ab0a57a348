"""Power cuts of the disks of NATS and PostgreSQL under load: what was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.mortal import Mortal
from tests.faults.oracle import explain, judge
from tests.faults.seed import rng

RATE = 40.0
CUTS = 2
DRAIN = 90.0


@pytest.mark.fault_set("full")
@pytest.mark.needs_disk("power cut nats", "power cut postgres")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mortal", ["nats", "postgres"], indirect=True)
async def test_what_was_acknowledged_survives(lines: Lines, mortal: Mortal) -> None:
    disk, server = mortal.disk, mortal.server
    fault = f"power cut {server.name}"
    line: Line = await lines(mortal.servers)
    draw = rng(fault)
    async with Load(line) as load:
        stop = asyncio.Event()
        sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop))
        for _ in range(CUTS):
            await asyncio.sleep(draw.uniform(1.5, 4.0))
            disk.cut_power()
            server.kill()
            await asyncio.to_thread(disk.power_on)
            await asyncio.to_thread(server.start)
        healed = time.time()
        stop.set()
        await sending
        drained = await load.drained(DRAIN)
        evidence = await gather(line, load.commands)
    await line.shut()
    verdict = judge(evidence)
    figures.write([figures.of(fault, verdict, evidence, at=healed, note=f"{CUTS} cuts")])
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()
