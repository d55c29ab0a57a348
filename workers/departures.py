"""The times at which one lane's PDUs leave: booked ahead with the carrier's limiter, then waited for.

Why ahead: docs/decisions/0015.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ghasi.contracts.sessions import SessionRecord
from workers import metrics
from workers.context import Context
from workers.parcels import by_time

LEAD = 0.15
"""Seconds before the last PDU booked leaves when the next are booked: a booking that begins where the one before it
ended loses nothing to the time it takes, and one made long before takes from other processes what they could use."""
NO_LIMIT_KNOWN = 1


class Departures:
    """Two tasks use it: one books, the other waits for what is booked."""

    def __init__(self, context: Context) -> None:
        self.booked = 0
        """PDUs that have a time to leave and wait for it, or leave just now."""
        self._context = context
        self._times: asyncio.Queue[tuple[float, int, str]] = asyncio.Queue()

    async def book(self, holder: SessionRecord, count: int) -> None:
        """Books up to `count` PDUs with the holder's operator; returns when it is time to book the next."""
        limit = holder.tps_limit or NO_LIMIT_KNOWN
        booking = await self._context.throttle.book(holder.operator_id, limit, count)
        if len(booking.delays) < count:
            metrics.tps_throttle.labels(holder.operator_id).inc()
        if not booking.delays:
            await self._context.sleep(max(0.001, booking.retry_after))
            return
        start = asyncio.get_running_loop().time()
        self.booked += len(booking.delays)
        for first, size in by_time(booking.delays):
            self._times.put_nowait((start + first, size, holder.operator_id))
        await self._context.sleep(max(0.0, booking.delays[-1] - LEAD))

    @asynccontextmanager
    async def next(self) -> AsyncIterator[tuple[int, str]]:
        """How many PDUs may leave over which carrier, once their time has come; booked until the block ends."""
        at, size, carrier = await self._times.get()
        try:
            pause = at - asyncio.get_running_loop().time()
            if pause > 0:
                await self._context.sleep(pause)
            yield size, carrier
        finally:
            self.booked -= size
