"""The processes of the product as the local stack runs them (docs/contract.md §12 names them)."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from ghasi.devstack.paths import CHECKOUT
from ghasi.devstack.ports import free_port, preferred_port, release
from ghasi.devstack.ready import file_written, http_ok
from ghasi.devstack.scenario import Settled
from ghasi.devstack.supervisor import ProcessSpec

BIN = Path(sys.prefix) / "bin"
PYTHON = sys.executable
_MANAGE = (PYTHON, str(CHECKOUT / "manage.py"))
_SHUTDOWN_S = 8.0


@dataclass(slots=True)
class Ports:
    """HTTP ports of a stack: the usual ones where they are free."""

    gateway: int = field(default_factory=lambda: preferred_port(3001))
    web: int = field(default_factory=lambda: preferred_port(8000))
    dispatch: int = field(default_factory=free_port)
    receipts: int = field(default_factory=free_port)

    def release(self) -> None:
        """Give the ports back."""
        for port in (self.gateway, self.web, self.dispatch, self.receipts):
            release(port)


def simulator(settled: Settled, folder: Path) -> ProcessSpec:
    """The simulated operators; their logs go to `folder`."""
    ports = folder / "ports.json"
    ports.unlink(missing_ok=True)
    argv = [*_MANAGE, "simulate", str(settled.file), "--port-file", str(ports), "--log", str(folder)]
    return ProcessSpec("simulator", argv, ready=file_written(ports))


def management(settled: Settled, folder: Path) -> ProcessSpec:
    """The stand-in for operator management."""
    ports = folder / "management.json"
    ports.unlink(missing_ok=True)
    argv = [*_MANAGE, "operator_management", str(settled.file), "--port-file", str(ports)]
    return ProcessSpec("management", argv, ready=file_written(ports))


def gateway(ports: Ports, *, number: int = 1, sole: bool = True) -> ProcessSpec:
    """One gateway replica; a second and later one has a port of its own."""
    port = ports.gateway if number == 1 else free_port()
    name = "gateway" if number == 1 else f"gateway-{number}"
    env = {"HTTP_PORT": str(port), "GATEWAY_REPLICA": name, "GATEWAY_SOLE": "1" if sole else "0"}
    ready = http_ok(f"http://127.0.0.1:{port}/health")
    return ProcessSpec(name, [sys.executable, "-m", "sessions_gateway"], env, ready=ready, stop_timeout=20.0)


def pool(queue: str, port: int, metrics: Path, *, processes: int, threads: int) -> ProcessSpec:
    """One worker pool: Dramatiq's master over `processes` processes."""
    argv = [str(BIN / "dramatiq"), "workers.app", "--queues", queue]
    argv += ["--processes", str(processes), "--threads", str(threads)]
    argv += ["--worker-shutdown-timeout", str(int(_SHUTDOWN_S * 1000) + 5000), "--worker-fork-timeout", "300000"]
    env = {
        "WORKER_HTTP_PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "WORKER_SHUTDOWN_DEADLINE": str(_SHUTDOWN_S),
    }
    ready = http_ok(f"http://127.0.0.1:{port}/health")
    return ProcessSpec(queue, argv, env, ready=ready, stop_timeout=_SHUTDOWN_S + 7.0)


def web(port: int) -> ProcessSpec:
    """The admin under gunicorn."""
    argv = [str(BIN / "gunicorn"), "ghasi.wsgi", "--bind", f"127.0.0.1:{port}"]
    argv += ["--workers", "1", "--threads", "4", "--graceful-timeout", "3", "--log-level", "warning"]
    return ProcessSpec("web", argv, ready=http_ok(f"http://127.0.0.1:{port}/healthz"))
