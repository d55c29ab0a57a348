"""The actors: each runs one Work that a lane of its queue made ready."""

from __future__ import annotations

import dramatiq

from workers.broker.broker import JetStreamBroker


def declare(broker: JetStreamBroker) -> None:
    """Declares one actor a queue. They have no retries: what failed is the lane's to try again."""

    def run_dispatch(number: int) -> None:
        broker.works("dispatch").perform(number)

    def run_receipts(number: int) -> None:
        broker.works("receipts").perform(number)

    dramatiq.actor(queue_name="dispatch", actor_name="dispatch_batch", broker=broker)(run_dispatch)
    dramatiq.actor(queue_name="receipts", actor_name="receipts_batch", broker=broker)(run_receipts)
