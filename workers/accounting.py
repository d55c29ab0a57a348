"""The running check that nothing is lost and nothing doubled in silence (docs/architecture.md, "Accounting")."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from ghasi.bus import Bus, BusError
from ghasi.correlations import doubles, statements
from ghasi.correlations.accountant import Accountant
from ghasi.correlations.accounting import Position
from ghasi.correlations.command_reader import Unreadable, read_positions
from ghasi.logs import get_logger
from ghasi.tasks import end_task
from workers import metrics
from workers.broker.works import WorkQueue
from workers.context import utc_now
from workers.ledger_work import LedgerAway, LedgerFault, guarded
from workers.presence import Presence

CHECK_EVERY = 5.0
LOOK_AGAIN_EVERY = 60.0
"""Seconds after which a quiet operator's losses are looked up again: one may have been sent after all."""
FORGET_EVERY = 3600.0
HOLD_AT_MOST = 120.0
"""Seconds for which what is not in the books keeps its place in the stream: the check must never fill it up."""

A = TypeVar("A")
R = TypeVar("R")
log = get_logger()
_sweep = guarded(doubles.sweep_doubles)
_forget = guarded(statements.forget)


@guarded
def _unexplained(_now: datetime) -> dict[UUID, int]:
    return statements.unexplained()


class Accounting:
    """Runs on the loop of every dispatch process; works in the one that `presence.first` names."""

    def __init__(
        self, bus: Bus, works: WorkQueue, presence: Presence, operator_ids: tuple[str, ...], retention_days: int
    ) -> None:
        self._bus = bus
        self._works = works
        self._presence = presence
        self._retention = timedelta(days=retention_days)
        self._accountants = {one: Accountant(bus, one, self._on_thread) for one in operator_ids}
        self._kept_at: dict[str, float] = {}
        self._untold: Counter[str] = Counter()
        self._turned_at: dict[str, float] = {}
        self._unreadable = ""
        self._shown: dict[str, int] = {}
        self._forget_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        for operator_id in self._accountants:
            # What begins at 1 has not risen for who asks whether it did.
            metrics.accounting_untold.labels(operator_id)
        self._task = asyncio.create_task(self._run(), name="accounting")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            if not self._presence.first:
                self._kept_at.clear()
                self._turned_at.clear()
                self._hide()
                continue
            try:
                await self.turn()
            except (BusError, LedgerAway, LedgerFault) as error:
                log.warning("accounting.failed", detail=str(error))
            except Exception:
                log.exception("accounting.failed")

    async def turn(self) -> None:
        """Each operator's books, then the doubles, then what is shown."""
        try:
            positions = await read_positions(self._bus)
            self._unreadable = ""
        except Unreadable as error:
            self._tell_unreadable(str(error))
            return
        for operator_id, accountant in self._accountants.items():
            position = positions.get(operator_id)
            if position is None:
                continue
            try:
                await self._keep(operator_id, accountant, position)
            except BusError as error:
                # One operator's trouble is not the others'.
                log.warning("accounting.failed", operatorId=operator_id, detail=str(error))
        while await self._works.run(_sweep, utc_now()):
            pass
        self._show(await self._works.run(_unexplained, utc_now()))
        if self._now() >= self._forget_at:
            self._forget_at = self._now() + FORGET_EVERY
            await self._works.run(_forget, utc_now() - self._retention)

    async def _keep(self, operator_id: str, accountant: Accountant, position: Position) -> None:
        untold = self._untold[operator_id]
        due = self._now() - self._turned_at.get(operator_id, -LOOK_AGAIN_EVERY) >= LOOK_AGAIN_EVERY
        if due or untold or not accountant.quiet(position):
            self._tell_untold(operator_id, await accountant.turn(position, untold=untold))
            self._turned_at[operator_id] = self._now()
            self._untold[operator_id] -= untold
        self._kept_at[operator_id] = self._now()
        metrics.accounting_checked.labels(operator_id).set_to_current_time()

    def _tell_unreadable(self, detail: str) -> None:
        if not self._unreadable:
            log.warning("accounting.unreadable", detail=detail)
        self._unreadable = detail

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _show(self, found: dict[UUID, int]) -> None:
        for operator_id in self._accountants:
            count = found.get(UUID(operator_id), 0)
            metrics.accounting_difference.labels(operator_id).set(count)
            if count > self._shown.get(operator_id, 0):
                log.error("accounting.difference", operatorId=operator_id, count=count)
            self._shown[operator_id] = count

    def _hide(self) -> None:
        """Another process shows now: what this one saw last is not kept in sight. Labels cannot be removed where
        several processes share their metrics."""
        for operator_id in self._shown:
            metrics.accounting_difference.labels(operator_id).set(0)
        self._shown.clear()

    # --- what the purge asks

    def purge_to(self, operator_id: str, floor: int) -> tuple[int, ...]:
        """Up to where an operator's subject may be purged, in steps: to the ack floor, but not beyond what is in the
        books as long as these are kept. Where they are not, a step for what is in them and one for the rest."""
        accountant = self._accountants.get(operator_id)
        if accountant is None or self._unreadable:
            return (floor,)
        read_to = min(floor, accountant.read_to or 0)
        if self._now() - self._kept_at.setdefault(operator_id, self._now()) > HOLD_AT_MOST:
            return (read_to, floor)
        return (read_to,)

    def purged(self, operator_id: str, to: int, count: int) -> None:
        """`count` messages were purged up to sequence `to`: what was not in the books is untold."""
        accountant = self._accountants.get(operator_id)
        if accountant is not None and count and to > (accountant.read_to or 0):
            self._untold[operator_id] += count
            self._tell_untold(operator_id, count)

    @staticmethod
    def _tell_untold(operator_id: str, count: int) -> None:
        if count:
            metrics.accounting_untold.labels(operator_id).inc(count)
            log.error("accounting.untold", operatorId=operator_id, count=count)

    def _on_thread(self, function: Callable[[A], R], argument: A) -> Awaitable[R]:
        return self._works.run(guarded(function), argument)

    async def stop(self) -> None:
        await end_task(self._task)
