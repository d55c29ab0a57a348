"""Where a fault is played and scraped: servers of its own, the product, load, and a scraper beside them."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from ghasi.devstack.child import Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.servers import Servers
from tests.faults.conftest import migrate
from tests.observability.scraping import Scraper, Target
from tests.support import servers as support
from tests.support.platform import Platform, command
from tests.support.product import ROOT, Product, operator

QUICK = {
    "SMPP_RECONNECT_DELAYS": "2,3,5",
    "SMPP_RESPONSE_TIMEOUT": "8",
    "SMPP_ENQUIRE_LINK_INTERVAL": "3",
    "SMPP_ENQUIRE_LINK_TIMEOUT": "3",
}
"""Timers a recording of minutes can wait for."""
LOT = 0.5
START_WITHIN = 300.0


class Cast:
    """Operators by a name that says what they do; the name stands in the series instead of the id."""

    def __init__(self) -> None:
        self.operators: list[dict[str, Any]] = []
        self.names: dict[str, str] = {}

    def add(self, name: str, **changes: Any) -> str:
        one = operator(**{"name": name, "tpsLimit": 50, "rules": [], "receipts": {"delay": 0.2}} | changes)
        self.operators.append(one)
        self.names[one["id"]] = name
        return str(one["id"])

    def stranger(self, name: str) -> str:
        """An operator id that nobody serves."""
        made = str(uuid.uuid4())
        self.names[made] = name
        return made


class PatientProduct(Product):
    """On a machine that has other work as well."""

    async def wait_ready(self, timeout: float = START_WITHIN) -> None:
        await super().wait_ready(timeout)


@dataclass
class Stage:
    """What a scenario's `play` is given. Times are seconds."""

    servers: Servers
    product: Product
    platform: Platform
    scraper: Scraper
    cast: Cast
    targets: dict[str, Target] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _number: int = 0
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)

    def id(self, name: str) -> str:
        return next(one for one, called in self.cast.names.items() if called == name)

    async def until(self, second: float) -> None:
        """Sleeps until that second of the recording."""
        await asyncio.sleep(max(0.0, second - self.scraper.second))

    async def send(self, name: str, count: int, suffix: str = "100", **changes: Any) -> None:
        made = []
        for _ in range(count):
            self._number += 1
            made.append(command(self.id(name), f"+9370{self._number % 10_000:04}{suffix}", **changes))
        await self.platform.send(made)

    def keep(self, name: str, rate: float, suffix: str = "100") -> None:
        """A steady load until the end; a publish that fails is given up, as is seen in the series."""
        task = asyncio.create_task(self._keep(name, rate, suffix))
        self._tasks.add(task)

    async def _keep(self, name: str, rate: float, suffix: str) -> None:
        owed = 0.0
        while not self._quiet.is_set():
            owed += rate * LOT
            count, owed = int(owed), owed - int(owed)
            if count:
                try:
                    await self.send(name, count, suffix)
                except Exception as error:
                    print(f"  not published: {type(error).__name__}", flush=True)
            await asyncio.sleep(LOT)

    def watch(self, name: str, job: str, port: int) -> None:
        """Scrapes a process from now on."""
        self.targets[name] = Target(job, name, port)
        self.scraper.add(self.targets[name])

    async def quiet(self) -> None:
        """Ends the load. A publish that gives up in the moment of its cancellation hides that."""
        self._quiet.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- the product's other processes

    async def gateway(self, name: str, **env: str) -> Child:
        """Another replica, scraped as soon as it answers."""
        port = free_port()
        argv = [sys.executable, "-m", "sessions_gateway"]
        child = self.product.run(name, argv, GATEWAY_REPLICA=name, HTTP_PORT=str(port), **env)
        await self.product.until_http(
            f"http://127.0.0.1:{port}/health", lambda status, _: status == 200, START_WITHIN
        )
        self.watch(name, "smpp-gateway", port)
        return child

    async def manage(self, *argv: str) -> int:
        """Exit code of a command."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "manage.py",
            *argv,
            cwd=ROOT,
            env=self.product.env(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()

    async def sql(self, *statements: str) -> None:
        """Runs statements on the ledger, each on its own."""

        def run() -> None:
            with psycopg.connect(self.servers.database_url, autocommit=True) as database:
                for one in statements:
                    database.execute(one.encode())

        await asyncio.to_thread(run)

    def again(self, name: str) -> Child:
        """Starts a process that has ended."""
        if name == "gateway":
            return self.product.run_gateway()
        return self.product.run_pool(name, 1, 4)


Play = Callable[[Stage], Awaitable[None]]


@asynccontextmanager
async def staged(
    folder: Path, cast: Cast, names: frozenset[str], *, env: dict[str, str], web: bool, before: Iterable[Play] = ()
) -> AsyncIterator[Stage]:
    """The product ready for traffic and scraped from its start on, by one target a process."""
    servers = Servers.start(support.new_run_dir())
    product = PatientProduct(servers, folder, cast.operators, threads=4, env=env)
    try:
        migrate(servers)
        async with await Platform.over(servers.nats_url, listen=False) as platform, Scraper(names) as scraper:
            stage = Stage(servers, product, platform, scraper, cast)
            for play in before:
                await play(stage)
            await product.start()
            scraper.began = time.time()
            stage.watch("gateway", "smpp-gateway", product.http_port)
            for pool, port in product.worker_ports.items():
                stage.watch(pool, f"smpp-{pool}", port)
            if web:
                await _run_web(stage)
            try:
                yield stage
            finally:
                await stage.quiet()
    finally:
        for child in product.children.values():
            child.kill()
        await asyncio.to_thread(product.stop)
        await asyncio.to_thread(servers.discard)


async def _run_web(stage: Stage) -> None:
    port = free_port()
    argv = [str(Path(sys.prefix) / "bin" / "gunicorn"), "ghasi.wsgi", "--bind", f"127.0.0.1:{port}"]
    stage.product.run("web", [*argv, "--workers", "1", "--threads", "2", "--log-level", "warning"])
    await stage.product.http(port, "/healthz")
    stage.watch("web", "smpp-web", port)
