"""Bind slots: one key each, taken by compare-and-set (docs/architecture.md, binds and leases)."""

from __future__ import annotations

import time

import msgspec

from ghasi.contracts import subjects
from ghasi.contracts.sessions import SlotRecord
from ghasi.logs import get_logger
from sessions_gateway.metrics import Metrics
from sessions_gateway.replica_lease import epoch_of
from sessions_gateway.store import Store, StoreAway

log = get_logger()
_encode = msgspec.json.encode


class SlotLeases:
    """The bind slots this replica holds. The revision of a slot's key is its fencing number."""

    def __init__(self, store: Store, replica: str, epoch: str, metrics: Metrics, *, sole: bool) -> None:
        self._store = store
        self._replica = replica
        self._epoch = epoch
        self._metrics = metrics
        self._sole = sole
        self._held: dict[str, dict[int, int]] = {}
        """Fencing numbers by operator and slot: what is asked for one operator must not cost what all have."""
        self._others: dict[tuple[str, int], str] = {}

    def held(self, operator_id: str) -> list[int]:
        """Slots of the operator held here, lowest first."""
        return sorted(self._held.get(operator_id, ()))

    def fence(self, operator_id: str, slot: int) -> int | None:
        """The fencing number under which the slot is held here."""
        held = self._held.get(operator_id)
        return None if held is None else held.get(slot)

    def holder(self, operator_id: str, slot: int) -> str | None:
        """Which replica held the slot when it was last heard of."""
        if self.fence(operator_id, slot) is not None:
            return self._replica
        return self._others.get((operator_id, slot))

    async def acquire(self, operator_id: str, slot: int) -> bool:
        """Takes the slot where it is free or its holder is gone. Raises StoreAway."""
        if self.fence(operator_id, slot) is not None:
            return True
        key = subjects.slot_key(operator_id, slot)
        value = _encode(SlotRecord(self._replica, self._epoch, time.time()))
        revision = await self._store.create(subjects.BUCKET_SLOTS, key, value)
        if revision is None:
            revision = await self._take_over(operator_id, slot, key, value)
        if revision is None:
            return False
        self._held.setdefault(operator_id, {})[slot] = revision
        self._others.pop((operator_id, slot), None)
        self._count(operator_id, slot, "taken", revision)
        return True

    async def release(self, operator_id: str, slot: int) -> None:
        """Gives the slot back; a slot that is not held any more is left alone."""
        revision = self._take_away(operator_id, slot)
        if revision is None:
            return
        try:
            await self._store.delete(subjects.BUCKET_SLOTS, subjects.slot_key(operator_id, slot), revision)
        except StoreAway:
            # It is free anyhow once our replica key is gone.
            pass
        self._count(operator_id, slot, "released", revision)

    async def free(self, operator_id: str, slot: int) -> None:
        """Gives back a slot that stands in our name and is not held: whoever wants it takes it for ours."""
        try:
            found = await self._store.get(subjects.BUCKET_SLOTS, subjects.slot_key(operator_id, slot))
            record = None if found is None else _slot_record(found[0])
            if found is None or record is None or (record.replica, record.epoch) != (self._replica, self._epoch):
                return
            if self.fence(operator_id, slot) is None:
                await self._store.delete(subjects.BUCKET_SLOTS, subjects.slot_key(operator_id, slot), found[1])
        except StoreAway:
            # At the next look.
            pass

    def lose(self, operator_id: str) -> None:
        """The operator's binds have been ended because the right to write runs out: nothing of it is ours now."""
        for slot, revision in sorted(self._held.pop(operator_id, {}).items()):
            self._count(operator_id, slot, "lost", revision)

    def lose_all(self) -> None:
        """The replica's key was lost: others may have taken any slot."""
        for operator_id in list(self._held):
            self.lose(operator_id)

    def seen(self, operator_id: str, slot: int, record: SlotRecord | None, revision: int) -> None:
        """What the bucket says of a slot. One of ours that stands in another's name later than we took it is lost."""
        key = (operator_id, slot)
        if record is None:
            self._others.pop(key, None)
            return
        if (record.replica, record.epoch) == (self._replica, self._epoch):
            return
        ours = self.fence(operator_id, slot)
        if ours is None:
            self._others[key] = record.replica
        elif revision > ours and not self._sole:
            self._others[key] = record.replica
            self._take_away(operator_id, slot)
            self._count(operator_id, slot, "lost", ours)

    def _take_away(self, operator_id: str, slot: int) -> int | None:
        held = self._held.get(operator_id, {})
        revision = held.pop(slot, None)
        if not held:
            self._held.pop(operator_id, None)
        return revision

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
        return epoch_of(holder[0]) != record.epoch

    def _count(self, operator_id: str, slot: int, change: str, revision: int) -> None:
        self._metrics.lease_changes.labels(operator_id, change).inc()
        log.info("lease.slot", operatorId=operator_id, slot=slot, action=change, revision=revision)


def _slot_record(value: bytes) -> SlotRecord | None:
    try:
        return msgspec.json.decode(value, type=SlotRecord)
    except msgspec.DecodeError:
        return None
