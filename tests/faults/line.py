"""One line of production for a fault test: the processes for one operator, each killed and started at will."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from ghasi.bus import Bus, BusSettings
from ghasi.bus.topology import ensure_consumer
from ghasi.contracts import topology
from ghasi.devstack.child import Child
from ghasi.devstack.servers import Servers
from tests.support.product import Product, operator

GATEWAY_ENV = {
    "GATEWAY_REPLICA": "fault-gateway",
    "GATEWAY_SOLE": "1",
    "SMPP_RECONNECT_DELAYS": "0.3,0.5,1",
    "SMPP_RESPONSE_TIMEOUT": "5",
    "SMPP_ENQUIRE_LINK_INTERVAL": "2",
    "SMPP_ENQUIRE_LINK_TIMEOUT": "2",
}
"""A replica that is started again in its place, with timers a test can wait for."""
DEATH_WITHIN = 30.0


def simulated(**changes: Any) -> dict[str, Any]:
    """An operator that answers soon and keeps its receipts until it gets rid of them."""
    made = {
        "id": str(uuid.uuid4()),
        "tpsLimit": 200,
        "responseDelay": [0.01, 0.05],
        "receipts": {"delay": [0.1, 0.4], "retryDelay": 1, "maxTries": 1000},
        "rules": [],
        "timers": {"response": 5},
    }
    return operator(**made) | changes


class Line(Product):
    """A product whose processes take settings of their own (`env_of`, by process) and whose log is read by its
    operator. `ack_wait` in seconds: how long what a killed worker had in hand stays away."""

    def __init__(
        self,
        servers: Servers,
        folder: Path,
        *,
        window: int = 10,
        ack_wait: float = 10.0,
        in_doubt_wait: float = 3.0,
        policy: str = "resend",
        env_of: dict[str, dict[str, str]] | None = None,
        told: dict[str, Any] | None = None,
        **scenario: Any,
    ) -> None:
        """`told` is laid over what operator management says, `scenario` over the simulated operator."""
        sending = {"inDoubtWait": in_doubt_wait, "inDoubtPolicy": policy}
        one = simulated(windowSize=window, management={"override": {"rules": sending} | (told or {})}) | scenario
        super().__init__(servers, folder, [one], threads=4)
        self.operator_id = self.operator_ids[0]
        self.ack_wait = ack_wait
        self.window = window
        self.env_of = {"gateway": dict(GATEWAY_ENV)} | (env_of or {})
        self.began = time.time()

    async def start(self) -> None:
        await self.ensure_consumers()
        await super().start()

    async def ensure_consumers(self) -> None:
        """Before its processes: what exists is used as it is, so the line has the ack wait it was given."""
        bus = await self.bus("line")
        try:
            await bus.ensure()
            for consumer in self.consumers():
                await ensure_consumer(bus.js, replace(consumer, ack_wait=self.ack_wait))
        finally:
            await bus.close()

    async def bus(self, name: str) -> Bus:
        """A connection of the test's own, to be closed by the caller."""
        return await Bus.connect(BusSettings(tuple(self.servers.nats_url.split(","))), name)

    def in_doubt_at_most(self, process: str) -> int:
        """Parts that one death of a process may leave in doubt: two windows, which a worker has on their way, where
        the gateway dies; none where a worker does, because the gateway remembers."""
        return 2 * self.window if process == "gateway" else 0

    def consumers(self) -> list[topology.Consumer]:
        """The durables of its operators, in both pools."""
        of = (topology.dispatch_consumer, topology.receipt_consumer)
        return [make(operator_id) for operator_id in self.operator_ids for make in of]

    def run(self, name: str, argv: list[str], **env: str) -> Child:
        return super().run(name, argv, **env, **self.env_of.get(name, {}))

    def launch(self, name: str, point: str = "") -> Child:
        """Starts a process that is down, told to die at `point` where one is named."""
        self.env_of.setdefault(name, {}).pop("FAULT_POINT", None)
        if point:
            self.env_of[name]["FAULT_POINT"] = point
        if name == "gateway":
            return self.run_gateway()
        return self.run_pool(name, 1, self.threads)

    async def died(self, name: str, within: float = DEATH_WITHIN) -> float | None:
        """When the process ended by itself, Unix seconds; None where it did not within `within` seconds."""
        child = self.children[name]
        end = time.monotonic() + within
        while child.running:
            if time.monotonic() > end:
                return None
            await asyncio.sleep(0.02)
        at = time.time()
        child.kill()
        return at

    async def end(self, name: str) -> None:
        """An orderly stop, without holding up the loop."""
        await asyncio.to_thread(self.children[name].stop)

    def kill(self, name: str) -> float:
        """Kill -9 of the process and all it forked; when, Unix seconds."""
        self.children[name].kill()
        return time.time()

    async def shut(self) -> None:
        """Everything ends at once: what there was to learn has been gathered."""
        for child in self.children.values():
            child.kill()
        await asyncio.to_thread(self.stop)
