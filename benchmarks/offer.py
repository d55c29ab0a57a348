"""Messages offered at a steady rate, whatever becomes of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg

from benchmarks.load import figures
from ghasi.bus import Bus, Publication
from ghasi.contracts.subjects import HEADER_MSG_ID

_TICK = 0.002
_PATIENCE = 60.0


async def steadily(count: int, rate: float, one: Callable[[int], Awaitable[None]]) -> None:
    """Calls `one` with 0, 1, … `count` - 1, `rate` a second. What is late is caught up with, not left out."""
    loop = asyncio.get_running_loop()
    start, number = loop.time(), 0
    while number < count:
        due = min(count, int((loop.time() - start) * rate) + 1)
        while number < due:
            await one(number)
            number += 1
        await asyncio.sleep(max(_TICK, start + number / rate - loop.time()))


@dataclass(frozen=True, slots=True)
class Offered:
    """When each message was published, and when its PubAck came back, in Unix seconds; in the order of the offer."""

    at: list[float]
    stored: list[float]

    def figures(self, rate: float) -> dict[str, Any]:
        """The rate that was reached, and publish → PubAck in milliseconds."""
        return {
            "offered": rate,
            "reached": round((len(self.at) - 1) / (self.at[-1] - self.at[0]), 1),
            "stored": figures(stored - at for at, stored in zip(self.at, self.stored, strict=True)),
        }


async def publish_steadily(bus: Bus, made: Sequence[Publication], rate: float) -> Offered:
    """Single publishes, as an orchestrator sends them; none waits for the PubAck of another. Raises TimeoutError
    where a PubAck is missing."""
    at: list[float] = []
    stored = [0.0] * len(made)
    inbox, left, all_stored = bus.nc.new_inbox(), len(made), asyncio.Event()

    async def came(reply: Msg) -> None:
        nonlocal left
        stored[int(reply.subject.rpartition(".")[2])] = time.time()
        left -= 1
        if not left:
            all_stored.set()

    async def one(number: int) -> None:
        publication = made[number]
        at.append(time.time())
        headers = {HEADER_MSG_ID: publication.msg_id}
        await bus.nc.publish(publication.subject, publication.payload, f"{inbox}.{number}", headers)

    replies = await bus.nc.subscribe(f"{inbox}.*", cb=came)
    await steadily(len(made), rate, one)
    async with asyncio.timeout(_PATIENCE):
        await all_stored.wait()
    await replies.unsubscribe()
    return Offered(at, stored)
