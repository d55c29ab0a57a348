"""The receipts pool's lanes, one an operator, whoever finds that one is needed."""

from __future__ import annotations

import asyncio

from ghasi.bus import Bus
from ghasi.contracts import topology
from workers.broker.works import WorkQueue
from workers.holders import Holders
from workers.receipt_lane import ReceiptLane


class ReceiptLanes:
    """`running` and `consumers` grow as lanes are opened and are shared with those who look after them."""

    def __init__(self, bus: Bus, works: WorkQueue, holders: Holders) -> None:
        self._bus = bus
        self._works = works
        self._holders = holders
        self._wanted: set[str] = set()
        self.running: list[ReceiptLane] = []
        self.consumers: list[topology.Consumer] = []

    async def open(self, operator_id: str) -> None:
        """Once an operator, and for good. Raises BusError or TopologyConflict; then it may be called again."""
        if operator_id in self._wanted:
            return
        self._wanted.add(operator_id)
        lane = ReceiptLane(self._bus, self._works, self._holders, operator_id)
        try:
            await lane.start()
        except BaseException:
            self._wanted.discard(operator_id)
            raise
        self.running.append(lane)
        self.consumers.append(topology.receipt_consumer(operator_id))

    def takes_in(self, operator_id: str) -> bool | None:
        """Whether its lane does more than wait for the operator's rules; None where there is no lane."""
        return next((not one.waits_for_rules for one in self.running if one.operator_id == operator_id), None)

    async def stop(self, deadline: float) -> None:
        """Each finishes the batch in hand within `deadline` seconds."""
        await asyncio.gather(*(lane.stop(deadline) for lane in self.running))
