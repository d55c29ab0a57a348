"""Decides failover for the operators this replica speaks for, follows the word of others for the rest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from ghasi.contracts.sessions import SessionRecord, State, Wanted
from ghasi.logs import get_logger
from ghasi.tasks import end_task
from sessions_gateway.backups import Backups
from sessions_gateway.failover import Diversion, Failover, FailoverTimers, Primary, View
from sessions_gateway.neighbours import Neighbours
from sessions_gateway.operator import STOPPING, Operator

LOOK_EVERY = 0.5
ROUNDS = 20
"""Looks in which every operator comes up once, the settled ones included: 10 s."""

log = get_logger()


class FailoverWatch:
    """Looks at an assigned operator at every change of its record or its backup's, and twice a second while time
    alone may decide something."""

    def __init__(
        self,
        assigned: Sequence[str],
        operators: Mapping[str, Operator],
        neighbours: Neighbours,
        backups: Backups,
        timers: FailoverTimers,
    ) -> None:
        self._operators = operators
        self._neighbours = neighbours
        self._backups = backups
        self._failovers = {operator_id: Failover(timers) for operator_id in assigned}
        self._loop = asyncio.get_running_loop()
        self._changed: set[str] = set(assigned)
        self._restless: set[str] = set()
        self._turns: deque[str] = deque(assigned)
        self._next_round = 0.0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def changed(self, operator_id: str) -> None:
        self._changed.add(operator_id)
        self._wake.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="failover")

    async def stop(self) -> None:
        """Decides nothing any more: an operator that is unbound because we stop has not failed."""
        await end_task(self._task)
        await self._backups.stop()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                self._look_around()
            except Exception:
                log.exception("failover.look_failed")
            try:
                async with asyncio.timeout(max(0.0, self._next_round - self._loop.time())):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _look_around(self) -> None:
        due, self._changed = self._changed, set()
        for operator_id in list(due):
            due |= self._backups.primaries(operator_id)
        now = self._loop.time()
        if now >= self._next_round:
            self._next_round = now + LOOK_EVERY
            due |= self._restless
            due.update(self._in_turn())
        due &= self._failovers.keys()
        # Whatever goes wrong on the way, all of them are looked at again.
        self._restless |= due
        self._backups.look(due)
        for operator_id in due:
            if self._look(self._operators[operator_id], self._failovers[operator_id]):
                self._restless.discard(operator_id)

    def _in_turn(self) -> Iterable[str]:
        count = -(-len(self._turns) // ROUNDS)
        self._turns.rotate(count)
        return islice(self._turns, count)

    def _look(self, operator: Operator, failover: Failover) -> bool:
        """True where nothing can follow from time alone: bound here, or without a backup, and not diverted."""
        operator_id, now = operator.operator_id, self._loop.time()
        term, by = self._follow(operator, failover)
        backup = self._backups.of(operator_id)
        living = self._neighbours.living(operator_id)
        view = View(_primary(operator, living), None if backup is None else self._can_send(backup))
        if self._neighbours.speaks(operator_id):
            if failover.look(view, now):
                self._tell(operator, failover, backup, view)
            decided = backup if failover.over else None
            term, by = term + (decided != by), decided
        else:
            failover.note(view, now)
        trouble = self._trouble(backup, view, failover.over or failover.due(now))
        self._show(operator, Diversion(by, term, by is not None and bool(view.backup_bound), trouble))
        return by is None and not failover.over and not trouble and (backup is None or operator.is_bound)

    def _follow(self, operator: Operator, failover: Failover) -> tuple[int, str | None]:
        """The newest word on the operator, ours or another replica's, a dead one's included: term, who carries."""
        newest, by = operator.diversion.term, operator.diversion.by
        for record in self._neighbours.records(operator.operator_id):
            if record.failover_term > newest:
                newest, by = record.failover_term, record.carried_by
                failover.adopt(by is not None)
        return newest, by

    def _can_send(self, operator_id: str) -> bool:
        operator = self._operators.get(operator_id)
        if operator is not None and operator.is_bound:
            return True
        return any(record.can_send for record in self._neighbours.living(operator_id))

    def _trouble(self, backup: str | None, view: View, due: bool) -> str:
        if backup is None or view.backup_bound or view.primary is Primary.BOUND or not due:
            return ""
        operator = self._operators.get(backup)
        reasons = [operator.own_reason()] if operator is not None else []
        reasons += [record.reason for record in self._neighbours.living(backup)]
        why = next((reason for reason in reasons if reason), None)
        return f"backup not bound: {why}" if why else "backup not bound"

    def _tell(self, operator: Operator, failover: Failover, backup: str | None, view: View) -> None:
        reason = operator.own_reason() or view.primary.name.lower()
        if failover.over:
            operator.metrics.failovers_over.inc()
            log.error("failover.over", operatorId=operator.operator_id, backup=backup, reason=reason)
        else:
            operator.metrics.failovers_back.inc()
            held = round(failover.hold(self._loop.time()), 1)
            log.warning("failover.back", operatorId=operator.operator_id, backup=backup, seconds=held)

    def _show(self, operator: Operator, diversion: Diversion) -> None:
        operator.metrics.failover_active.set(diversion.by is not None)
        if diversion != operator.diversion:
            operator.divert(diversion)


def _primary(operator: Operator, others: Sequence[SessionRecord]) -> Primary:
    """The operator's own binds over this replica and the living others."""
    if operator.is_bound or any(record.can_send for record in others):
        return Primary.BOUND
    if operator.wanted.wanted is not Wanted.BOUND:
        return Primary.UNWANTED
    if operator.failed or any(_failed(record) for record in others):
        return Primary.FAILED
    return Primary.PENDING


def _failed(record: SessionRecord) -> bool:
    return (record.own_state or record.state) is State.UNBOUND and not (record.reason or "").startswith(STOPPING)
