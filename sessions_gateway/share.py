"""What other replicas hold of an operator, by their own records, and so what is left to this one."""

from __future__ import annotations

from ghasi.contracts.sessions import SessionRecord
from ghasi.contracts.topology import SESSION_TTL
from ghasi.operator_settings import OperatorSettings
from sessions_gateway.mirror import Mirror


class Share:
    """Of one operator, as `replica` sees it."""

    def __init__(self, operator_id: str, replica: str, sessions: Mirror[SessionRecord]) -> None:
        self._operator_id = operator_id
        self._replica = replica
        self._sessions = sessions

    def max_binds(self, settings: OperatorSettings | None) -> int:
        """From our last credentials; a replica that never held a slot hears it from the one that does."""
        if settings is not None:
            return settings.max_binds
        return max((record.max_binds for record in self._others()), default=1)

    def all_binds(self, own: int) -> int:
        """Sending binds of the operator at all replicas, `own` of them here."""
        return own + sum(record.binds for record in self._others())

    def _others(self) -> list[SessionRecord]:
        found = self._sessions.fresh_of(self._operator_id, SESSION_TTL)
        return [record for record in found if record.replica != self._replica]
