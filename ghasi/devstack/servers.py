"""The three servers of the local stack as one: NATS, PostgreSQL and Valkey on free loopback ports."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from ghasi.devstack.endpoint import Endpoints
from ghasi.devstack.nats import NatsServer
from ghasi.devstack.postgres import PostgresServer
from ghasi.devstack.rundir import RunDir
from ghasi.devstack.server import Server
from ghasi.devstack.valkey import ValkeyServer

ALL = ("nats", "postgres", "valkey")


class Servers:
    """Real servers of one run directory, made by `Servers.start`; as a context manager it ends them."""

    def __init__(self, run: RunDir, endpoints: Endpoints, names: Iterable[str]) -> None:
        self.run = run
        self.endpoints = endpoints
        self.nats = NatsServer(run, endpoints)
        self.postgres = PostgresServer(run, endpoints)
        self.valkey = ValkeyServer(run, endpoints)
        known: dict[str, Server] = {"nats": self.nats, "postgres": self.postgres, "valkey": self.valkey}
        self._chosen = [known[name] for name in names]

    @classmethod
    def start(
        cls,
        run_dir: Path,
        *,
        only: Iterable[str] | None = None,
        endpoints: Endpoints | None = None,
        fresh: bool = False,
    ) -> "Servers":
        """Claim the run directory, end what an earlier run left, start the servers (`only`: some of ALL).

        Raises AlreadyRunning while another living process holds the directory, StartFailed with the end of a
        server's log; nothing is left running then. `fresh` drops what an earlier run stored.
        """
        names = ALL if only is None else tuple(only)
        run = RunDir(run_dir)
        run.claim()
        servers = cls(run, endpoints or Endpoints(), names)
        with ExitStack() as undo:
            undo.callback(servers.stop)
            if fresh:
                servers.postgres.remove_data()
                run.clear()
            _all_at_once([server.start for server in servers._chosen])
            undo.pop_all()
        return servers

    @property
    def nats_url(self) -> str:
        """NATS_URL."""
        return self.endpoints.nats_url

    @property
    def database_url(self) -> str:
        """DATABASE_URL."""
        return self.endpoints.database_url

    @property
    def redis_url(self) -> str:
        """REDIS_URL."""
        return self.endpoints.redis_url

    def env(self) -> dict[str, str]:
        """The servers' variables of docs/contract.md §12, for a process that uses them."""
        return {"NATS_URL": self.nats_url, "DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def stop(self) -> None:
        """Stop the servers and give the run directory back. Data stays until `discard`."""
        try:
            _all_at_once([server.stop for server in self._chosen])
        finally:
            self.run.release()
            self.endpoints.release()

    def discard(self) -> None:
        """Stop, and delete the run directory and the data."""
        self.stop()
        self.postgres.remove_data()
        self.run.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _all_at_once(steps: list[Callable[[], None]]) -> None:
    """Run steps in threads of their own; the first error is raised after all have ended."""
    if not steps:
        return
    with ThreadPoolExecutor(len(steps)) as pool:
        futures = [pool.submit(step) for step in steps]
    for future in futures:
        future.result()
