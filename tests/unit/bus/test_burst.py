"""ghasi.bus.burst: one write, the last one's answer, and headers that stay what they are."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import nats.errors
import pytest
from nats.aio.msg import Msg

from ghasi.bus import Bus, BusSettings, Publication, PublishFailed
from ghasi.bus.burst import request_burst
from ghasi.bus.wire import message


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    yield made
    await made.close()


def test_a_command_as_the_protocol_has_it() -> None:
    command = message("a.b", b"text", {"One": "1", "Two": " zwei é "}, "_INBOX.x")
    head = "NATS/1.0\r\nOne: 1\r\nTwo: zwei é\r\n\r\n".encode()
    assert command == b"HPUB a.b _INBOX.x %d %d\r\n" % (len(head), len(head) + 4) + head + b"text\r\n"


async def test_all_arrive_in_order_and_only_the_last_is_answered(bus: Bus) -> None:
    subject = f"burst.{uuid.uuid4().hex}"
    subscription = await bus.nc.subscribe(subject)

    async def answer(asked: Msg) -> None:
        await asked.respond(b"heard")

    listener = await bus.nc.subscribe(f"{subject}.end", cb=answer)
    messages = [(subject, {"Number": "1", "Bad": "a\r\nInjected: b"}, b"one"), (subject, {"Number": "2"}, b"two")]
    assert await request_burst(bus.nc, [*messages, (f"{subject}.end", {}, b"")], 5.0) == b"heard"
    first, second = await subscription.next_msg(5), await subscription.next_msg(5)
    assert (first.data, first.headers, first.reply) == (b"one", {"Number": "1", "Bad": "a  Injected: b"}, "")
    assert (second.data, second.headers) == (b"two", {"Number": "2"})
    await listener.unsubscribe()


async def test_nobody_there_and_nothing_left_behind(bus: Bus) -> None:
    with pytest.raises(nats.errors.NoRespondersError):
        await request_burst(bus.nc, [(f"burst.{uuid.uuid4().hex}", {}, b"")], 5.0)
    with pytest.raises(nats.errors.MaxPayloadError):
        await request_burst(bus.nc, [("burst.x", {}, b"x" * (bus.max_payload + 1))], 5.0)
    subject = f"burst.{uuid.uuid4().hex}"
    await bus.nc.subscribe(subject)
    with pytest.raises(TimeoutError):
        await request_burst(bus.nc, [(subject, {}, b"")], 0.05)
    assert not bus.nc._resp_map


async def test_a_batch_for_no_stream_fails(bus: Bus) -> None:
    with pytest.raises(PublishFailed):
        await bus.publish_many([Publication(f"burst.{uuid.uuid4().hex}", b"x") for _ in range(2)])
