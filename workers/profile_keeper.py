"""Keeps the bucket of live profiles as the database has them, in one process of the receipts pool (docs/profiles.md).

What a save published is there already; this heals a bucket that was lost, and a save that found NATS away.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from ghasi.bus import Bus, BusError
from ghasi.logs import get_logger
from ghasi.operators.profile_bucket import publish_on
from ghasi.operators.profiles import records
from ghasi.profiles.record import ProfileRecord
from ghasi.tasks import end_task
from workers.broker.works import WorkQueue
from workers.context import utc_now
from workers.presence import Presence

EVERY = 30.0
log = get_logger()


class ProfileKeeper:
    """Runs on the loop of every process; works in the one that `presence.first` names."""

    def __init__(self, bus: Bus, works: WorkQueue, presence: Presence, every: float = EVERY) -> None:
        self._bus = bus
        self._works = works
        self._presence = presence
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="profiles")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            if self._presence.first:
                await self.turn()

    async def turn(self) -> None:
        """One look; never raises."""
        try:
            held = await self._works.run(_records, utc_now())
            await self._bus.ensure(streams=False)
            for name in await publish_on(self._bus, held):
                log.warning("profiles.published_again", profile=name)
        except BusError as error:
            log.warning("profiles.not_published", detail=str(error))
        except Exception as error:
            log.error("profiles.not_published", errorType=type(error).__name__)

    async def stop(self) -> None:
        await end_task(self._task)


def _records(_now: datetime) -> list[ProfileRecord]:
    return records()
