"""What this replica knows of the others, and which of them speaks for an operator."""

from __future__ import annotations

import asyncio

from ghasi.contracts.sessions import ReplicaRecord, SessionRecord
from ghasi.contracts.topology import REPLICA_TTL, SESSION_TTL
from sessions_gateway.leases import SlotLeases
from sessions_gateway.mirror import Mirror
from sessions_gateway.roll import Roll

UNHELD_FOR = 10.0


class Neighbours:
    """Of one replica."""

    def __init__(
        self,
        replica: str,
        slots: SlotLeases,
        sessions: Mirror[SessionRecord],
        replicas: Mirror[ReplicaRecord],
    ) -> None:
        self._replica = replica
        self._slots = slots
        self._sessions = sessions
        self._replicas = replicas
        self._roll = Roll(replica, replicas)
        self._loop = asyncio.get_running_loop()
        self._unheld_since: dict[str, float] = {}

    def records(self, operator_id: str) -> list[SessionRecord]:
        """The other replicas' last words on the operator."""
        return [one for one in self._sessions.fresh_of(operator_id, SESSION_TTL) if one.replica != self._replica]

    def living(self, operator_id: str) -> list[SessionRecord]:
        """The same of replicas whose key has not run out: a record outlives a replica that was killed."""
        return [one for one in self.records(operator_id) if self._replicas.age(one.replica) <= REPLICA_TTL]

    def peers(self, operator_id: str) -> list[str]:
        """Other living replicas that serve this operator."""
        return self._roll.others_serving(operator_id)

    def speaks(self, operator_id: str) -> bool:
        """One replica speaks for an operator: the holder of its lowest slot, or where no slot has been held for 10 s
        the first replica by name."""
        held = self._slots.held(operator_id)
        if held:
            self._unheld_since.pop(operator_id, None)
            return not any(self._slots.holder(operator_id, slot) for slot in range(held[0]))
        if self._slots.holder(operator_id, 0) is not None:
            self._unheld_since.pop(operator_id, None)
            return False
        now = self._loop.time()
        since = self._unheld_since.setdefault(operator_id, now)
        return now - since >= UNHELD_FOR and self._replica <= min(self.peers(operator_id), default=self._replica)
