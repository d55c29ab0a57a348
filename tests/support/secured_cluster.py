"""Three NATS servers as docker/nats/nats-cluster.conf has them: a user per role, TLS among themselves."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import trustme

from ghasi.bus import BusSettings
from ghasi.devstack.ports import free_port
from ghasi.devstack.servers import Servers
from tests.support.secured import ROLES, RoleNats, secret

NAMES = ("nats-0", "nats-1", "nats-2")
READY_WITHIN = 60.0


class _Node(RoleNats):
    """One of them."""

    config = "nats-cluster.conf"

    def __init__(self, servers: Servers, folder: Path, name: str, cluster: RoleCluster) -> None:
        self._name, self._cluster = name, cluster
        super().__init__(servers, folder / name, authority=cluster.authority, passwords=cluster.passwords)

    @property
    def name(self) -> str:
        return self._name

    def server_env(self) -> dict[str, str]:
        return {"SERVER_NAME": self._name}

    def changed(self) -> dict[str, str]:
        routes = self.folder / "routes"
        routes.mkdir()
        self.certificates(self._cluster.among_servers, routes)
        ports = self._cluster.routes
        return {
            **super().changed(),
            "/etc/nats/routes/": f"{routes}/",
            "0.0.0.0:6222": f"127.0.0.1:{ports[self._name]}",
            **{f"{name}.nats.nats.svc:6222\n": f"127.0.0.1:{port}\n" for name, port in ports.items()},
        }


class RoleCluster:
    """Started inside `async with`, and ready for JetStream there."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.authority, self.among_servers = trustme.CA(), trustme.CA()
        self.passwords = {role: secret() for role in ROLES}
        self.routes = {name: free_port() for name in NAMES}
        self.nodes = {name: _Node(servers, folder, name, self) for name in NAMES}

    def settings(self, role: str, replicas: int = 1) -> BusSettings:
        """Of a client of that role in this process."""
        urls = tuple(node.url for node in self.nodes.values())
        return replace(self.nodes[NAMES[0]].settings(role), urls=urls, replicas=replicas)

    async def __aenter__(self) -> Self:
        for node in self.nodes.values():
            node.child.start()
        end = time.monotonic() + READY_WITHIN
        while not await self._ready():
            assert time.monotonic() < end, "\n".join(node.child.log_tail() for node in self.nodes.values())
            await asyncio.sleep(0.2)
        return self

    async def _ready(self) -> bool:
        """Whether a leader sees both of the others: before that it places no more than one copy."""
        pages = await asyncio.gather(*(asyncio.to_thread(_meta_group, node.monitor) for node in self.nodes.values()))
        others = [page.get("replicas") or [] for page in pages if page.get("leader") == page.get("server")]
        return any(
            len(peers) == len(NAMES) - 1 and all(peer.get("current") and not peer.get("offline") for peer in peers)
            for peers in others
        )

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes.values():
            node.child.kill()


def _meta_group(monitor: int) -> dict[str, Any]:
    """What a server's pages say of the group that places streams, and its own name; {} before it answers."""
    found: dict[str, Any] = {}
    try:
        for page in ("varz", "jsz"):
            with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/{page}", timeout=2.0) as answer:
                told = json.load(answer)
            found |= {"server": told["server_name"]} if page == "varz" else told.get("meta_cluster") or {}
    except (OSError, ValueError):
        return {}
    return found
