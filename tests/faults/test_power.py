"""Power cuts of the disks of NATS and PostgreSQL under load: what was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ghasi.devstack.server import Server
from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.conftest import Lines, migrate
from tests.faults.disk import Disk
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge
from tests.faults.seed import rng
from tests.support import servers as support

RATE = 40.0
CUTS = 2
DRAIN = 90.0


@pytest.fixture
def mortal(request: pytest.FixtureRequest) -> Iterator[tuple[Servers, Disk, Server]]:
    """Servers of which one, named by the parameter, keeps its data on a disk whose power can be cut."""
    with ExitStack() as undo:
        servers = Servers.start(support.new_run_dir())
        undo.callback(servers.discard)
        undo.callback(support.keep_logs, servers.run, request.session)
        server: Server = getattr(servers, request.param)
        folder = servers.postgres.data if request.param == "postgres" else servers.run.path / "nats"
        server.stop()
        moved = folder.with_name(f"{folder.name}.moved")
        folder.rename(moved)
        folder.mkdir()
        disk = undo.enter_context(Disk(folder))
        # Before its disk is taken away.
        undo.callback(server.stop)
        shutil.copytree(moved, folder, dirs_exist_ok=True, copy_function=shutil.copy2)
        _same_owner(moved, folder)
        shutil.rmtree(moved)
        disk.sync()
        server.start()
        migrate(servers)
        yield servers, disk, server


def _same_owner(pattern: os.PathLike[str], folder: os.PathLike[str]) -> None:
    """PostgreSQL insists on owning its data, and on its mode."""
    stat = os.stat(pattern)
    os.chmod(folder, stat.st_mode & 0o777)
    for place, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.chown(os.path.join(place, name), stat.st_uid, stat.st_gid, follow_symlinks=False)


@pytest.mark.fault_set("full")
@pytest.mark.needs_disk("power cut nats", "power cut postgres")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mortal", ["nats", "postgres"], indirect=True)
async def test_what_was_acknowledged_survives(lines: Lines, mortal: tuple[Servers, Disk, Server]) -> None:
    servers, disk, server = mortal
    fault = f"power cut {server.name}"
    line: Line = await lines(servers)
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
