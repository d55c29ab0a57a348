"""Which other living replicas serve an operator.

A replica's key names all its operators and is renewed every 3 s. Searching a list of a thousand for each of a
thousand operators would be the dearest thing an idle gateway does, so each list becomes a set once.
"""

from __future__ import annotations

from ghasi.contracts.sessions import ReplicaRecord
from ghasi.contracts.topology import REPLICA_TTL
from sessions_gateway.mirror import Mirror


class Roll:
    """Of the replicas beside `replica`, as their watched keys say."""

    def __init__(self, replica: str, replicas: Mirror[ReplicaRecord]) -> None:
        self._replica = replica
        self._replicas = replicas
        self._served: dict[str, tuple[ReplicaRecord, frozenset[str]]] = {}

    def others_serving(self, operator_id: str) -> list[str]:
        """Names of the living ones that serve the operator."""
        return [
            record.replica
            for _, record in self._replicas.fresh(REPLICA_TTL)
            if record.replica != self._replica and operator_id in self._operators_of(record)
        ]

    def _operators_of(self, record: ReplicaRecord) -> frozenset[str]:
        known = self._served.get(record.replica)
        if known is None or known[0] is not record:
            if known is None:
                self._forget_dead()
            known = self._served[record.replica] = (record, frozenset(record.operator_ids))
        return known[1]

    def _forget_dead(self) -> None:
        for name in [name for name in self._served if self._replicas.age(name) > REPLICA_TTL]:
            del self._served[name]
