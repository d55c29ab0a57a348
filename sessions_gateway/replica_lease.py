"""Who may bind: one renewed key per replica, one key per bind slot (docs/architecture.md, leases).

A replica writes to no socket later than 9 s after the start of its last confirmed renewal; its key lives 11 s, so
nobody takes its slots while it may still write. A paused process asks `may_write` in the same call as each write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from ghasi.contracts import subjects
from ghasi.contracts.sessions import ReplicaRecord
from ghasi.logs import get_logger
from ghasi.tasks import end_task, lasting
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
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def lease_clock() -> float:
    """Monotonic seconds that also count while the machine sleeps: the server's clock goes on meanwhile."""
    return time.clock_gettime(_CLOCK)


class ReplicaLease:
    """This replica's key. `changed()` is called when the right to bind comes or goes.

    Where the right to write is gone as well (`may_write` is false in that call), the slots are lost for good;
    otherwise it is about to run out.
    """

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
        self._hurry = asyncio.Event()
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
        self._task = lasting(self._run, "replica-lease")

    def withdraw(self) -> None:
        """Tells the others, at the next renewal and that at once, to reckon without this replica."""
        self._record = msgspec.structs.replace(self._record, operator_ids=[])
        self._hurry.set()

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
            try:
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._hurry.clear()

    async def _renew(self, began: float) -> bool:
        limit = RENEW_TIMEOUT
        if self._held and not self._sole and self._confirmed is not None:
            limit = max(0.05, min(limit, self._confirmed + UNBIND_AFTER - began))
        try:
            async with asyncio.timeout(limit):
                revision = await self._write()
        except (StoreAway, TimeoutError):
            return False
        except Exception:
            # Whatever it was, the right to write runs out meanwhile, and the binds have to hear of that.
            log.exception("lease.renewal_failed", replica=self._record.replica)
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
        return found[1] if found is not None and epoch_of(found[0]) == self._record.epoch else None

    def _lose(self) -> None:
        """The key expired or was taken: what it stood for is gone, whatever the clock says."""
        self._revision = self._confirmed = None
        if self._held:
            self._set_held(False)
        else:
            # Binds that were just being ended in time have lost that right too.
            self._changed()

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


def epoch_of(value: bytes) -> str | None:
    """Whose life a replica's key stands for; None where it cannot be read."""
    try:
        return msgspec.json.decode(value, type=ReplicaRecord).epoch
    except msgspec.DecodeError:
        return None
