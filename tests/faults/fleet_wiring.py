"""TCP proxies between the processes of a fleet: each gateway has a way to NATS of its own, each operator a link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ghasi.devstack.servers import Servers
from tests.faults.fleet import GATEWAYS, POOLS
from tests.faults.wiring import port_of, through
from tests.support.proxy import Proxy


@dataclass(slots=True)
class FleetWiring:
    """`proxies` by name; `env_of` and the operators, whose told port is a proxy's, are for `Fleet`."""

    proxies: dict[str, Proxy] = field(default_factory=dict)
    env_of: dict[str, dict[str, str]] = field(default_factory=lambda: {name: {} for name in (*GATEWAYS, *POOLS)})


@contextmanager
def wired(servers: Servers, operators: list[dict[str, Any]]) -> Iterator[FleetWiring]:
    """Starts the proxies; they end with the block. Changes what management says of the operators' ports."""
    wiring = FleetWiring()
    with ExitStack() as undo:
        for name in GATEWAYS:
            proxy = wiring.proxies[f"gateway {name}-nats"] = undo.enter_context(Proxy(port_of(servers, "nats")))
            wiring.env_of[name] |= through(servers, "nats", proxy)
        for target in ("nats", "postgres", "valkey"):
            proxy = wiring.proxies[f"workers-{target}"] = undo.enter_context(Proxy(port_of(servers, target)))
            for name in POOLS:
                wiring.env_of[name] |= through(servers, target, proxy)
        for number, one in enumerate(operators, 1):
            proxy = wiring.proxies[f"gateways-smsc {number}"] = undo.enter_context(Proxy(one["port"]))
            one["management"] = {"override": {"port": proxy.port}}
        yield wiring
