"""The times at which one lane's PDUs leave: booked ahead with the carrier's limiter, then waited for.

Why ahead: docs/decisions/0015.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from ghasi.contracts.sessions import SessionRecord
from ghasi.correlations.types import Permit
from workers import metrics
from workers.blocks import LIMITER, Blocks
from workers.context import Context, utc_now
from workers.parcels import by_time
from workers.together import Spacing

LEAD = 0.15
"""Seconds before the last PDU booked leaves when the next are booked: a booking that begins where the one before it
ended loses nothing to the time it takes, and one made long before takes from other processes what they could use."""
NO_LIMIT_KNOWN = 1
GAP = 0.01
"""Seconds between two departures: what comes to its time meanwhile leaves with the second."""
WORTH_COUNTING = 0.1
"""Seconds: a PDU that leaves later than this after it was booked waits for the limit."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Permits for `count` PDUs over `carrier`, booked under `mark` (Booking.mark); `permit` is what the ledger keeps
    of them."""

    count: int
    carrier: str
    mark: int = 0
    permit: Permit | None = None


class Departures:
    """Two tasks use it: one books, the other waits for what is booked."""

    def __init__(self, context: Context) -> None:
        self.booked = 0
        """PDUs that have a time to leave and wait for it, or leave just now."""
        self._context = context
        self._times: asyncio.Queue[tuple[float, Leave]] = asyncio.Queue()
        self._spacing = Spacing(GAP)
        self._after: tuple[float, Leave] | None = None
        """The next, where it is out of the queue already."""

    async def book(self, holder: SessionRecord, count: int, blocks: Blocks | None = None) -> None:
        """Books up to `count` PDUs with the holder's operator; returns when it is time to book the next. `blocks` is
        what keeps the lane from booking, to which a pause of the limiter belongs."""
        limit, blocks, asked = holder.tps_limit or NO_LIMIT_KNOWN, blocks or Blocks(), utc_now()
        booking = await self._context.throttle.book(holder.operator_id, limit, count)
        if late := len(booking.delays) - bisect_left(booking.delays, WORTH_COUNTING):
            metrics.tps_throttle.labels(holder.operator_id).inc(late)
        if booking.paused:
            blocks.begin(LIMITER, asked)
        else:
            blocks.end(asked)
        if not booking.delays:
            await self._context.sleep(max(0.001, booking.retry_after))
            return
        start, now = asyncio.get_running_loop().time(), utc_now()
        self.booked += len(booking.delays)
        for first, size in by_time(booking.delays):
            permit = Permit(now + timedelta(seconds=first), round(first * 1000), blocks.last)
            self._times.put_nowait((start + first, Leave(size, holder.operator_id, booking.mark, permit)))
        await self._context.sleep(max(0.0, booking.delays[-1] - LEAD))

    @asynccontextmanager
    async def next(self) -> AsyncIterator[Leave]:
        """What may leave, once its time has come, with all others whose time has come by then: each claim is a
        commit, and one of a single part takes as long as one of hundreds. Booked until the block ends."""
        at, leave = self._after or await self._times.get()
        self._after = None
        try:
            pause = at - asyncio.get_running_loop().time()
            if pause > 0:
                await self._context.sleep(pause)
            await self._spacing.wait()
            self._spacing.begin()
            leave = self._with_others(leave)
            yield leave
        finally:
            self.booked -= leave.count

    def _with_others(self, leave: Leave) -> Leave:
        """One for all that are due, with the permit of the last; a mark is of its own bookings."""
        now = asyncio.get_running_loop().time()
        while not self._times.empty():
            at, other = self._times.get_nowait()
            if at > now or (other.carrier, other.mark) != (leave.carrier, leave.mark):
                self._after = (at, other)
                break
            leave = replace(other, count=leave.count + other.count)
        return leave
