"""Keeps this replica's session records in the bucket: at each change, and every 10 s at least so that they live."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from itertools import islice

import msgspec

from ghasi.contracts import subjects
from ghasi.logs import get_logger
from ghasi.tasks import end_task, lasting
from sessions_gateway.operator import Operator
from sessions_gateway.store import Store, StoreAway

REPEAT_EVERY = 10.0
ROUND_EVERY = 1.0
"""Each round repeats its share of the records, the oldest, so that a thousand are no burst."""
AT_ONCE = 100
"""Records to one answer of the server."""
RETRY_AFTER = 1.0

log = get_logger()


class Records:
    """Writes the records of all operators, the changed ones first, many to one answer."""

    def __init__(self, store: Store, replica: str, operators: Mapping[str, Operator]) -> None:
        self._store = store
        self._replica = replica
        self._operators = operators
        self._loop = asyncio.get_running_loop()
        self._dirty: dict[str, None] = {}
        self._written: dict[str, float] = {}
        """When each record was last written, the oldest first."""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def changed(self, operator_id: str) -> None:
        self._dirty[operator_id] = None
        self._wake.set()

    def start(self) -> None:
        self._dirty.update(dict.fromkeys(self._operators))
        self._task = lasting(self._run, "records")

    async def stop(self) -> None:
        """Takes the records away: nobody is to hand PDUs to a replica that has gone."""
        await end_task(self._task)
        for operator_id in list(self._operators):
            if not await self.remove(operator_id):
                return

    async def remove(self, operator_id: str) -> bool:
        """Takes one record away; False where that could not be done: it ends by its age."""
        self._written.pop(operator_id, None)
        try:
            await self._store.delete(subjects.BUCKET_SESSIONS, subjects.session_key(operator_id, self._replica))
        except StoreAway:
            log.warning("records.not_removed", replica=self._replica)
            return False
        return True

    async def _run(self) -> None:
        round_at = self._loop.time() + ROUND_EVERY
        while True:
            if self._loop.time() >= round_at:
                round_at = self._loop.time() + ROUND_EVERY
                self._dirty.update(dict.fromkeys(self._due()))
            self._wake.clear()
            try:
                await self._flush()
            except StoreAway:
                await asyncio.sleep(RETRY_AFTER)
                continue
            try:
                async with asyncio.timeout(max(0.0, round_at - self._loop.time())):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _due(self) -> list[str]:
        """The oldest records, as many as keep all of them young enough; none that is not half that old."""
        count = math.ceil(len(self._written) * ROUND_EVERY / (REPEAT_EVERY - ROUND_EVERY))
        old = self._loop.time() - REPEAT_EVERY / 2
        return [operator_id for operator_id, at in islice(self._written.items(), count) if at <= old]

    async def _flush(self) -> None:
        """Writes what has changed now; what cannot be written is left for the next time."""
        while self._dirty:
            chosen = list(islice(self._dirty, AT_ONCE))
            for operator_id in chosen:
                del self._dirty[operator_id]
            try:
                await self._store.put_all(subjects.BUCKET_SESSIONS, self._encoded(chosen))
            except StoreAway:
                self._dirty.update(dict.fromkeys(chosen))
                raise
            for operator_id in chosen:
                self._written.pop(operator_id, None)
                if operator_id in self._operators:
                    self._written[operator_id] = self._loop.time()

    def _encoded(self, operator_ids: list[str]) -> list[tuple[str, bytes]]:
        return [
            (subjects.session_key(operator_id, self._replica), msgspec.json.encode(operator.record()))
            for operator_id in operator_ids
            if (operator := self._operators.get(operator_id)) is not None
        ]
