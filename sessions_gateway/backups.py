"""Which operators are bound here only as backups: warm wherever their primary is assigned (docs/architecture.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from ghasi.logs import get_logger
from ghasi.tasks import end_task
from sessions_gateway.neighbours import Neighbours
from sessions_gateway.operator import Operator

log = get_logger()


class Backups:
    """Opens an operator for each backup that an assigned one names, and closes it when none does any more.

    One deep: a backup's own backup is not looked at unless that operator is assigned here too.
    """

    def __init__(
        self,
        assigned: Sequence[str],
        operators: Mapping[str, Operator],
        neighbours: Neighbours,
        open_one: Callable[[str], None],
        close_one: Callable[[str], Coroutine[Any, Any, None]],
    ) -> None:
        self._assigned = frozenset(assigned)
        self._operators = operators
        self._neighbours = neighbours
        self._open = open_one
        self._close = close_one
        self._known: dict[str, str | None] = {}
        self._named: dict[str, str] = {}
        self._primaries: dict[str, set[str]] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}

    def of(self, operator_id: str) -> str | None:
        """The backup by the last credentials seen, here or by a replica that holds a slot of the operator.

        Until any have been seen, whoever carries the traffic is taken for it: not known is not the same as none.
        """
        settings = self._operators[operator_id].settings
        records = self._neighbours.records(operator_id)
        if settings is not None:
            self._known[operator_id] = settings.backup_operator_id
        elif told := [one for one in records if one.tps_limit > 0]:
            self._known[operator_id] = max(told, key=lambda one: one.updated_at).backup_operator_id
        if operator_id in self._known:
            return self._known[operator_id]
        own = self._operators[operator_id].diversion
        words = [(own.term, own.by), *((one.failover_term, one.carried_by) for one in records)]
        return max(words, key=lambda word: word[0])[1]

    def primaries(self, operator_id: str) -> frozenset[str]:
        """The assigned operators whose backup this is, as of the last look at each."""
        return frozenset(self._primaries.get(operator_id, ()))

    def look(self, operator_ids: Iterable[str]) -> None:
        """Opens and closes what has changed, after another look at what these assigned operators name."""
        for operator_id in operator_ids:
            self._name(operator_id, self.of(operator_id))
        for backup in sorted(self._primaries.keys() - self._operators.keys()):
            log.info("backup.opened", operatorId=backup)
            self._open(backup)
        for operator_id in self._operators.keys() - self._assigned - self._primaries.keys() - self._closing.keys():
            log.info("backup.closed", operatorId=operator_id)
            self._closing[operator_id] = asyncio.create_task(self._retire(operator_id))

    def _name(self, operator_id: str, backup: str | None) -> None:
        before = self._named.get(operator_id)
        if before == backup:
            return
        if before is not None:
            del self._named[operator_id]
            self._primaries[before].discard(operator_id)
            if not self._primaries[before]:
                del self._primaries[before]
        if backup is not None:
            self._named[operator_id] = backup
            self._primaries.setdefault(backup, set()).add(operator_id)

    async def _retire(self, operator_id: str) -> None:
        try:
            await self._close(operator_id)
        finally:
            del self._closing[operator_id]

    async def stop(self) -> None:
        for task in list(self._closing.values()):
            await end_task(task)
