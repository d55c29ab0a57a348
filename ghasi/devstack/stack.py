"""The whole connector on this machine: servers, simulated operators, and every process of the product."""

import json
import os
import secrets
import shutil
import time
import urllib.request
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ghasi.devstack import processes
from ghasi.devstack.endpoint import Endpoints
from ghasi.devstack.paths import CHECKOUT
from ghasi.devstack.processes import Ports
from ghasi.devstack.scenario import DEMO, Settled, settle
from ghasi.devstack.servers import ALL, Servers
from ghasi.devstack.supervisor import ProcessSpec, Supervisor

ADMIN = "admin"
_LOOK_EVERY_S = 0.05
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
_PASSED_ON_PREFIXES = ("COVERAGE_", "COV_CORE_")
_SERVER_VARIABLES = {"nats": "NATS_URL", "postgres": "DATABASE_URL", "valkey": "REDIS_URL"}


@dataclass(frozen=True, slots=True)
class Options:
    """How a stack is made.

    `given` holds addresses of servers to use instead of our own (variables of the contract); `fresh` drops what an
    earlier run stored; `say` gets a line at each step.
    """

    scenario: Path = DEMO
    dispatch_processes: int = 1
    dispatch_threads: int = 4
    receipts_processes: int = 1
    receipts_threads: int = 2
    gateways: int = 1
    web: bool = True
    log_level: str = "info"
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    fresh: bool = False
    endpoints: Endpoints | None = field(default=None, repr=False)
    say: Callable[[str], None] = field(default=lambda _line: None, repr=False)


