"""Writes what this process counted for the charts of the admin, every few seconds and never in a batch's way."""

from __future__ import annotations

import asyncio

from ghasi.logs import get_logger
from ghasi.operators import minutes
from ghasi.tasks import end_task, lasting
from workers.broker.works import WorkQueue
from workers.context import utc_now
from workers.ledger_work import LedgerAway, LedgerFault, guarded
from workers.minutes import MINUTES, Minutes

EVERY = 5.0
LAST_SECONDS = 2.0
"""For the last turn: a chart is not worth a slow end."""
log = get_logger()
_add = guarded(minutes.add)


class MinuteKeeper:
    """Runs on the loop of every process of both pools."""

    def __init__(self, works: WorkQueue, counted: Minutes = MINUTES, every: float = EVERY) -> None:
        self._works = works
        self._counted = counted
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = lasting(self._run, "minutes")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.turn()

    async def turn(self) -> None:
        """Writes what there is; never raises."""
        tallies = self._counted.take()
        if not tallies:
            return
        try:
            await self._works.run(_add, tallies)
        except LedgerAway:
            self._counted.put_back(tallies, utc_now())
        except LedgerFault as error:
            log.warning("minutes.not_written", errorType=str(error))

    async def stop(self) -> None:
        """What was counted last is written too."""
        await end_task(self._task)
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self.turn()
        except TimeoutError:
            pass
