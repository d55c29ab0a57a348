"""Which worker processes live, and who does what only one of them should do.

Keys in the replicas bucket, renewed every 3 s, gone 11 s after their process: nothing here is a lock for messages,
only a division of labour that may be wrong for a moment.
"""

from __future__ import annotations

import asyncio
import time
import uuid

import msgspec
import nats.errors
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from ghasi.bus import Bus
from ghasi.contracts.subjects import BUCKET_REPLICAS
from ghasi.logs import get_logger
from ghasi.release import VERSION
from ghasi.tasks import end_task, lasting

RENEW_EVERY = 3.0
log = get_logger()


class WorkerRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A living worker process."""

    process: str
    pool: str
    operator_ids: list[str]
    started_at: float
    version: str = ""
    """Its release; empty where it is older than this field."""


class Presence:
    """Of one process in one pool. `live` and `assigned` are as of the last renewal."""

    def __init__(self, bus: Bus, pool: str, operator_ids: tuple[str, ...]) -> None:
        self._bus = bus
        self._pool = pool
        self.process = uuid.uuid4().hex[:12]
        self._record = WorkerRecord(self.process, pool, list(operator_ids), time.time(), VERSION)
        self._task: asyncio.Task[None] | None = None
        self.live = 1
        self.assigned: frozenset[str] = frozenset(operator_ids)
        self.first = False
        """True for one process of the pool at a time: it does the pool's common chores."""

    async def start(self) -> None:
        await self._renew(await self._bus.bucket(BUCKET_REPLICAS))
        self._task = lasting(self._keep, "presence")

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            try:
                await self._renew(await self._bus.bucket(BUCKET_REPLICAS))
            except (nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
                self.first = False
                log.debug("presence.not_renewed", errorType=type(error).__name__)

    async def _renew(self, bucket: KeyValue) -> None:
        await bucket.put(f"worker.{self._pool}.{self.process}", msgspec.json.encode(self._record))
        records = await asyncio.gather(*(self._read(bucket, key) for key in await self._keys()))
        living = [record for record in records if record is not None]
        self.live = max(1, len(living))
        self.assigned = frozenset(one for record in living for one in record.operator_ids)
        self.first = min((record.process for record in living), default=self.process) == self.process

    async def _keys(self) -> list[str]:
        """Keys of the pool's living processes."""
        return await self._bus.bucket_keys(BUCKET_REPLICAS, f"worker.{self._pool}.*")

    async def _read(self, bucket: KeyValue, key: str) -> WorkerRecord | None:
        try:
            entry = await bucket.get(key)
            return msgspec.json.decode(entry.value or b"", type=WorkerRecord)
        except (KeyNotFoundError, KeyWrongLastSequenceError, msgspec.DecodeError):
            return None

    async def stop(self) -> None:
        await end_task(self._task)
        try:
            bucket = await self._bus.bucket(BUCKET_REPLICAS)
            await bucket.delete(f"worker.{self._pool}.{self.process}")
        except (nats.errors.Error, JetStreamError, OSError, TimeoutError):
            pass