class Stack:
    """A running connector, made by `Stack.start`; as a context manager it is stopped, in order."""

    def __init__(self, servers: Servers, options: Options) -> None:
        self.servers = servers
        self.options = options
        self.path = servers.run.path
        self.simulator_log = self.path / "simulator"
        self.ports = Ports()
        self.admin_password = secrets.token_urlsafe(9)
        self.settled: Settled = settle(options.scenario, self.path / "operators.yaml")
        self.supervisor = Supervisor(
            servers.run, self.env(), cwd=CHECKOUT, on_end=lambda name, code: options.say(_ended(name, code))
        )

    @classmethod
    def start(cls, run_dir: Path, options: Options | None = None) -> "Stack":
        """Start everything and wait until each process is ready.

        Raises DevstackError (AlreadyRunning, StartFailed with the end of a log); nothing is left running then.
        """
        options = options or Options()
        options.say("starting NATS, PostgreSQL and Valkey")
        only = [name for name in ALL if _SERVER_VARIABLES[name] not in options.given]
        with ExitStack() as undo:
            servers = undo.enter_context(
                Servers.start(run_dir, only=only, endpoints=options.endpoints, fresh=options.fresh)
            )
            stack = cls(servers, options)
            undo.callback(stack._stop_processes)
            stack._start_processes()
            undo.pop_all()
        return stack

    def env(self) -> dict[str, str]:
        """Environment of the product's processes: the contract's variables and nothing else of the caller's."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
        }
        return {
            **inherited,
            **self.servers.env(),
            **self.options.given,
            "ADMIN_REQUIRE_OTP": "0",
            "DJANGO_SETTINGS_MODULE": "ghasi.settings",
            "DJANGO_SECRET_KEY_FILE": str(self._secret("django-secret-key", secrets.token_urlsafe(48))),
            "INTERNAL_SERVICE_TOKEN_FILE": str(self._secret("service-token", self.settled.token)),
            "LOG_LEVEL": self.options.log_level,
            "OPERATOR_IDS": ",".join(self.operator_ids),
            "OPERATOR_MGMT_URL": self.settled.management_url,
            "PYTHONUNBUFFERED": "1",
            **self.options.env,
        }

    def shown_env(self) -> dict[str, str]:
        """Where the servers are, and whom the stack serves."""
        return {**self.servers.env(), **self.options.given, "OPERATOR_IDS": ",".join(self.operator_ids)}

    def joining_env(self) -> dict[str, str]:
        """What a process outside the stack needs to join it, with all that `doctor` and `probe` read; secrets as
        paths of files."""
        own = ("DJANGO_SECRET_KEY_FILE", "INTERNAL_SERVICE_TOKEN_FILE", "OPERATOR_MGMT_URL")
        monitor = {} if "NATS_URL" in self.options.given else {"NATS_MONITOR_URL": self.servers.nats.monitor_url}
        known = self.env()
        return {**self.shown_env(), **{name: known[name] for name in own}, **monitor}

    @property
    def operator_ids(self) -> list[str]:
        """The operators of the scenario, in its order."""
        return [operator.id for operator in self.settled.operators]

    @property
    def admin_url(self) -> str:
        """Address of the admin."""
        return f"http://127.0.0.1:{self.ports.web}/admin/"

    @property
    def admin_login(self) -> str:
        """The line that tells how to get into the admin."""
        return (
            f"{self.admin_url}  login {ADMIN} / {self.admin_password}  (role lead; no second factor here: local only)"
        )

    @property
    def metrics_urls(self) -> dict[str, str]:
        """Prometheus endpoints by process name."""
        ports = {"gateway": self.ports.gateway, "dispatch": self.ports.dispatch, "receipts": self.ports.receipts}
        if self.options.web:
            ports["web"] = self.ports.web
        return {name: f"http://127.0.0.1:{port}/metrics" for name, port in ports.items()}

    @property
    def gateway_url(self) -> str:
        """Base address of the first gateway's HTTP side."""
        return f"http://127.0.0.1:{self.ports.gateway}"

    def await_bound(self, operator_ids: Collection[str] | None = None, *, timeout: float = 20.0) -> None:
        """Wait until operators (all of them by default) are bound. Raises StartFailed where they are not in time."""
        missing = set(self.operator_ids if operator_ids is None else operator_ids)
        deadline = time.monotonic() + timeout
        while missing:
            missing -= {
                session["operatorId"] for session in self.sessions() if session["state"] in ("BOUND", "FAILBACK")
            }
            if missing and time.monotonic() > deadline:
                raise self.supervisor.child("gateway").failure(f"has not bound {', '.join(sorted(missing))}")
            time.sleep(_LOOK_EVERY_S if missing else 0)

    def sessions(self) -> list[dict[str, Any]]:
        """What the first gateway shows under /sessions; empty where it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.gateway_url}/sessions", timeout=2.0) as answer:  # noqa: S310 - ours
                shown: list[dict[str, Any]] = json.load(answer)["sessions"]
        except (OSError, ValueError):
            return []
        return shown

    def stop(self) -> None:
        """Stop the processes in order, then the servers. Data and logs stay."""
        try:
            self._stop_processes()
        finally:
            self.servers.stop()

    def discard(self) -> None:
        """Stop, and delete the run directory and the data."""
        try:
            self._stop_processes()
        finally:
            self.servers.discard()

    def _start_processes(self) -> None:
        options = self.options
        options.say("starting the simulated operators, migrating the database")
        shutil.rmtree(self.simulator_log, ignore_errors=True)
        self.simulator_log.mkdir()
        with ThreadPoolExecutor(1) as pool:
            migrated = pool.submit(self._prepare_database)
            self.supervisor.start(
                processes.simulator(self.settled, self.simulator_log),
                processes.management(self.settled, self.simulator_log),
            )
            migrated.result()
        options.say("starting the gateway, both worker pools and the admin")
        product = [
            processes.gateway(self.ports, number=number, sole=options.gateways == 1)
            for number in range(1, options.gateways + 1)
        ]
        product.append(self._pool("receipts", self.ports.receipts, options.receipts_processes))
        product.append(self._pool("dispatch", self.ports.dispatch, options.dispatch_processes))
        if options.web:
            product.append(processes.web(self.ports.web))
        self.supervisor.start(*product)

    def _pool(self, queue: str, port: int, count: int) -> ProcessSpec:
        threads = self.options.dispatch_threads if queue == "dispatch" else self.options.receipts_threads
        folder = self.path / f"metrics-{queue}"
        folder.mkdir(exist_ok=True)
        return processes.pool(queue, port, folder, processes=count, threads=threads)

    def _prepare_database(self) -> None:
        argv = [processes.PYTHON, "-m", "ghasi.devstack.prepare_database"]
        login = {"DJANGO_SUPERUSER_USERNAME": ADMIN, "DJANGO_SUPERUSER_PASSWORD": self.admin_password}
        self.supervisor.run_once("migrate", argv, env=login, timeout=60.0)

    def _stop_processes(self) -> None:
        # The gateway still answers while dispatch finishes its batches, and the pool of receipts outlives it.
        gateways = [name for name in self.supervisor.names if name.startswith("gateway")]
        self.supervisor.stop(["web", "dispatch"], gateways, ["receipts"])
        self.ports.release()
        self.settled.release()

    def _secret(self, name: str, value: str) -> Path:
        """A file only we can read; a value that is there already stays, unless it is another's to choose."""
        file = self.path / name
        file.touch(mode=0o600)
        if name == "service-token" or not file.read_text():
            file.write_text(value)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _ended(name: str, code: int) -> str:
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return f"{name} ended ({how}): it is started again"
