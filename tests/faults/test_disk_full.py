"""The disk of NATS or PostgreSQL without a free block, under load: nothing accepted is lost once there is room."""

from __future__ import annotations

import asyncio
import time

import nats.errors
import pytest
from nats.js.errors import Error as JetStreamError

from ghasi.bus import BusError
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.mortal import Mortal
from tests.faults.oracle import explain, judge

RATE = 40.0
BEFORE = 2.0
STAYS = 12.0
DRAIN = 90.0


@pytest.mark.fault_set("full")
@pytest.mark.needs_disk("disk full nats", "disk full postgres")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mortal", ["nats", "postgres"], indirect=True)
async def test_what_was_accepted_survives(lines: Lines, mortal: Mortal) -> None:
    fault = f"disk full {mortal.server.name}"
    line: Line = await lines(mortal.servers)
    async with Load(line) as load:
        stop = asyncio.Event()
        sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop))
        await asyncio.sleep(BEFORE)
        await asyncio.to_thread(mortal.disk.fill)
        await asyncio.sleep(STAYS)
        await asyncio.to_thread(mortal.disk.make_room)
        restarted = not await _serves(line, mortal)
        if restarted:
            await asyncio.to_thread(mortal.server.restart)
        healed = time.time()
        stop.set()
        await sending
        drained = await load.drained(DRAIN)
        evidence = await gather(line, load.commands)
    await line.shut()
    verdict = judge(evidence)
    note = "needed a restart" if restarted else "went on by itself"
    figures.write([figures.of(fault, verdict, evidence, at=healed, note=note)])
    print(f"{fault}: {note}; publishes refused: {dict(load.refusals)}")
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()


async def _serves(line: Line, mortal: Mortal) -> bool:
    """Whether the server works again by itself now that there is room: it runs and, NATS, has its JetStream."""
    if not mortal.server.running or mortal.server.name == "postgres":
        return mortal.server.running
    try:
        bus = await line.bus("probe")
        try:
            await bus.js.update_stream((await bus.js.stream_info("SMS_DISPATCH")).config)
        finally:
            await bus.close()
    except (BusError, JetStreamError, nats.errors.Error, OSError, TimeoutError):
        return False
    return True
