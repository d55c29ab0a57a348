"""Who may bind: one renewed key per replica, one key per bind slot (docs/architecture.md, leases).

A replica writes to no socket later than 9 s after the start of its last confirmed renewal; its key lives 12 s, so
nobody takes its slots while it may still write. A paused process asks `may_write` in the same call as each write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from ghasi.contracts import subjects
from ghasi.contracts.sessions import ReplicaRecord, SlotRecord
from ghasi.logs import get_logger
from ghasi.tasks import end_task
from sessions_gateway.metrics import Metrics
from sessions_gateway.store import Store, StoreAway

RENEW_EVERY = 3.0
RETRY_AFTER = 1.0
WRITE_FOR = 9.0
UNBIND_AFTER = 8.5
RENEW_TIMEOUT = 2.5
RELEASE_TRIES = 3

log = get_logger()
_encode = msgspec.json.encode


class ReplicaLease:
    """This replica's key. `changed()` is called when the right to bind comes or goes."""

    def __init__(
        self,
        store: Store,
        record: ReplicaRecord,
        metrics: Metrics,
        *,
        sole: bool,
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._record = record
        self._metrics = metrics
        self._sole = sole
        self._changed = changed
        self._clock = clock
        self._revision: int | None = None
        self._confirmed: float | None = None
        self._held = False
        self._task: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        """Whether binds may be made and kept."""
        return self._held

    def may_write(self) -> bool:
        """Asked in the same call as each write to a socket."""
        if self._sole:
            return True
        return self._confirmed is not None and self._clock() - self._confirmed < WRITE_FOR

    def write_for(self) -> float:
        """Seconds the right to write lasts without another renewal."""
        if self._sole:
            return float("inf")
        return 0.0 if self._confirmed is None else max(0.0, self._confirmed + WRITE_FOR - self._clock())

    def serves(self, operator_ids: list[str]) -> None:
        """The operators named in our key from the next renewal on."""
        self._record = msgspec.structs.replace(self._record, operator_ids=operator_ids)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="replica-lease")

    async def stop(self) -> None:
        """Gives the key back, so that others need not wait for it to expire."""
        await end_task(self._task)
        try:
            await self._delete()
        except StoreAway:
            log.warning("lease.not_released", replica=self._record.replica)
        self._revision = self._confirmed = None
        self._held = False
        self._metrics.leased.set(0)

    async def _delete(self) -> None:
        """A renewal cut off just now may still move the revision on, so look again after a conflict."""
        for _ in range(RELEASE_TRIES):
            revision = await self._our_revision()
            if revision is None:
                return
            if await self._store.delete(subjects.BUCKET_REPLICAS, self._record.replica, revision):
                return

    async def _run(self) -> None:
        while True:
            began = self._clock()
            renewed = await self._renew(began)
            self._judge()
            pause = RENEW_EVERY if renewed else RETRY_AFTER
            if self._held and not self._sole and self._confirmed is not None:
                # Wake in time to unbind while that may still be written.
                pause = min(pause, max(0.0, self._confirmed + UNBIND_AFTER - self._clock()) + 0.01)
            await asyncio.sleep(pause)

    async def _renew(self, began: float) -> bool:
        limit = RENEW_TIMEOUT
        if self._held and not self._sole and self._confirmed is not None:
            limit = max(0.05, min(limit, self._confirmed + UNBIND_AFTER - began))
        try:
            async with asyncio.timeout(limit):
                revision = await self._write()
        except (StoreAway, TimeoutError):
            return False
        if revision is None:
            return False
        self._revision, self._confirmed = revision, began
        return True

    async def _write(self) -> int | None:
        """Our key's new revision; None: the name is another living process's."""
        bucket, key, value = subjects.BUCKET_REPLICAS, self._record.replica, _encode(self._record)
        if self._sole:
            return await self._store.put(bucket, key, value)
        if self._revision is not None:
            revision = await self._store.update(bucket, key, value, self._revision)
            if revision is not None:
                return revision
            if (ours := await self._our_revision()) is not None:
                # An update whose answer was lost had been made all the same.
                return await self._store.update(bucket, key, value, ours)
            self._lose()
        revision = await self._store.create(bucket, key, value)
        if revision is None:
            log.warning("lease.name_taken", replica=key, detail="waiting for its holder to end or expire")
        return revision

    async def _our_revision(self) -> int | None:
        found = await self._store.get(subjects.BUCKET_REPLICAS, self._record.replica)
        return found[1] if found is not None and _epoch_of(found[0]) == self._record.epoch else None

    def _lose(self) -> None:
        """The key expired or was taken: what it stood for is gone, whatever the clock says."""
        self._revision = self._confirmed = None
        self._set_held(False)

    def _judge(self) -> None:
        if self._confirmed is None:
            return
        age = self._clock() - self._confirmed
        self._set_held(self._sole or age < UNBIND_AFTER)

    def _set_held(self, held: bool) -> None:
        if held == self._held:
            return
        self._held = held
        self._metrics.leased.set(held)
        if held:
            log.info("lease.held", replica=self._record.replica, epoch=self._record.epoch)
        else:
            log.error("lease.lost", replica=self._record.replica, epoch=self._record.epoch)
        self._changed()


