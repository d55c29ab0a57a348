"""The product's own processes, for tests: gateway, pools, simulator, stand-in for operator management."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from ghasi.devstack.child import Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.servers import Servers

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "test-token"


def ahead_of_others() -> list[str]:
    """Runs a measuring instrument before everything else: an SMSC has a machine of its own, here it must not note an
    arrival late because we keep both cores busy. Without the right to it, as good as may be."""
    if os.geteuid() == 0 and shutil.which("chrt"):
        return ["chrt", "--fifo", "10"]
    return []


def operator(**changes: Any) -> dict[str, Any]:
    """One operator of a scenario, following tests/interop/peers/rules.md unless `rules` says otherwise."""
    made = {
        "id": str(uuid.uuid4()),
        "name": "Test-MNO",
        "systemId": "ghasi",
        "password": "secret12",
        "port": free_port(),
        "tpsLimit": 1000,
        "windowSize": 50,
        "ids": {"response": "hex"},
        "receipts": {"delay": 0.2},
        "rules": [
            {"to": "*404", "status": "ESME_RINVDSTADR"},
            {"to": "*027", "receipt": {"stat": "UNDELIV", "err": "027"}},
            {"to": "*001", "receipt": {"enroute": True}},
        ],
    }
    return made | changes


class Product:
    """Everything of ours between the servers and the wire. Start, use, stop; children end with the test run."""

    def __init__(
        self,
        servers: Servers,
        folder: Path,
        operators: Sequence[dict[str, Any]],
        *,
        dispatch_processes: int = 1,
        threads: int = 8,
        env: dict[str, str] | None = None,
        simulate: bool = True,
    ) -> None:
        self.servers = servers
        self.folder = folder
        self.operators = list(operators)
        self.simulate = simulate
        self.dispatch_processes = dispatch_processes
        self.threads = threads
        self.tag = uuid.uuid4().hex[:6]
        self.management_port = free_port()
        self.http_port = free_port()
        self.worker_ports = {"dispatch": free_port(), "receipts": free_port()}
        self.children: dict[str, Child] = {}
        # In memory where there is room for it: a log must not wait for the disk that the servers sync.
        memory = Path("/dev/shm")
        self.log_dir = Path(tempfile.mkdtemp(prefix="smsc-", dir=memory if memory.is_dir() else folder))
        self._env = env or {}

    @property
    def operator_ids(self) -> list[str]:
        return [one["id"] for one in self.operators]

    def env(self) -> dict[str, str]:
        return {
            **{k: v for k, v in os.environ.items() if k.startswith("COV") or k in ("PATH", "HOME", "LANG")},
            **self.servers.env(),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "ghasi.settings",
            "DJANGO_SECRET_KEY": "test-key-of-no-consequence-whatsoever-0123456789-0123",
            "OPERATOR_IDS": ",".join(self.operator_ids),
            "OPERATOR_MGMT_URL": f"http://127.0.0.1:{self.management_port}",
            "INTERNAL_SERVICE_TOKEN": TOKEN,
            "LOG_LEVEL": "info",
            **self._env,
        }

    def write_scenario(self) -> Path:
        path = self.folder / "scenario.yaml"
        scenario = {"operators": self.operators, "management": {"port": self.management_port, "token": TOKEN}}
        path.write_text(yaml.safe_dump(scenario, sort_keys=False), encoding="utf-8")
        return path

    async def start(self) -> None:
        self.log_dir.mkdir(parents=True, exist_ok=True)
        scenario = str(self.write_scenario())
        if self.simulate:
            self.run_simulator(scenario)
        self.run(
            "management",
            [sys.executable, "manage.py", "operator_management", scenario, "--port", str(self.management_port)],
        )
        self.run_gateway()
        self.run_pool("dispatch", self.dispatch_processes, self.threads)
        self.run_pool("receipts", 1, 4)
        await self.wait_ready()

    def run_simulator(self, scenario: str) -> None:
        argv = [sys.executable, "manage.py", "simulate", scenario, "--log", str(self.log_dir)]
        argv += ["--port-file", str(self.folder / "ports.json")]
        self.run("simulator", [*ahead_of_others(), *argv])

    def run_gateway(self, **env: str) -> Child:
        return self.run("gateway", [sys.executable, "-m", "sessions_gateway"], HTTP_PORT=str(self.http_port), **env)

    def run_pool(self, pool: str, processes: int, threads: int) -> Child:
        metrics = self.folder / f"prometheus-{pool}"
        metrics.mkdir(exist_ok=True)
        return self.run(
            pool,
            [
                sys.executable,
                "-m",
                "dramatiq",
                "workers.app",
                "--queues",
                pool,
                "--processes",
                str(processes),
                "--threads",
                str(threads),
                "--worker-shutdown-timeout",
                "40000",
                "--worker-fork-timeout",
                "300000",
            ],
            PROMETHEUS_MULTIPROC_DIR=str(metrics),
            WORKER_HTTP_PORT=str(self.worker_ports[pool]),
        )

    def run(self, name: str, argv: list[str], **env: str) -> Child:
        child = Child(
            f"{self.tag}-{name}", argv, run=self.servers.run, env={**self.env(), **env}, cwd=ROOT, stop_timeout=45.0
        )
        child.start()
        self.children[name] = child
        return child

    async def wait_ready(self, timeout: float = 60.0) -> None:
        await self.until_http(f"http://127.0.0.1:{self.http_port}/ready", lambda status, _: status == 200, timeout)
        for port in self.worker_ports.values():
            await self.until_http(f"http://127.0.0.1:{port}/metrics", lambda status, _: status == 200, timeout)

    async def until_http(self, url: str, fits: Callable[[int, str], bool], timeout: float = 60.0) -> str:
        end = time.monotonic() + timeout
        last = ""
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < end:
                self.check_alive()
                try:
                    async with session.get(url) as response:
                        last = await response.text()
                        if fits(response.status, last):
                            return last
                except aiohttp.ClientError as error:
                    last = type(error).__name__
                await asyncio.sleep(0.05)
        raise AssertionError(f"{url} did not get there: {last[:500]}\n{self.tails()}")

    async def http(self, port: int, path: str) -> str:
        return await self.until_http(f"http://127.0.0.1:{port}{path}", lambda status, _: status == 200)

    async def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(await self.http(self.http_port, "/sessions"))["sessions"]
        return found

    def check_alive(self) -> None:
        for name, child in self.children.items():
            assert child.running, f"{name} ended: {child.log_tail()}"

    def tails(self) -> str:
        return "\n".join(f"--- {name}: {child.log_tail()[-1500:]}" for name, child in self.children.items())

    def smsc_log(self, operator_id: str, event: str = "submit") -> list[dict[str, Any]]:
        path = self.log_dir / f"{operator_id}.jsonl"
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
        return [one for one in map(json.loads, lines) if one.get("event") == event]

    def stop(self) -> None:
        # The pools first: what they have in hand the gateway is to answer.
        for names in (("dispatch", "receipts"), ("gateway",), tuple(self.children)):
            ending = [self.children.pop(name) for name in names if name in self.children]
            with ThreadPoolExecutor(max_workers=len(ending) or 1) as pool:
                list(pool.map(Child.stop, ending))
        shutil.rmtree(self.log_dir, ignore_errors=True)
