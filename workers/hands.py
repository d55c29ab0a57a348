"""The deliveries of one lane that are in hand: renewed until they are settled, lapse, or are given back."""

from __future__ import annotations

from workers.delivery import Delivery


class Hands:
    """A delivery that lapses is renewed no more: the stream gives it to somebody else by its ack wait."""

    def __init__(self) -> None:
        self._deliveries: dict[int, Delivery] = {}

    def __len__(self) -> int:
        return len(self._deliveries)

    def hold(self, delivery: Delivery) -> None:
        self._deliveries[id(delivery)] = delivery

    def lapse(self, delivery: Delivery) -> bool:
        """True the first time, and only while it is in hand."""
        return self._deliveries.pop(id(delivery), None) is not None

    async def renew(self, older_than: float) -> None:
        """Tells the server that what arrived before `older_than` (the loop's clock) is still in our hands."""
        for key, delivery in list(self._deliveries.items()):
            if delivery.settled:
                self._deliveries.pop(key, None)
            elif delivery.received_at <= older_than:
                await delivery.renew()

    async def release(self) -> None:
        """Gives back, at once, everything that is not settled."""
        for delivery in list(self._deliveries.values()):
            await delivery.release()
