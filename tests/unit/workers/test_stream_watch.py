"""workers.stream_watch: a reader that an event stream has overtaken is seen."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ghasi.bus import Bus, BusSettings
from workers import stream_watch as module
from workers.stream_watch import StreamWatch


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    # It shows how full all our streams are.
    await made.ensure()
    yield made
    await made.close()


@pytest.fixture
async def stream(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Holds ten messages and forgets what was before them."""
    name = f"T{uuid.uuid4().hex[:8]}"
    await bus.js.add_stream(StreamConfig(name=name, subjects=[name], max_msgs=10))
    monkeypatch.setattr(module, "WATCHED", (name,))
    yield name
    await bus.js.delete_stream(name)


async def fill(bus: Bus, stream: str, count: int) -> None:
    for _ in range(count):
        await bus.js.publish(stream, b"x")


async def reader(bus: Bus, stream: str, durable: str | None, policy: AckPolicy = AckPolicy.EXPLICIT) -> None:
    config = ConsumerConfig(name=durable or "passing", durable_name=durable, ack_policy=policy)
    await bus.js.add_consumer(stream, config)


def forgotten(stream: str) -> float | None:
    return REGISTRY.get_sample_value("smpp_connector_events_forgotten", {"stream": stream})


async def test_what_was_dropped_unread_is_shown_and_told_once(bus: Bus, stream: str) -> None:
    await reader(bus, stream, "slow")
    await reader(bus, stream, "slower")
    await fill(bus, stream, 10)
    watch = StreamWatch(bus)
    await watch.look()
    assert forgotten(stream) == 0
    await fill(bus, stream, 3)
    with capture_logs() as lines:
        await watch.look()
        await watch.look()
    assert forgotten(stream) == 3
    assert [(line["event"], line["stream"], line["count"]) for line in lines] == [("events.forgotten", stream, 3)]


async def test_a_reader_that_keeps_up_has_missed_nothing(bus: Bus, stream: str) -> None:
    await reader(bus, stream, "quick")
    pull = await bus.js.pull_subscribe(stream, durable="quick", stream=stream)
    for _ in range(3):
        await fill(bus, stream, 5)
        for message in await pull.fetch(5, timeout=60):
            await message.ack_sync()
    await StreamWatch(bus).look()
    assert forgotten(stream) == 0


async def test_who_comes_late_or_acknowledges_nothing_is_no_slow_reader(bus: Bus, stream: str) -> None:
    await fill(bus, stream, 10)
    await reader(bus, stream, "passing-by", AckPolicy.NONE)
    await reader(bus, stream, None)
    await fill(bus, stream, 5)
    await reader(bus, stream, "late")
    await StreamWatch(bus).look()
    assert forgotten(stream) == 0


async def test_the_room_in_our_streams_is_shown(bus: Bus, stream: str) -> None:
    await bus.ensure()
    await bus.js.publish("smpp.dead.x", b"x" * 500)
    await StreamWatch(bus).look()
    for name in module.SHOWN:
        assert REGISTRY.get_sample_value("smpp_connector_stream_max_bytes", {"stream": name}) == 0
    assert (REGISTRY.get_sample_value("smpp_connector_stream_bytes", {"stream": "SMPP_DEAD"}) or 0) > 500
