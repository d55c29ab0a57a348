"""Keeps this replica's session records in the bucket: at each change, and every 10 s so that they live."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from ghasi.contracts import subjects
from ghasi.contracts.sessions import SessionRecord
from ghasi.logs import get_logger
from ghasi.tasks import end_task
from sessions_gateway.operator import Operator
from sessions_gateway.store import Store, StoreAway

REPEAT_EVERY = 10.0
RETRY_AFTER = 1.0

log = get_logger()


class Records:
    """Writes the records of all operators, one after the other, the changed ones first."""

    def __init__(self, store: Store, replica: str, operators: Mapping[str, Operator]) -> None:
        self._store = store
        self._replica = replica
        self._operators = operators
        self._dirty: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def changed(self, operator_id: str) -> None:
        self._dirty[operator_id] = None
        self._wake.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="records")

    async def flush(self) -> None:
        """Writes what has changed now; what cannot be written is left for the next time."""
        while self._dirty:
            operator_id = next(iter(self._dirty))
            del self._dirty[operator_id]
            try:
                operator = self._operators.get(operator_id)
                if operator is not None:
                    await self._put(operator.record())
            except StoreAway:
                self._dirty[operator_id] = None
                raise

    async def stop(self) -> None:
        """Takes the records away: nobody is to hand PDUs to a replica that has gone."""
        await end_task(self._task)
        for operator_id in list(self._operators):
            if not await self.remove(operator_id):
                return

    async def remove(self, operator_id: str) -> bool:
        """Takes one record away; False where that could not be done: it ends by its age."""
        try:
            await self._store.delete(subjects.BUCKET_SESSIONS, subjects.session_key(operator_id, self._replica))
        except StoreAway:
            log.warning("records.not_removed", replica=self._replica)
            return False
        return True

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        repeat_at = loop.time()
        while True:
            if loop.time() >= repeat_at:
                repeat_at = loop.time() + REPEAT_EVERY
                self._dirty.update(dict.fromkeys(self._operators))
            self._wake.clear()
            try:
                await self.flush()
            except StoreAway:
                await asyncio.sleep(RETRY_AFTER)
                continue
            try:
                async with asyncio.timeout(max(0.0, repeat_at - loop.time())):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _put(self, record: SessionRecord) -> None:
        key = subjects.session_key(record.operator_id, self._replica)
        await self._store.put(subjects.BUCKET_SESSIONS, key, msgspec.json.encode(record))
