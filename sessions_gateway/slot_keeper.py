"""Keeps an operator's leased slots and the binds on them as they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ghasi.tasks import end_task
from sessions_gateway.bind import BindSlot, SlotOwner, SlotTools
from sessions_gateway.leases import ReplicaLease, SlotLeases
from sessions_gateway.store import StoreAway

LOOK_EVERY = 2.0
LEASE_GRACE = 0.2


class SlotKeeper:
    """`most()` is how many binds the operator allows; `unwanted()` is why it is not to be bound, "" if it is.

    `settled()` is called after each change of what is held.
    """

    def __init__(
        self,
        owner: SlotOwner,
        tools: SlotTools,
        lease: ReplicaLease,
        leases: SlotLeases,
        *,
        most: Callable[[], int],
        unwanted: Callable[[], str],
        settled: Callable[[], None],
    ) -> None:
        self._owner = owner
        self._tools = tools
        self._lease = lease
        self._leases = leases
        self._most = most
        self._unwanted = unwanted
        self._settled = settled
        self._retiring: set[int] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._side: set[asyncio.Task[None]] = set()
        self.slots: dict[int, BindSlot] = {}

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"operator-{self._owner.operator_id}")

    def wake(self) -> None:
        """Something the binds depend on has changed."""
        self._wake.set()

    async def stop(self, grace: float) -> None:
        """Finishes the windows within `grace` seconds, unbinds, gives the slots back."""
        await end_task(self._task)
        await asyncio.gather(*(slot.close(grace, "stopping") for slot in self.slots.values()))
        if self._side:
            await asyncio.wait(self._side, timeout=1.0)
        for slot in self._leases.held(self._owner.operator_id):
            await self._leases.release(self._owner.operator_id, slot)
        self.slots.clear()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs beside everything else; waited for at the stop."""
        task = asyncio.create_task(work)
        self._side.add(task)
        task.add_done_callback(self._side.discard)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            await self._reconcile()
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _reconcile(self) -> None:
        """Slots held as far as they are free, binds on them as far as they are wanted."""
        if not self._lease.held:
            await self._close_in_time()
            return
        most = self._most()
        await self._acquire(most)
        why_not = self._unwanted()
        for slot in self._leases.held(self._owner.operator_id):
            if slot in self._retiring:
                continue
            if slot >= most:
                self._retire(slot, "fewer binds allowed", release=True)
            elif why_not and slot in self.slots:
                self._retire(slot, why_not, release=False)
            elif not why_not and slot not in self.slots:
                self.slots[slot] = BindSlot(self._owner, slot, self._tools)
                self.slots[slot].start()
        self._settled()

    async def _close_in_time(self) -> None:
        """The right to write ends: say goodbye while that is still allowed, then reset."""
        within = max(0.05, self._lease.write_for())
        await asyncio.gather(*(slot.close(LEASE_GRACE, "lease lost", within=within) for slot in self.slots.values()))
        self.slots.clear()

    async def _acquire(self, most: int) -> None:
        for slot in range(most):
            try:
                await self._leases.acquire(self._owner.operator_id, slot)
            except StoreAway:
                return

    def _retire(self, slot: int, reason: str, *, release: bool) -> None:
        """Closes a bind beside the others: its window may take as long as a response."""
        self._retiring.add(slot)
        self.spawn(self._retire_slot(slot, reason, release))

    async def _retire_slot(self, slot: int, reason: str, release: bool) -> None:
        bind = self.slots.get(slot)
        if bind is not None:
            await bind.close(self._tools.timers.response, reason)
            self.slots.pop(slot, None)
        if release:
            await self._leases.release(self._owner.operator_id, slot)
        self._retiring.discard(slot)
        self._settled()
        self.wake()
