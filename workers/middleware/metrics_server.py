"""A pool's metrics over HTTP: one process beside the workers, run by Dramatiq as a fork (docs/contract.md §11).

Dramatiq's own Prometheus middleware is not used: it exports nothing once prometheus_client is imported, and it knows
nothing of our metrics.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dramatiq import Broker, Middleware, Worker

from ghasi.env import Env, exit_on_bad_settings
from workers import metrics_dir

ROUTES = "/health /metrics"
BIND_RETRY = 1.0
PARENT_CHECK = 0.5


class MetricsServer(Middleware):
    """Gives each pool one process that answers `/metrics` and `/health` on WORKER_HTTP_PORT (0 or absent: none)."""

    def __init__(self, environ: Env | None = None) -> None:
        self._port = (environ or Env()).integer(metrics_dir.PORT, 0, high=65_535)

    @property
    def forks(self) -> list[Callable[[], int]]:
        """What Dramatiq's master runs; it finds the function again by its module and name."""
        return [serve] if self._port else []

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Takes this process's live gauges out of the sums."""
        path = os.environ.get(metrics_dir.VARIABLE)
        if self._port and path:
            from prometheus_client import multiprocess

            multiprocess.mark_process_dead(os.getpid(), path)  # type: ignore[no-untyped-call]


def serve() -> int:
    """Runs until the pool has ended. Returns the exit code.

    The first SIGTERM is the master telling everybody that the pool stops; workers may take a while, and their last
    figures are wanted. The second comes when the master itself ends, and it waits for us then. Where a worker was
    killed the two come within moments and may arrive as one, so that the end of the last worker counts as well. A
    master that was killed is missed by its pid.
    """
    parent = os.getppid()
    with exit_on_bad_settings():
        env = Env()
        port = env.integer(metrics_dir.PORT, 0, high=65_535)
        host = env.text("WORKER_HTTP_HOST", "0.0.0.0")  # noqa: S104 - scraped from outside
        metrics_dir.prepare()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, partial(_once_more_ends, stopping))
    server = _listen(host, port, parent, stopping)
    if server is None:
        return 0
    try:
        server.serve_forever(poll_interval=PARENT_CHECK)
    finally:
        server.server_close()
        # A directory of our own making has the master's name and nobody comes back to it.
        shutil.rmtree(metrics_dir.default_path(parent), ignore_errors=True)
    return 0


def _once_more_ends(stopping: threading.Event, _signal: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, _end)
    stopping.set()


def _end(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


def _is_over(parent: int, stopping: threading.Event) -> bool:
    """Whether the pool has ended: its master is gone, or it stops and its last worker is gone."""
    return os.getppid() != parent or (stopping.is_set() and not metrics_dir.others_run())


def _listen(host: str, port: int, parent: int, stopping: threading.Event) -> PoolServer | None:
    """Waits for a port that the pool before this one still holds; None where our own pool ends meanwhile."""
    told = False
    while not _is_over(parent, stopping):
        try:
            return PoolServer((host, port), parent, stopping)
        except OSError as error:
            if not told:
                print(f"metrics: port {port}: {error.strerror}, trying on", file=sys.stderr)  # noqa: T201
                told = True
            time.sleep(BIND_RETRY)
    return None


class PoolServer(ThreadingHTTPServer):
    """Ends itself when `parent` is no longer its parent process, or when `stopping` is set and no worker lives."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], parent: int, stopping: threading.Event | None = None) -> None:
        self._parent = parent
        self._stopping = stopping or threading.Event()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)

    def service_actions(self) -> None:
        """Called between requests and at least every poll interval."""
        if _is_over(self._parent, self._stopping):
            raise SystemExit(0)


class Handler(BaseHTTPRequestHandler):
    """GET /metrics and /health."""

    server_version = "smpp-connector"
    sys_version = ""
    timeout = 10.0

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, *exposition())
        elif path == "/health":
            self._answer(200, json.dumps({"status": "ok"}).encode(), "application/json")
        else:
            self._answer(404, f"{ROUTES}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: a scrape every few seconds is no event."""


def exposition() -> tuple[bytes, str]:
    """All processes' metrics as one text, and its content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
