"""The buckets that a replica follows: who else is there, what is wanted of operators, how they are spoken to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ghasi.bus import Bus
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ReplicaRecord, SessionRecord, SlotRecord, WantedRecord
from ghasi.profiles.record import ProfileRecord
from sessions_gateway.mirror import Mirror

WORKER_KEYS: Final = "worker."
"""The worker processes keep records of their own beside those of the replicas."""

Changed = Callable[[str], None]
"""Called with the key."""


class Mirrors:
    """Of one replica. `replica_changed` gets the name of a replica that came, went or gave up operators; a mere
    renewal is nothing to act on. Our own session records are not read again."""

    def __init__(
        self,
        bus: Bus,
        replica: str,
        *,
        session_changed: Changed,
        replica_changed: Changed,
        slot_changed: Changed,
        wanted_changed: Changed,
        profile_changed: Changed,
    ) -> None:
        self._tell_replica = replica_changed
        self._known_replicas: dict[str, tuple[str, tuple[str, ...]] | None] = {}
        self.sessions = Mirror(bus, subjects.BUCKET_SESSIONS, SessionRecord, session_changed, own=f".{replica}")
        self.replicas = Mirror(
            bus, subjects.BUCKET_REPLICAS, ReplicaRecord, self._replica_changed, foreign=(WORKER_KEYS,)
        )
        self.slots = Mirror(bus, subjects.BUCKET_SLOTS, SlotRecord, slot_changed)
        self.wanted = Mirror(bus, subjects.BUCKET_WANTED, WantedRecord, wanted_changed)
        self.profiles = Mirror(bus, subjects.BUCKET_PROFILES, ProfileRecord, profile_changed)
        self._all: tuple[Mirror[Any], ...] = (self.sessions, self.replicas, self.slots, self.wanted, self.profiles)

    def start(self) -> None:
        for mirror in self._all:
            mirror.start()

    async def known(self) -> None:
        """Returns once all is here that must be known before the first bind; sessions need not be."""
        for mirror in (self.wanted, self.replicas, self.slots, self.profiles):
            await mirror.filled.wait()

    async def stop(self) -> None:
        for mirror in self._all:
            await mirror.stop()

    def _replica_changed(self, replica: str) -> None:
        record = self.replicas.get(replica)
        known = (record.epoch, tuple(record.operator_ids)) if record is not None else None
        if self._known_replicas.get(replica) == known:
            return
        self._known_replicas[replica] = known
        self._tell_replica(replica)
