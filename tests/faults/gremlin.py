"""Faults of every kind at random, one after the other, as a seeded generator says."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import redis

from ghasi.devstack.server import Server
from ghasi.devstack.servers import Servers
from tests.faults.line import Line
from tests.faults.wiring import FAULTS
from tests.support.proxy import Proxy

PAUSE = (0.3, 2.5)
DOWN = (0.1, 1.5)
HELD = (0.3, 3.0)

Acts = dict[Callable[[], Awaitable[str]], int]
"""What it may do, and how often beside the others."""


class Gremlin:
    """Of a line, its servers and its connections. `processes` are those it kills."""

    def __init__(
        self,
        line: Line,
        servers: Servers,
        proxies: Mapping[str, Proxy],
        processes: Sequence[str],
        draw: random.Random,
    ) -> None:
        self.line = line
        self.draw = draw
        self.done: list[str] = []
        self._servers = servers
        self._proxies = proxies
        self._processes = processes

    def acts(self) -> Acts:
        return {self._kill: 5, self._kill_server: 2, self._cut: 5, self._flush: 1}

    async def run(self, seconds: float) -> None:
        """Until the time is over; everything it broke is whole again then."""
        acts = self.acts()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            act = self.draw.choices(list(acts), list(acts.values()))[0]
            self.done.append(f"{time.time():.1f} {await act()}")
            await asyncio.sleep(self.draw.uniform(*PAUSE))

    async def _kill(self) -> str:
        name = self.draw.choice(self._processes)
        self.line.kill(name)
        await asyncio.sleep(self.draw.uniform(*DOWN))
        self.line.launch(name)
        return f"kill {name}"

    async def _kill_server(self) -> str:
        name = self.draw.choice(["nats", "postgres", "valkey"])
        server: Server = getattr(self._servers, name)
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(self.draw.uniform(*DOWN))
        await asyncio.to_thread(server.start)
        return f"kill {name}"

    async def _cut(self) -> str:
        name, fault = self.draw.choice(sorted(self._proxies)), self.draw.choice(sorted(FAULTS))
        proxy = self._proxies[name]
        await asyncio.to_thread(FAULTS[fault], proxy)
        await asyncio.sleep(self.draw.uniform(*HELD))
        await asyncio.to_thread(proxy.heal)
        return f"{name} {fault}"

    async def _flush(self) -> str:
        with redis.Redis.from_url(self._servers.redis_url) as client:
            await asyncio.to_thread(client.flushall)
        return "flushall"
