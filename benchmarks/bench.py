"""Servers and database for a measurement."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ghasi.devstack.paths import CHECKOUT
from ghasi.devstack.servers import Servers
from tests.support.servers import new_run_dir


@contextmanager
def bench_servers() -> Iterator[Servers]:
    """Real servers of their own, durable as in production, migrated, gone afterwards."""
    servers = Servers.start(new_run_dir())
    try:
        _migrate(servers)
        yield servers
    finally:
        servers.discard()


def _migrate(servers: Servers) -> None:
    """In a process of its own: Django's settings are read once, and there may be other servers later."""
    ours = {"DJANGO_SETTINGS_MODULE": "ghasi.settings", "DJANGO_SECRET_KEY": "x" * 50}
    argv = [sys.executable, "-W", "ignore", "manage.py", "migrate", "--verbosity", "0", "--no-input"]
    subprocess.run(argv, cwd=CHECKOUT, env={**os.environ, **servers.env(), **ours}, check=True)
