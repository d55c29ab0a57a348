"""A TCP proxy between every pair of processes: cut, half-open, delay, one octet at a time, reset, black hole.

Each fault lasts a few seconds under load, heals, and the line must get back to nothing waiting before the next.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge
from tests.faults.wiring import FAULTS, PAIRS, wired
from tests.support.proxy import Proxy

RATE = 40.0
LASTS = 4.0


@pytest.mark.fault_set("full")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("pair", PAIRS)
async def test_every_fault(lines: Lines, plant: Servers, pair: str) -> None:
    await _suffer(lines, plant, pair, list(FAULTS))


async def _suffer(lines: Lines, plant: Servers, pair: str, faults: list[str]) -> None:
    healed: dict[str, float] = {}
    with wired(plant, [pair]) as wiring:
        line: Line = await lines(**wiring.settings)
        async with Load(line) as load:
            for fault in faults:
                healed[fault] = await _one(wiring.proxies[pair], load, fault)
                await load.drained(60.0)
            drained = await load.drained(60.0)
            evidence = await gather(line, load.commands)
        await line.shut()
    verdict = judge(evidence)
    figures.write(
        figures.of(f"{pair}: {fault}", verdict, evidence, batch=fault, at=at) for fault, at in healed.items()
    )
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()


async def _one(proxy: Proxy, load: Load, fault: str) -> float:
    """One fault under load, from its beginning to its end; when it was healed."""
    stop = asyncio.Event()
    sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop))
    try:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(FAULTS[fault], proxy)
        await asyncio.sleep(LASTS)
        await asyncio.to_thread(proxy.heal)
        healed = time.time()
        await asyncio.sleep(0.5)
    finally:
        stop.set()
        await sending
    return healed
