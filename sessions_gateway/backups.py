"""Which operators are bound here only as backups: warm wherever their primary is assigned (docs/architecture.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
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
        self._assigned = tuple(assigned)
        self._operators = operators
        self._neighbours = neighbours
        self._open = open_one
        self._close = close_one
        self._known: dict[str, str | None] = {}
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

    def look(self) -> None:
        """Opens and closes what has changed."""
        wanted = {self.of(operator_id) for operator_id in self._assigned} - {None}
        for backup in sorted(one for one in wanted if one is not None):
            if backup not in self._operators:
                log.info("backup.opened", operatorId=backup)
                self._open(backup)
        for operator_id in list(self._operators):
            if operator_id not in self._assigned and operator_id not in wanted and operator_id not in self._closing:
                log.info("backup.closed", operatorId=operator_id)
                self._closing[operator_id] = asyncio.create_task(self._retire(operator_id))

    async def _retire(self, operator_id: str) -> None:
        try:
            await self._close(operator_id)
        finally:
            del self._closing[operator_id]

    async def stop(self) -> None:
        for task in list(self._closing.values()):
            await end_task(task)