class SlotLeases:
    """The bind slots this replica holds. The revision of a slot's key is its fencing number."""

    def __init__(self, store: Store, replica: str, epoch: str, metrics: Metrics, *, sole: bool) -> None:
        self._store = store
        self._replica = replica
        self._epoch = epoch
        self._metrics = metrics
        self._sole = sole
        self._held: dict[tuple[str, int], int] = {}
        self._others: dict[tuple[str, int], str] = {}

    def held(self, operator_id: str) -> list[int]:
        """Slots of the operator held here, lowest first."""
        return sorted(slot for operator, slot in self._held if operator == operator_id)

    def holder(self, operator_id: str, slot: int) -> str | None:
        """Which replica held the slot when it was last looked at."""
        key = (operator_id, slot)
        return self._replica if key in self._held else self._others.get(key)

    async def acquire(self, operator_id: str, slot: int) -> bool:
        """Takes the slot where it is free or its holder is gone. Raises StoreAway."""
        if (operator_id, slot) in self._held:
            return True
        key = subjects.slot_key(operator_id, slot)
        value = _encode(SlotRecord(self._replica, self._epoch, time.time()))
        revision = await self._store.create(subjects.BUCKET_SLOTS, key, value)
        if revision is None:
            revision = await self._take_over(operator_id, slot, key, value)
        if revision is None:
            return False
        self._held[(operator_id, slot)] = revision
        self._others.pop((operator_id, slot), None)
        self._count(operator_id, slot, "taken", revision)
        return True

    async def release(self, operator_id: str, slot: int) -> None:
        """Gives the slot back; a slot that is not held any more is left alone."""
        revision = self._held.pop((operator_id, slot), None)
        if revision is None:
            return
        try:
            await self._store.delete(subjects.BUCKET_SLOTS, subjects.slot_key(operator_id, slot), revision)
        except StoreAway:
            # It is free anyhow once our replica key is gone.
            pass
        self._count(operator_id, slot, "released", revision)

    def lose_all(self) -> None:
        """The replica's key was lost: others may have taken any slot."""
        for (operator_id, slot), revision in self._held.items():
            self._count(operator_id, slot, "lost", revision)
        self._held.clear()

    async def _take_over(self, operator_id: str, slot: int, key: str, value: bytes) -> int | None:
        found = await self._store.get(subjects.BUCKET_SLOTS, key)
        if found is None:
            return None
        record = _slot_record(found[0])
        if record is not None and not await self._is_free(record):
            self._others[(operator_id, slot)] = record.replica
            return None
        return await self._store.update(subjects.BUCKET_SLOTS, key, value, found[1])

    async def _is_free(self, record: SlotRecord) -> bool:
        """Ours of this life, or of a holder whose key is gone or is another life's."""
        if self._sole or (record.replica, record.epoch) == (self._replica, self._epoch):
            return True
        holder = await self._store.get(subjects.BUCKET_REPLICAS, record.replica)
        if holder is None:
            return True
        return _epoch_of(holder[0]) != record.epoch

    def _count(self, operator_id: str, slot: int, change: str, revision: int) -> None:
        self._metrics.lease_changes.labels(operator_id, change).inc()
        log.info("lease.slot", operatorId=operator_id, slot=slot, action=change, revision=revision)


def _slot_record(value: bytes) -> SlotRecord | None:
    try:
        return msgspec.json.decode(value, type=SlotRecord)
    except msgspec.DecodeError:
        return None


def _epoch_of(value: bytes) -> str | None:
    try:
        return msgspec.json.decode(value, type=ReplicaRecord).epoch
    except msgspec.DecodeError:
        return None
