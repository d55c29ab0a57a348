"""Keeps an operator's leased slots and the binds on them as they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from ghasi.logs import get_logger
from ghasi.tasks import SideTasks, end_task, lasting
from sessions_gateway.bind import BindSlot, SlotOwner, SlotTools
from sessions_gateway.leases import SlotLeases
from sessions_gateway.replica_lease import ReplicaLease
from sessions_gateway.slot_view import SlotView
from sessions_gateway.store import StoreAway

LOOK_EVERY = 2.0
LOOK_SOON = 0.5
"""While a slot that we should hold is neither ours nor a living replica's."""
LOOK_SELDOM = 60.0
"""While all is held and bound as it should be: whatever changes that says so (`wake`)."""
SHARE_AFTER = 20.0
"""Seconds that we hold more than our share until one slot is handed on; the same again until the next."""
LEASE_GRACE = 0.2
AT_ONCE = 0.05

log = get_logger()


@dataclass(frozen=True, slots=True)
class Leases:
    """What decides which slots are held here."""

    replica: ReplicaLease
    slots: SlotLeases
    view: SlotView


class SlotKeeper:
    """`most()` is how many binds the operator allows; `unwanted()` is why it is not to be bound, "" if it is;
    `kept()` is whether the slots stay ours while it is not.

    `settled()` is called after each change of what is held.
    """

    def __init__(
        self,
        owner: SlotOwner,
        tools: SlotTools,
        leases: Leases,
        *,
        most: Callable[[], int],
        unwanted: Callable[[], str],
        kept: Callable[[], bool],
        settled: Callable[[], None],
    ) -> None:
        self._owner = owner
        self._tools = tools
        self._lease = leases.replica
        self._leases = leases.slots
        self._view = leases.view
        self._most = most
        self._unwanted = unwanted
        self._kept = kept
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._retiring: set[int] = set()
        self._fences: dict[int, int] = {}
        self._surplus_since: float | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[bool] | None = None
        self._side = SideTasks(self._task_failed)
        self.slots: dict[int, BindSlot] = {}

    def start(self) -> None:
        self._task = lasting(self._run, f"operator-{self._owner.operator_id}")

    def wake(self) -> None:
        """Something the binds depend on has changed."""
        self._wake.set()
        if self._asking is not None and (self._overtaken() or self._binds_unwanted()):
            self._asking.cancel()

    async def stop(self, grace: float) -> None:
        """Finishes the windows within `grace` seconds, unbinds, gives the slots back."""
        await end_task(self._task)
        closes = (slot.close(grace, "stopping") for slot in self.slots.values())
        for ended in await asyncio.gather(*closes, return_exceptions=True):
            if isinstance(ended, Exception):
                # The slots are given back all the same: others need not wait until our key has expired.
                self._task_failed(ended)
        await self._side.wait(1.0)
        for slot in self._leases.held(self._owner.operator_id):
            await self._leases.release(self._owner.operator_id, slot)
        self.slots.clear()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs beside everything else; waited for at the stop."""
        self._side.spawn(work)

    def _task_failed(self, error: Exception) -> None:
        log.error("operator.task_failed", operatorId=self._owner.operator_id, exc_info=error)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            await self._reconcile()
            try:
                async with asyncio.timeout(self._patience()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _patience(self) -> float:
        """Seconds until the next look, if nothing calls before. Only where another replica has slots of ours, or we
        have slots of another's, does time alone change anything."""
        if self._is_short():
            return LOOK_SOON
        held = self._leases.held(self._owner.operator_id)
        complete = self._lease.held and not self._unwanted() and len(held) == self._most() == len(self.slots)
        return LOOK_SELDOM if complete and self._surplus_since is None and not self._retiring else LOOK_EVERY

    async def _reconcile(self) -> None:
        """Slots held as far as they are free, binds on them as far as they are wanted."""
        if not self._lease.held:
            await self._close_in_time()
            return
        await self._close_unfenced()
        if not self._unwanted() or self._kept():
            await self._acquire(self._most())
            if self._overtaken():
                self.wake()
                return
        most, why_not = self._most(), self._unwanted()
        for slot in self._leases.held(self._owner.operator_id):
            if slot in self._retiring:
                continue
            if slot >= most:
                self._retire(slot, "fewer binds allowed", release=True)
            elif why_not and (slot in self.slots or not self._kept()):
                self._retire(slot, why_not, release=not self._kept())
            elif not why_not and slot not in self.slots:
                self._bind(slot)
        self._share(most)
        self._free_left_over(most)
        self._settled()

    # -- slots

    async def _acquire(self, most: int) -> None:
        for slot in self._missing(most):
            if self._overtaken() or not await self._ask(slot):
                return

    async def _ask(self, slot: int) -> bool:
        """False where there was no answer: the store is away, or the binds we have could not wait for it."""
        asking = asyncio.create_task(self._leases.acquire(self._owner.operator_id, slot))
        self._asking = asking
        try:
            await asyncio.wait({asking})
        finally:
            self._asking = None
            # A key that was written all the same stands in our name and is ours at the next try.
            await end_task(asking)
        if asking.cancelled():
            return False
        try:
            asking.result()
        except StoreAway:
            return False
        return True

    def _overtaken(self) -> bool:
        """The right to bind, or a slot with a bind on it, has gone."""
        return not self._lease.held or bool(self._unfenced())

    def _binds_unwanted(self) -> bool:
        return bool(self._unwanted()) and any(slot not in self._retiring for slot in self.slots)

    def _missing(self, most: int) -> list[int]:
        """Slots that may be had, as many as our share still lacks."""
        operator_id = self._owner.operator_id
        held = self._leases.held(operator_id)
        lacking = self._view.share(operator_id, most) - len(held)
        free = [s for s in range(most) if s not in held and not self._view.held_elsewhere(operator_id, s)]
        # Those that others take for ours first: nobody else asks for them.
        return sorted(free, key=lambda slot: not self._view.ours(operator_id, slot))[: max(0, lacking)]

    def _free_left_over(self, most: int) -> None:
        """Slots in our name that a release did not reach, or that we have no use for after a loss."""
        operator_id = self._owner.operator_id
        kept = {*self._leases.held(operator_id), *self._retiring}
        for slot in range(most):
            if slot not in kept and self._view.ours(operator_id, slot):
                self._retiring.add(slot)
                self.spawn(self._free(slot))

    async def _free(self, slot: int) -> None:
        try:
            await self._leases.free(self._owner.operator_id, slot)
        finally:
            self._retiring.discard(slot)

    def _is_short(self) -> bool:
        wanted = self._lease.held and (not self._unwanted() or self._kept())
        return wanted and bool(self._missing(self._most()))

    def _share(self, most: int) -> None:
        """Hands one slot on where we have long held more than our share: a replica has come to take its own."""
        held = [slot for slot in self._leases.held(self._owner.operator_id) if slot not in self._retiring]
        now = self._loop.time()
        if len(held) <= self._view.share(self._owner.operator_id, most):
            self._surplus_since = None
        elif self._surplus_since is None:
            self._surplus_since = now
        elif now - self._surplus_since >= SHARE_AFTER:
            self._surplus_since = None
            self._retire(held[-1], "shared with another replica", release=True)

    # -- binds

    def _bind(self, slot: int) -> None:
        """A bind that writes only while the slot is held under today's fencing number."""
        operator_id, lease, leases = self._owner.operator_id, self._lease, self._leases
        fence = leases.fence(operator_id, slot)
        if fence is None:
            return

        def may_write() -> bool:
            return lease.may_write() and leases.fence(operator_id, slot) == fence

        self._fences[slot] = fence
        self.slots[slot] = BindSlot(self._owner, slot, replace(self._tools, may_write=may_write))
        self.slots[slot].start()

    def _unfenced(self) -> list[int]:
        operator_id = self._owner.operator_id
        return [slot for slot in self.slots if self._leases.fence(operator_id, slot) != self._fences[slot]]

    async def _close_unfenced(self) -> None:
        """Binds whose slot has been another's meanwhile, even if it is ours again."""
        lost = self._unfenced()
        await asyncio.gather(*(self.slots[slot].close(0.0, "lease lost", within=AT_ONCE) for slot in lost))
        for slot in lost:
            self.slots.pop(slot, None)

    async def _close_in_time(self) -> None:
        """The right to write ends: say goodbye while that is still allowed, then reset."""
        within = max(AT_ONCE, self._lease.write_for())
        await asyncio.gather(*(slot.close(LEASE_GRACE, "lease lost", within=within) for slot in self.slots.values()))
        self.slots.clear()
        self._leases.lose(self._owner.operator_id)

    def _retire(self, slot: int, reason: str, *, release: bool) -> None:
        """Closes a bind beside the others: its window may take as long as a response."""
        self._retiring.add(slot)
        self.spawn(self._retire_slot(slot, reason, release))

    async def _retire_slot(self, slot: int, reason: str, release: bool) -> None:
        bind = self.slots.get(slot)
        try:
            if bind is not None:
                await bind.close(bind.response_timeout, reason)
                if self.slots.get(slot) is bind:
                    self.slots.pop(slot, None)
            if release:
                await self._leases.release(self._owner.operator_id, slot)
        finally:
            self._retiring.discard(slot)
        self._settled()
        self.wake()
