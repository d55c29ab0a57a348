"""workers.delivery: one message of a stream, settled exactly once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ghasi.bus import Bus, BusError, BusSettings
from tests.unit.workers.build import Bench, until
from workers.delivery import renew_all

Wire = list[tuple[str, bytes]]


def acks(wire: Wire) -> list[bytes]:
    return [data for kind, data in wire if kind == "ack"]


async def test_what_a_delivery_knows(bench: Bench) -> None:
    subject = f"smpp.operator.{bench.operator_id}"
    ack = await bench.bus.js.publish(subject, b"data", headers={"Smpp-Replay": "2", "traceparent": ""})
    (delivery,) = await bench.deliveries(1)
    assert (delivery.data, delivery.sequence) == (b"data", ack.seq)
    assert (delivery.times, delivery.settled) == (1, False)
    assert abs((datetime.now(UTC) - datetime.fromtimestamp(delivery.stored, UTC)).total_seconds()) < 60
    assert delivery.header("Smpp-Replay") == "2"
    assert delivery.header("traceparent") is None
    assert delivery.header("Smpp-Kind") is None
    await delivery.ack()


async def test_a_message_without_headers_has_none(bench: Bench) -> None:
    await bench.platform.send_raw(bench.operator_id, b"x")
    (delivery,) = await bench.deliveries(1)
    assert delivery.header("Smpp-Replay") is None
    await delivery.ack()


async def test_settled_once_whatever_follows(bench: Bench, wire: Wire) -> None:
    await bench.platform.send_raw(bench.operator_id, b"x")
    (delivery,) = await bench.deliveries(1)
    await renew_all(bench.bus, [delivery])
    await delivery.ack()
    await delivery.ack()
    await delivery.release()
    await delivery.release(5.0)
    await renew_all(bench.bus, [delivery])
    await delivery.ack_sync()
    await bench.bus.flush()
    await until(bench.settled)
    assert acks(wire) == [b"+WPI", b"+ACK"]


async def test_released_comes_again_at_once_and_counts(bench: Bench) -> None:
    await bench.platform.send_raw(bench.operator_id, b"x")
    (first,) = await bench.deliveries(1)
    await first.release()
    await first.ack()
    (second,) = await bench.deliveries(1)
    assert (second.sequence, second.times) == (first.sequence, 2)
    await second.ack()
    await until(bench.settled)


async def test_released_for_a_while_comes_again_after_it(bench: Bench) -> None:
    await bench.platform.send_raw(bench.operator_id, b"x")
    (first,) = await bench.deliveries(1)
    started = asyncio.get_running_loop().time()
    await first.release(0.3)
    (second,) = await bench.deliveries(1)
    assert asyncio.get_running_loop().time() - started >= 0.29
    await second.ack()


async def test_ack_sync_returns_when_the_server_has_it(bench: Bench) -> None:
    await bench.platform.send_raw(bench.operator_id, b"x")
    (delivery,) = await bench.deliveries(1)
    await delivery.ack_sync()
    assert delivery.settled
    assert await bench.settled()


async def test_an_ack_sync_that_fails_may_be_tried_again(bench: Bench, nats_url: str) -> None:
    await bench.platform.send_raw(bench.operator_id, b"x")
    (delivery,) = await bench.deliveries(1)
    lost = await Bus.connect(BusSettings((nats_url,)), "lost")
    await lost.close()
    delivery._bus = lost
    with pytest.raises(BusError):
        await delivery.ack_sync(timeout=0.5)
    assert not delivery.settled
    delivery._bus = bench.bus
    await delivery.ack_sync()
    assert await bench.settled()
