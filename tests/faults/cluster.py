"""Three NATS servers as one cluster, each killed and paused at will; PostgreSQL and Valkey are the plant's."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nats.errors
from nats.js.errors import Error as JetStreamError

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.devstack import binaries
from ghasi.devstack.child import Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.server import plain_env
from ghasi.devstack.servers import Servers

NODES = (1, 2, 3)
READY_WITHIN = 60.0


class Cluster:
    """Looks like `Servers` to a line; `servers` serves its database and its Redis."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.run = servers.run
        self.database_url = servers.database_url
        self.redis_url = servers.redis_url
        self._folder = folder
        self._ports = {node: free_port() for node in NODES}
        self._routes = {node: free_port() for node in NODES}
        self.nodes = {node: self._child(node) for node in NODES}

    @property
    def nats_url(self) -> str:
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._ports.values())

    def env(self) -> dict[str, str]:
        urls = {"NATS_URL": self.nats_url, "DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        return {**urls, "NATS_REPLICAS": str(len(NODES))}

    async def __aenter__(self) -> Self:
        for child in self.nodes.values():
            child.start()
        await self._provision()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.nodes.values():
            child.kill()

    async def leader(self, stream: str) -> int:
        """The node that leads a stream."""
        bus = await self._bus()
        try:
            info = await bus.js.stream_info(stream)
        finally:
            await bus.close()
        assert info.cluster is not None
        return int(str(info.cluster.leader).removeprefix("node-"))

    def _child(self, node: int) -> Child:
        file = self._folder / f"node-{node}.conf"
        file.write_text(json.dumps(self._config(node)))
        argv = [str(binaries.nats_server()), "--config", str(file)]
        return Child(f"nats-{self._ports[node]}", argv, run=self.run, env=plain_env())

    def _config(self, node: int) -> dict[str, Any]:
        return {
            "server_name": f"node-{node}",
            "listen": f"127.0.0.1:{self._ports[node]}",
            "jetstream": {"store_dir": str(self._folder / f"store-{node}"), "sync_interval": "always"},
            "cluster": {
                "name": "faults",
                "listen": f"127.0.0.1:{self._routes[node]}",
                "routes": [f"nats-route://127.0.0.1:{port}" for port in self._routes.values()],
            },
        }

    async def _bus(self) -> Bus:
        return await Bus.connect(BusSettings(tuple(self.nats_url.split(",")), replicas=len(NODES)), "cluster")

    async def _provision(self) -> None:
        """Streams and buckets as the product makes them, before its processes: a cluster is not ready at once."""
        end = time.monotonic() + READY_WITHIN
        while True:
            try:
                bus = await self._bus()
                try:
                    await bus.ensure()
                    return
                finally:
                    await bus.close()
            except (BusError, JetStreamError, nats.errors.Error, OSError, TimeoutError):
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.5)
