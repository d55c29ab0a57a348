"""The deliveries of one lane that are in hand: renewed until they are settled, lapse, or are given back."""

from __future__ import annotations

from ghasi.bus import Bus
from workers.delivery import Delivery, release_all, renew_all


class Hands:
    """A delivery that lapses is renewed no more: the stream gives it to somebody else by its ack wait."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._deliveries: dict[int, Delivery] = {}

    def __len__(self) -> int:
        return len(self._deliveries)

    def hold(self, delivery: Delivery) -> None:
        self._deliveries[id(delivery)] = delivery

    def lapse(self, delivery: Delivery) -> bool:
        """True the first time, and only while it is in hand."""
        return self._deliveries.pop(id(delivery), None) is not None

    async def renew(self, older_than: float) -> None:
        """Tells the server that what arrived before `older_than` (the loop's clock) is still in our hands.

        Raises BusError.
        """
        self._deliveries = {key: one for key, one in self._deliveries.items() if not one.settled}
        await renew_all(self._bus, [one for one in self._deliveries.values() if one.received_at <= older_than])

    async def release(self) -> None:
        """Gives back, at once, everything that is not settled. Raises BusError."""
        await release_all(self._bus, self._deliveries.values())
