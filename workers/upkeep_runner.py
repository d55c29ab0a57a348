"""Runs the ledger's periodic upkeep in one process of the receipts pool (docs/architecture.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from ghasi.bus import Bus, BusError
from ghasi.contracts.sessions import SessionRecord
from ghasi.logs import get_logger
from ghasi.tasks import end_task
from workers import metrics
from workers.broker.works import WorkQueue
from workers.context import utc_now
from workers.presence import Presence
from workers.upkeep import Job, jobs

TICK = 0.5
log = get_logger()


class UpkeepRunner:
    """Every job runs on a worker thread; what it gives to publish is published before its next turn."""

    def __init__(
        self,
        bus: Bus,
        works: WorkQueue,
        presence: Presence,
        retention_days: int,
        sessions: Callable[[], list[SessionRecord]],
    ) -> None:
        self._bus = bus
        self._works = works
        self._presence = presence
        self._jobs = jobs(retention_days, sessions)
        for job in self._jobs:
            metrics.upkeep_failures.labels(job.name)
        self._due: dict[str, float] = {}
        self._showing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="upkeep")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK)
            if not self._presence.first:
                self._hide()
                continue
            self._showing = True
            for job in self._jobs:
                if loop.time() >= self._due.get(job.name, 0.0):
                    self._due[job.name] = loop.time() + job.every
                    await self._turn(job)

    def _hide(self) -> None:
        if self._showing:
            self._showing = False
            self._due.clear()
            metrics.hide(metrics.COMMON_OF_UPKEEP)

    async def _turn(self, job: Job) -> None:
        try:
            now: datetime = utc_now()
            publications = await self._works.run(job.function, now)
            await self._bus.publish_many(publications)
            if job.confirm is not None:
                await self._works.run(job.confirm, utc_now())
        except BusError as error:
            metrics.upkeep_failures.labels(job.name).inc()
            log.warning("upkeep.failed", action=job.name, detail=str(error))
        except Exception as error:
            metrics.upkeep_failures.labels(job.name).inc()
            log.error("upkeep.failed", action=job.name, errorType=type(error).__name__)

    async def stop(self) -> None:
        await end_task(self._task)
