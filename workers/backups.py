"""Finds the backups of the assigned operators, whose receipts are consumed here too (docs/architecture.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import nats.errors
from nats.js.errors import Error as JetStreamError

from ghasi.bus import BusError, TopologyConflict
from ghasi.logs import get_logger
from ghasi.tasks import end_task, lasting
from workers.holders import Holders
from workers.route import Route

LOOK_EVERY = 5.0

log = get_logger()


class Backups:
    """Calls `open_one` for each operator that some gateway names as an assigned one's backup; once, and for good:
    what was sent over a backup may be receipted long after it has stopped being one."""

    def __init__(self, holders: Holders, assigned: Sequence[str], open_one: Callable[[str], Awaitable[None]]) -> None:
        self._routes = [Route(holders, operator_id) for operator_id in assigned]
        self._open = open_one
        self._opened = set(assigned)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        for route in self._routes:
            route.listen(self._changed.set)
        self._task = lasting(self._run, "backups")

    async def stop(self) -> None:
        await end_task(self._task)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            for operator_id in sorted({one for route in self._routes for one in route.pair()} - self._opened):
                await self._try(operator_id)
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _try(self, operator_id: str) -> None:
        """What fails is tried again at the next look."""
        try:
            await self._open(operator_id)
        except (BusError, TopologyConflict, nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
            log.warning("backup.not_opened", operatorId=operator_id, errorType=type(error).__name__)
            return
        self._opened.add(operator_id)
        log.info("backup.opened", operatorId=operator_id)
