"""How long the staff's pages take beside a large ledger.

Rows are laid by first, spread over the days of the retention and fifty operators, with what the pages show beside
them; two gateways' worth of sessions is there to be asked about (`benchmarks.stand_in`). Then every page is asked for
several times through Django's test client, views, queries and templates included; the first time is left out, so the
figures are those of a web process that runs. Nothing is kept from one time to the next that a process keeps for all
who look: it is as if each were the first to ask. Milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks import ledger, results, stand_in
from benchmarks.bench import bench_servers
from benchmarks.shape import DAYS, OPERATORS
from ghasi.devstack.paths import CHECKOUT
from ghasi.devstack.servers import Servers


def measure(servers: Servers, rows: int) -> dict[str, dict[str, Any]]:
    """Title and percentiles by page, on the ledger that `ledger.fill` laid by. Raises CalledProcessError."""
    ours = {"DJANGO_SETTINGS_MODULE": "ghasi.settings", "DJANGO_SECRET_KEY": "x" * 50, "ADMIN_REQUIRE_OTP": "0"}
    env = {**os.environ, **servers.env(), **ours}
    # Django's settings are read once, and there may be other servers later.
    argv = [sys.executable, "-W", "ignore", "-m", "benchmarks.pages_client", str(rows)]
    with gateways(env):
        done = subprocess.run(argv, cwd=CHECKOUT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def gateways(env: Mapping[str, str]) -> Iterator[None]:
    """The sessions that the pages show."""
    argv = [sys.executable, "-m", "benchmarks.stand_in"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=CHECKOUT, env=env, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline().strip() == stand_in.READY, "the sessions are not there"
        try:
            yield
        finally:
            child.stdin.close()
            child.wait(30)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--more", action="store_true", help="keep what is stored of other sizes")


def run(arguments: argparse.Namespace) -> None:
    found = results.stored("pages")["results"] if arguments.more else {}
    for rows in arguments.rows:
        with bench_servers() as servers:
            ledger.fill(servers, rows)
            found[str(rows)] = one = measure(servers, rows)
        print(json.dumps({"rows": rows, "pages": one}), flush=True)
        store(found)


def store(found: dict[str, Any]) -> None:
    """Results by rows."""
    results.store("pages", {"days": DAYS, "operators": OPERATORS}, found)
