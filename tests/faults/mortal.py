"""Servers of which one keeps its data on a disk of its own, which a test may hurt."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ghasi.devstack.server import Server
from ghasi.devstack.servers import Servers
from tests.faults.disk import SIZE, Disk
from tests.support import servers as support


@dataclass(frozen=True, slots=True)
class Mortal:
    """`server`, one of `servers`, has its data on `disk`."""

    servers: Servers
    disk: Disk
    server: Server


@contextmanager
def mortal(name: str, session: pytest.Session, size: int = SIZE) -> Iterator[Mortal]:
    """`name`: "nats" or "postgres"; `size` of its disk in octets."""
    with ExitStack() as undo:
        servers = Servers.start(support.new_run_dir())
        undo.callback(servers.discard)
        undo.callback(support.keep_logs, servers.run, session)
        server: Server = getattr(servers, name)
        folder = servers.postgres.data if name == "postgres" else servers.run.path / "nats"
        server.stop()
        moved = folder.with_name(f"{folder.name}.moved")
        folder.rename(moved)
        folder.mkdir()
        disk = undo.enter_context(Disk(folder, size))
        # Before its disk is taken away.
        undo.callback(server.stop)
        shutil.copytree(moved, folder, dirs_exist_ok=True, copy_function=shutil.copy2)
        _same_owner(moved, folder)
        shutil.rmtree(moved)
        disk.sync()
        server.start()
        yield Mortal(servers, disk, server)


def _same_owner(pattern: Path, folder: Path) -> None:
    """PostgreSQL insists on owning its data, and on its mode."""
    stat = os.stat(pattern)
    os.chmod(folder, stat.st_mode & 0o777)
    for place, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.chown(os.path.join(place, name), stat.st_uid, stat.st_gid, follow_symlinks=False)
