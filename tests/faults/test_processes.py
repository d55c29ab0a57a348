"""Processes that are hurt in ways of their own: no memory, another time of day, a web process that is killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from ghasi.devstack.ports import free_port
from tests.faults.clock import Clock
from tests.faults.conftest import Lines
from tests.faults.gather import submits
from tests.faults.hurting import sessions_ended, under_load
from tests.faults.line import GATEWAY_ENV, Line
from tests.faults.load import Load
from tests.faults.memory import MemoryGroup
from tests.support.platform import iso

STAYS = 8.0
ROOM = 256 * 1024
"""Octets of memory that a process may still take."""
BURST, BURSTS = 100, 25
"""Commands of ten parts at once, so that it needs more than that."""
HOUR = 3600
KILLS = 3


@pytest.mark.fault_set("full")
@pytest.mark.needs_memory("memory gateway", "memory dispatch", "memory receipts")
@pytest.mark.timeout(230)
@pytest.mark.parametrize(
    "process",
    [pytest.param(one, marks=pytest.mark.proves(f"memory {one}")) for one in ("gateway", "dispatch", "receipts")],
)
async def test_out_of_memory(lines: Lines, process: str) -> None:
    """The process may have what it has and a little more; the kernel kills it when it needs more than that."""
    fault = f"memory {process}"
    line: Line = await lines(tpsLimit=1000)
    with MemoryGroup() as memory:
        line.kill(process)
        memory.take(line.launch(process).pid)
        await line.wait_ready()

        async def hurt(load: Load) -> str:
            used = memory.used()
            memory.limit(used + ROOM)
            died = None
            for _ in range(BURSTS):
                await load.send(BURST, fault, text="x" * 1500)
                died = await line.died(process, 2.0)
                if died is not None:
                    break
            assert died is not None, f"{process} lives with {(memory.used() - used) // 1024} KiB more"
            line.launch(process)
            return f"killed with {used // 2**20} MiB and {ROOM // 1024} KiB"

        await under_load(line, fault, hurt)
        await line.shut()


@pytest.mark.fault_set("full")
@pytest.mark.needs_clock("clock gateway", "clock dispatch", "clock receipts")
@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "process",
    [pytest.param(one, marks=pytest.mark.proves(f"clock {one}")) for one in ("gateway", "dispatch", "receipts")],
)
async def test_the_time_of_day_jumps(lines: Lines, tmp_path: Path, process: str) -> None:
    """An hour ahead, then an hour back, in one process of three. Commands stay valid for longer than that."""
    clock = Clock(tmp_path)
    plain = GATEWAY_ENV if process == "gateway" else {}
    line: Line = await lines(env_of={process: plain | clock.env})
    late = iso(datetime.now(UTC) + timedelta(hours=5))

    async def hurt(_: Load) -> str:
        sent = Counter[str]()
        for name, ahead in (("ahead", HOUR), ("back", -HOUR)):
            before = len(list(submits(line)))
            clock.set(ahead)
            await asyncio.sleep(STAYS)
            sent[name] = len(list(submits(line))) - before
        clock.set(0)
        told = ", ".join(f"{count} PDUs while an hour {name}" for name, count in sent.items())
        return f"{told}, {sessions_ended(line)} sessions ended"

    await under_load(line, f"clock {process}", hurt, within=120.0, expiresAt=late)


@pytest.mark.fault_set("full")
@pytest.mark.proves("web killed")
@pytest.mark.timeout(200)
async def test_the_web_process_is_killed(lines: Lines) -> None:
    line: Line = await lines()
    port = free_port()
    web = [str(Path(sys.executable).with_name("gunicorn")), "ghasi.wsgi", "--bind", f"127.0.0.1:{port}"]

    async def hurt(_: Load) -> str:
        took = []
        for _ in range(KILLS):
            began = time.monotonic()
            line.run("web", web)
            await line.until_http(f"http://127.0.0.1:{port}/healthz", lambda status, _: status == 200)
            took.append(time.monotonic() - began)
            asking = [asyncio.create_task(_ask(port)) for _ in range(5)]
            await asyncio.sleep(0.05)
            line.kill("web")
            await asyncio.gather(*asking)
            line.children.pop("web")
        return f"{KILLS} kills, serves again after {max(took):.1f} s, {sessions_ended(line)} sessions ended"

    await under_load(line, "web killed", hurt)


async def _ask(port: int) -> None:
    """Whatever comes of it."""
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5.0)) as session,
            session.get(f"http://127.0.0.1:{port}/admin/login/") as response,
        ):
            await response.read()
