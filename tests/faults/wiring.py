"""TCP proxies between the processes of a line (tests/support/proxy.py), pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ghasi.devstack.ports import free_port
from ghasi.devstack.servers import Servers
from tests.faults.line import GATEWAY_ENV
from tests.support.proxy import Proxy

PAIRS = ("workers-nats", "gateway-nats", "workers-postgres", "workers-valkey", "gateway-smsc")
FAULTS: dict[str, Callable[[Proxy], None]] = {
    "cut": Proxy.cut,
    "reset": Proxy.reset,
    "half-open": Proxy.half_open,
    "delay": lambda proxy: proxy.delay(0.3),
    "one octet at a time": lambda proxy: proxy.byte_by_byte(0.0005),
    "black hole": Proxy.black_hole,
}
_VARIABLES = {"nats": "NATS_URL", "postgres": "DATABASE_URL", "valkey": "REDIS_URL"}


@dataclass(slots=True)
class Wiring:
    """Proxies by pair, and what makes a line use them: `Line(**wiring.settings)`."""

    proxies: dict[str, Proxy] = field(default_factory=dict)
    env_of: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"gateway": dict(GATEWAY_ENV), "dispatch": {}, "receipts": {}}
    )
    scenario: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        return {"env_of": self.env_of, "told": self.told} | self.scenario


@contextmanager
def wired(servers: Servers, pairs: Iterable[str]) -> Iterator[Wiring]:
    """Starts a proxy for each pair; they end with the block."""
    wiring = Wiring()
    with ExitStack() as undo:
        for pair in pairs:
            client, _, target = pair.partition("-")
            port = free_port() if target == "smsc" else port_of(servers, target)
            proxy = wiring.proxies[pair] = undo.enter_context(Proxy(port))
            if target == "smsc":
                wiring.scenario["port"] = port
                wiring.told["port"] = proxy.port
                continue
            for process in ("gateway",) if client == "gateway" else ("dispatch", "receipts"):
                wiring.env_of[process] |= through(servers, target, proxy)
        yield wiring


def through(servers: Servers, target: str, proxy: Proxy) -> dict[str, str]:
    """The variable that sends a process to a server by way of the proxy."""
    name = _VARIABLES[target]
    return {name: servers.env()[name].replace(f":{port_of(servers, target)}", f":{proxy.port}")}


def port_of(servers: Servers, name: str) -> int:
    port = urlsplit(servers.env()[_VARIABLES[name]]).port
    if port is None:
        raise ValueError(f"{name}: its address has no port")
    return port
