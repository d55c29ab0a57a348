"""Messages offered at a steady rate, whatever becomes of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from ghasi.bus import Bus, Publication
from ghasi.contracts.subjects import HEADER_MSG_ID

_TICK = 0.002


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


async def publish_steadily(bus: Bus, made: Sequence[Publication], rate: float) -> list[float]:
    """Single publishes, as an orchestrator sends them; gives when each was, in Unix seconds.

    Acknowledgements are not waited for: what was stored shows in what comes out.
    """
    at: list[float] = []

    async def one(number: int) -> None:
        publication = made[number]
        at.append(time.time())
        await bus.nc.publish(publication.subject, publication.payload, headers={HEADER_MSG_ID: publication.msg_id})

    await steadily(len(made), rate, one)
    await bus.flush()
    return at
