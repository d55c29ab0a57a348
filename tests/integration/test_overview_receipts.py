"""What the admin's first page is told of receipts in the stream, by a real NATS."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import topology
from ghasi.overview import from_nats

pytestmark = pytest.mark.usefixtures("django_ready")


def test_how_many_wait_and_when_one_was_settled_last(nats_url: str) -> None:
    quiet, busy = str(uuid4()), str(uuid4())

    async def fill() -> None:
        bus = await Bus.connect(BusSettings((nats_url,)), "test")
        await bus.ensure()
        for one in (quiet, busy):
            await bus.ensure_consumer(topology.receipt_consumer(one))
        consumer = topology.receipt_consumer(busy)
        await bus.publish_many([Publication(consumer.filter_subject, b"x", uuid4().hex) for _ in range(3)])
        pull = await bus.js.pull_subscribe_bind(consumer.durable, consumer.stream)
        (taken,) = await pull.fetch(1)
        await taken.ack_sync()
        await bus.close()

    before = datetime.now(UTC) - timedelta(seconds=1)
    asyncio.run(fill())
    found = from_nats.read()
    assert found.trouble == ""
    assert (found.receipts[quiet], found.receipts[busy]) == (0, 2)
    assert before < found.settled[busy] <= datetime.now(UTC)
    assert quiet not in found.settled
