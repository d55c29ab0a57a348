"""Processes that are hurt in ways of their own: no memory, another time of day, a web process that is killed."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from tests.faults.conftest import Lines
from tests.faults.faketime import Clock
from tests.faults.gather import submits
from tests.faults.hurting import group, sessions_ended, under_load
from tests.faults.line import GATEWAY_ENV, Line
from tests.faults.load import Load
from tests.support.platform import iso
from tests.support.product import free_port

STAYS = 8.0
BURST = 400
"""Commands at once, so that memory is asked for that is not there."""
HOUR = 3600
KILLS = 3


@pytest.mark.fault_set("full")
@pytest.mark.timeout(230)
@pytest.mark.parametrize(
    "process", [pytest.param(one, marks=pytest.mark.proves(f"memory {one}")) for one in ("gateway", "dispatch")]
)
async def test_out_of_memory(lines: Lines, process: str) -> None:
    """The process gets no more address space than it has (RLIMIT_AS)."""
    line: Line = await lines()

    async def hurt(load: Load) -> str:
        limits = {pid: _freeze_memory(pid) for pid in group(line.children[process].pid)}
        await load.send(BURST, f"memory {process}")
        await asyncio.sleep(STAYS)
        for pid, limit in limits.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_AS, limit)
        ended = not line.children[process].running
        said = line.children[process].log_file.read_text(errors="replace").count("MemoryError")
        if ended:
            line.kill(process)
            line.launch(process)
        how = "ended, started again" if ended else "went on by itself"
        return f"{how}; MemoryError in its log {said} times"

    await under_load(line, f"memory {process}", hurt)


def _freeze_memory(pid: int) -> tuple[int, int]:
    """Nothing more than what it has mapped; the limits of before."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0])
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (pages * resource.getpagesize(), before[1]))
    return before


@pytest.mark.fault_set("full")
@pytest.mark.needs_faketime("clock gateway", "clock dispatch", "clock receipts")
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
