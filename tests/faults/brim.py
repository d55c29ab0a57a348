"""Streams at their limit: filled to the brim under load, and given room again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from nats.js.api import DiscardPolicy

from ghasi.bus import Bus
from ghasi.contracts import subjects
from tests.faults.evidence import Evidence

ROOM = 32 * 1024
"""Octets left when the limit is drawn: some sixty messages."""
STILL_FOR = 2.0
LOOK_EVERY = 0.2


class Brim:
    """A stream that takes little more than it holds and then refuses (discard `new`)."""

    def __init__(self, bus: Bus, stream: str) -> None:
        self._bus = bus
        self._stream = stream

    async def draw(self, room: int = ROOM) -> None:
        """The limit, `room` octets above what is there."""
        info = await self._bus.js.stream_info(self._stream)
        self._config = info.config
        limit = info.state.bytes + room
        await self._bus.js.update_stream(info.config.evolve(max_bytes=limit, discard=DiscardPolicy.NEW))

    async def lift(self) -> None:
        """The stream as it was."""
        await self._bus.js.update_stream(self._config)

    async def purge(self) -> None:
        """All that is in it is gone."""
        await self._bus.js.purge_stream(self._stream)

    async def last(self) -> int:
        """The sequence of the last message it took."""
        return int((await self._bus.js.stream_info(self._stream)).state.last_seq)

    async def reached(self, within: float) -> None:
        """Waits until the stream takes nothing more for a while; raises AssertionError where it goes on."""
        end = time.monotonic() + within
        began = await self.last()
        known, since = began, time.monotonic()
        while known == began or time.monotonic() - since < STILL_FOR:
            assert time.monotonic() < end, f"{self._stream} is not full: {known - began} came"
            await asyncio.sleep(LOOK_EVERY)
            now = await self.last()
            if now != known:
                known, since = now, time.monotonic()


@asynccontextmanager
async def full(bus: Bus, stream: str) -> AsyncIterator[Brim]:
    """The limit is drawn within the block and lifted after it."""
    brim = Brim(bus, stream)
    await brim.draw()
    try:
        yield brim
    finally:
        await brim.lift()


def with_purged(after: Evidence, before: Evidence, stream: str) -> Evidence:
    """The evidence of a run in whose midst a stream was purged: what that stream held `before` counts too, and of the
    other streams nothing, because they still hold it."""
    if stream == subjects.SUBMIT_EVENTS:
        return replace(after, results=[*before.results, *after.results])
    if stream == subjects.DLR_EVENTS:
        return replace(after, dlrs=[*before.dlrs, *after.dlrs])
    return replace(after, dead=[*before.dead, *after.dead])
