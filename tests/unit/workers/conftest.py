"""Fixtures of the workers' tests: a bus, the platform around us, a bench with everything a lane needs."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ghasi.bus import Bus, BusSettings
from tests.support.platform import Platform
from tests.unit.workers.build import Bench, Works


@pytest.fixture
def operator_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    await made.ensure()
    yield made
    await made.close()


@pytest.fixture
async def platform(nats_url: str) -> AsyncIterator[Platform]:
    async with await Platform.over(nats_url) as made:
        yield made


@pytest.fixture
def works(django_ready: None) -> Iterator[Works]:
    made = Works()
    yield made
    made.close()


@pytest.fixture
async def bench(operator_id: str, bus: Bus, works: Works, platform: Platform) -> Bench:
    return Bench(operator_id, bus, works, platform)


@pytest.fixture
async def wire(nats_url: str, operator_id: str) -> AsyncIterator[list[tuple[str, bytes]]]:
    """Everything written to the server from now on that names this test's operator: (kind, payload), in order."""
    seen: list[tuple[str, bytes]] = []

    async def take(message: Msg) -> None:
        if operator_id in message.subject:
            kind = "ack" if message.subject.startswith("$JS.ACK") else message.subject.partition(f".{operator_id}")[0]
            seen.append((kind, message.data))

    watcher = Client()
    await watcher.connect(nats_url)
    await watcher.subscribe(">", cb=take)
    await watcher.flush()
    yield seen
    await watcher.close()
