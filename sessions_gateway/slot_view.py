"""What the watched buckets say of slots: whom to leave in peace, when to look again, how many slots are our share.

Only hints. Who holds a slot is decided by compare-and-set alone (sessions_gateway/leases.py).
"""

from __future__ import annotations

import math

from ghasi.contracts import subjects
from ghasi.contracts.sessions import ReplicaRecord, SlotRecord
from sessions_gateway.mirror import Mirror
from sessions_gateway.roll import Roll

SILENT_AFTER = 8.0
"""Seconds without a renewal, which come every 3 s, until a holder may be dying: its slots are asked for."""


class SlotView:
    """As this replica sees it; the only one (`sole`) shares with nobody."""

    def __init__(
        self, replica: str, slots: Mirror[SlotRecord], replicas: Mirror[ReplicaRecord], *, sole: bool
    ) -> None:
        self._replica = replica
        self._sole = sole
        self._slots = slots
        self._replicas = replicas
        self._roll = Roll(replica, replicas)

    def held_elsewhere(self, operator_id: str, slot: int) -> bool:
        """Whether another replica that renews its key holds the slot, so that asking would be in vain."""
        record = self._slots.get(subjects.slot_key(operator_id, slot))
        if self._sole or record is None or record.replica == self._replica:
            return False
        holder = self._replicas.get(record.replica)
        alive = holder is not None and holder.epoch == record.epoch
        return alive and self._replicas.age(record.replica) < SILENT_AFTER

    def ours(self, operator_id: str, slot: int) -> bool:
        """Whether the slot stands in our name, held or left over."""
        record = self._slots.get(subjects.slot_key(operator_id, slot))
        return record is not None and record.replica == self._replica

    def share(self, operator_id: str, most: int) -> int:
        """How many of the operator's `most` slots are ours, where the living replicas share them evenly."""
        if self._sole:
            return most
        return math.ceil(most / (1 + len(self._roll.others_serving(operator_id))))
