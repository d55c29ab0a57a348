"""Kill -9, restart and emptying of NATS, PostgreSQL and Valkey under load; the limit holds on the wire throughout."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
import redis

from ghasi.devstack.server import Server
from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge
from tests.faults.seed import rng
from tests.support.rate import surely_in_a_second

RATE = 40.0
LIMIT = 50
DOWN = 1.5
KILLS = 3
NAMES = ["nats", "postgres", "valkey"]
FULL = pytest.mark.fault_set("full")


def server(plant: Servers, name: str) -> Server:
    found: Server = getattr(plant, name)
    return found


async def under_load(line: Line, hurt: Callable[[Load], object], fault: str, note: str = "") -> None:
    """Runs `hurt` (a coroutine function) while commands come, then drains, judges and writes the figures."""
    async with Load(line) as load:
        stop = asyncio.Event()
        sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop))
        await asyncio.sleep(1.0)
        await hurt(load)  # type: ignore[misc]
        healed = time.time()
        stop.set()
        await sending
        drained = await load.drained(90.0)
        evidence = await gather(line, load.commands)
    verdict = judge(evidence)
    worst = surely_in_a_second([one["mono"] for one in line.smsc_log(line.operator_id)])
    note = f"{note} worst second {worst} of {LIMIT}".strip()
    figures.write([figures.of(fault, verdict, evidence, at=healed, note=note)])
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()
    assert worst <= LIMIT, f"{worst} submits in one second, {LIMIT} allowed"


@FULL
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", NAMES)
async def test_kill_and_restart(lines: Lines, plant: Servers, name: str) -> None:
    line: Line = await lines(tpsLimit=LIMIT)
    draw = rng(f"servers, {name}")

    async def hurt(_: Load) -> None:
        for _ in range(KILLS):
            server(plant, name).kill()
            await asyncio.sleep(draw.uniform(0.2, DOWN))
            await asyncio.to_thread(server(plant, name).start)
            await asyncio.sleep(draw.uniform(0.5, 1.5))

    await under_load(line, hurt, f"kill {name}", f"{KILLS} kills,")


@FULL
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", NAMES)
async def test_pause(lines: Lines, plant: Servers, name: str) -> None:
    """SIGSTOP: connections stay, nothing is answered."""
    line: Line = await lines(tpsLimit=LIMIT)

    async def hurt(_: Load) -> None:
        server(plant, name).pause()
        try:
            await asyncio.sleep(8.0)
        finally:
            server(plant, name).resume()

    await under_load(line, hurt, f"pause {name}", "8 s,")


@FULL
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", NAMES)
async def test_away_for_long(lines: Lines, plant: Servers, name: str) -> None:
    line: Line = await lines(tpsLimit=LIMIT)

    async def hurt(_: Load) -> None:
        server(plant, name).kill()
        await asyncio.sleep(15.0)
        await asyncio.to_thread(server(plant, name).start)

    await under_load(line, hurt, f"away {name}", "15 s,")


@FULL
@pytest.mark.timeout(240)
async def test_flushall_in_a_loop(lines: Lines, plant: Servers) -> None:
    line: Line = await lines(tpsLimit=LIMIT)

    async def hurt(load: Load) -> None:
        await load.send(LIMIT * 6, "flushall")
        with redis.Redis.from_url(plant.redis_url) as client:
            for _ in range(40):
                await asyncio.to_thread(client.flushall)
                await asyncio.sleep(0.2)

    await under_load(line, hurt, "flushall")
