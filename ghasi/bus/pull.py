"""A pull lane: one durable consumer, one outstanding request at a time, messages as they come.

nats-py's `fetch` holds messages back until a batch is whole or a timeout passes; a lane wants the first
message at once and the rest of the same request whenever it comes.
"""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec
from nats.aio.subscription import Subscription

from ghasi.bus.arrived import Arrived, status_of
from ghasi.bus.lean_client import LeanClient
from ghasi.contracts.topology import Consumer
from ghasi.logs import get_logger

GRACE = 1.0

log = get_logger()


class PullLane:
    """Pulls from one durable. Only one task may call `fetch`.

    What comes is read as far as it is asked, without an object and a coroutine of nats-py for each message (measured:
    a quarter of the time), and settled many at a time (`Bus.settle`).
    """

    def __init__(self, nc: LeanClient, consumer: Consumer) -> None:
        self._nc = nc
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{consumer.stream}.{consumer.durable}"
        self._inbox = nc.new_inbox()
        self._ready: deque[Arrived] = deque()
        self._arrived = asyncio.Event()
        self._asked = 0
        self._asked_until = 0.0
        self._subscription: Subscription | None = None
        self.missing = False
        """True when the server says the consumer is gone: ensure it again."""

    def _came(self, message: Arrived) -> None:
        self._asked = max(0, self._asked - 1)
        self._ready.append(message)
        self._arrived.set()

    def _told(self, status: str, description: str) -> None:
        if status != "100":  # 100 is a heartbeat; everything else ends the request
            self._asked = 0
            self.missing = status == "503" or (status == "409" and "Deleted" in description)
        self._arrived.set()

    async def fetch(self, batch: int, timeout: float) -> list[Arrived]:
        """Up to `batch` messages: what is here at once, else the first that come within `timeout` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while not self._ready:
            now = loop.time()
            if now >= end:
                return []
            # Before the question: what comes while it is written must be seen too.
            self._arrived.clear()
            if self._asked <= 0 or now > self._asked_until + GRACE:
                await self._ask(batch, max(0.1, end - now), now)
            try:
                await asyncio.wait_for(self._arrived.wait(), end - now)
            except TimeoutError:
                return []
            if not self._ready and self._asked == 0:
                # A status ended the request early (no consumer, leadership change): do not spin.
                await asyncio.sleep(min(0.1, max(0.0, end - loop.time())))
        return [self._ready.popleft() for _ in range(min(batch, len(self._ready)))]

    async def _ask(self, batch: int, expires: float, now: float) -> None:
        self._asked = batch
        self._asked_until = now + expires
        self.missing = False
        request = {"batch": batch, "expires": int(expires * 1e9)}
        await self._nc.publish(self._subject, msgspec.json.encode(request), self._inbox)

    @property
    def buffered(self) -> int:
        """Messages here that nobody has fetched yet; their ack wait runs."""
        return len(self._ready)

    def _give_back(self) -> list[Arrived]:
        rest = list(self._ready)
        self._ready.clear()
        return rest

    async def start(self) -> PullLane:
        self._subscription = await self._nc.subscribe_plain(self._inbox, self._take)
        return self

    def _take(self, reply: bytes, data: bytes, headers: bytes) -> None:
        status = status_of(data, headers)
        if status is None:
            try:
                self._came(Arrived(reply.decode(), data, headers))
            except ValueError:
                log.warning("pull.unreadable")
        else:
            self._told(status[:3], status)

    async def stop(self) -> list[Arrived]:
        """Ends the lane and gives back what was buffered, so that the caller can release it."""
        if self._subscription is not None:
            await self._nc.unsubscribe_plain(self._subscription)
        return self._give_back()
