"""The disk of NATS or PostgreSQL without a free block, under load: nothing accepted is lost once there is room."""

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
        met = _complaints(mortal)
        await asyncio.to_thread(mortal.disk.make_room)
        # A stream of NATS that met the full disk takes nothing until its server is restarted, though it answers
        # questions as if it did; PostgreSQL may have ended.
        restarted = mortal.server.name == "nats" or not mortal.server.running
        if restarted:
            await asyncio.to_thread(mortal.server.restart)
        healed = time.time()
        stop.set()
        await sending
        drained = await load.drained(DRAIN)
        evidence = await gather(line, load.commands)
    await line.shut()
    verdict = judge(evidence)
    assert met, f"{mortal.server.name} never met the full disk"
    note = "restarted" if restarted else "went on by itself"
    figures.write([figures.of(fault, verdict, evidence, at=healed, note=note)])
    print(f"{fault}: {note}; {met} complaints; publishes refused: {dict(load.refusals)}")
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()


def _complaints(mortal: Mortal) -> int:
    """How often the server itself said that its disk is full: a run in which it never did proves nothing."""
    assert mortal.server.child is not None
    said = mortal.server.child.log_file.read_text(encoding="utf-8", errors="replace").lower()
    return said.count("no space left on device")
