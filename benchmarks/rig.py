"""The product between real servers and the SMSC for load, piece by piece: a backlog can stand before it runs."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import usage
from benchmarks.bench import bench_servers
from benchmarks.smsc_process import Smsc, SmscOptions
from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects
from ghasi.devstack.servers import Servers
from tests.support.platform import command
from tests.support.product import Product, ahead_of_others, operator

TEXT = "Your code is 482913"
_AT_ONCE = 20_000
"""Messages a bus call is given: their batches go out side by side."""


class Rig:
    """Made by `rig()`. Start its parts in any order that makes sense; everything ends with it."""

    def __init__(self, servers: Servers, product: Product, smsc: Smsc, folder: Path) -> None:
        self.servers = servers
        self.product = product
        self.smsc = smsc
        self.folder = folder

    @property
    def operator_ids(self) -> list[str]:
        return self.product.operator_ids

    def start_management(self) -> None:
        """The stand-in for operator management, which names the SMSC's ports."""
        scenario = str(self.product.write_scenario())
        argv = ["manage.py", "operator_management", scenario, "--port", str(self.product.management_port)]
        self.product.run("management", [sys.executable, *argv])

    def start_gateway(self) -> None:
        self.start_management()
        self.product.run_gateway()

    async def until_bound(self, timeout: float = 60.0) -> None:
        """Waits until the SMSC has a bind of every operator."""
        await self.until(lambda: self.smsc.counters().sessions >= len(self.operator_ids), timeout, "binds")

    async def until(self, holds: Callable[[], bool], timeout: float, what: str) -> None:
        """Raises AssertionError with the ends of the logs where it does not come true, or a process has ended."""
        end = time.monotonic() + timeout
        while not holds():
            self.product.check_alive()
            assert time.monotonic() < end, f"{what}: not within {timeout} s\n{self.product.tails()}"
            await asyncio.sleep(0.005)

    def roots(self) -> dict[str, int]:
        """Process numbers by role, servers and SMSC included; those of the pools are their masters'."""
        servers = self.servers
        found = {name: child.pid for name, child in self.product.children.items() if name != "management"}
        found |= {"nats": servers.nats.pid, "postgres": servers.postgres.pid, "valkey": servers.valkey.pid}
        return found | {"smsc": self.smsc.pid}

    def cpu(self) -> dict[str, float]:
        return usage.cpu_seconds(self.roots())


@contextmanager
def rig(
    operators: int, smsc: SmscOptions, *, limit: int = 100_000, window: int = 500, first: bool = False, **env: str
) -> Iterator[Rig]:
    """Servers of its own, the SMSC running with a port for each operator, and the product's parts still to start.

    `limit` in PDUs a second; `window` in PDUs. `first` gives the SMSC the machine before everything else, for
    measurements of when something came.
    """
    with bench_servers() as servers:
        running = Smsc(servers.run, [0] * operators, smsc, before=ahead_of_others() if first else ()).start()
        made = [
            operator(name=f"bench-{n}", port=port, tpsLimit=limit, windowSize=window)
            for n, port in enumerate(running.ports)
        ]
        settings = {"GATEWAY_SOLE": "1", "LOG_LEVEL": "warning", **env}
        product = Product(servers, servers.run.path, made, simulate=False, env=settings)
        try:
            yield Rig(servers, product, running, servers.run.path)
        finally:
            product.stop()
            running.child.stop()


def commands(operator_ids: Sequence[str], count: int, text: str = TEXT, start: int = 0) -> list[Publication]:
    """Commands as docs/contract.md §2 has them, spread over the operators in turn; the destination counts them."""
    made = []
    for number in range(start, start + count):
        operator_id = operator_ids[number % len(operator_ids)]
        body = command(operator_id, f"+937{number:08}", text, **{"from": "GHASI"})
        made.append(Publication(subjects.dispatch(operator_id), json.dumps(body).encode(), body["eventId"]))
    return made


async def load_backlog(bus: Bus, made: Sequence[Publication]) -> float:
    """Stores commands, many to a commit; gives the seconds that took."""
    began = time.monotonic()
    for start in range(0, len(made), _AT_ONCE):
        part = made[start : start + _AT_ONCE]
        await asyncio.gather(*(bus.publish_many(part[at : at + 200]) for at in range(0, len(part), 200)))
    return time.monotonic() - began


async def connect(servers: Servers) -> Bus:
    """A connection of the platform's side, streams made."""
    bus = await Bus.connect(BusSettings((servers.nats_url,)), "bench")
    await bus.ensure()
    return bus


async def stored(bus: Bus, stream: str) -> int:
    """Messages that a stream holds."""
    return int((await bus.js.stream_info(stream)).state.messages)


async def last_stored(bus: Bus, stream: str) -> float:
    """When a stream's last message was stored, in Unix seconds."""
    state: Any = (await bus.js.stream_info(stream)).state
    message: Any = await bus.js.get_msg(stream, state.last_seq)
    return _unix(message)


def _unix(message: Any) -> float:
    moment = message.time
    if isinstance(moment, datetime):
        return moment.timestamp()
    raise TypeError(f"no time in {type(message).__name__}")
