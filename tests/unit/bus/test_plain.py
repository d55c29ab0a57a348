"""ghasi.bus.wire, arrived and the plain lane: what nats-py would write and read, many at a time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from ghasi.bus import Bus, BusError, BusSettings, Publication, Settlement
from ghasi.bus.arrived import Arrived, status_of
from ghasi.bus.headers import parse_headers
from ghasi.bus.wire import message, settlement
from ghasi.contracts import subjects
from ghasi.contracts.topology import receipt_consumer

REPLY = "$JS.ACK.SMPP_RECEIPTS.one.1.42.7.1776508200123456789.3"
LONG = "$JS.ACK._.hash.SMPP_RECEIPTS.one.1.42.7.1776508200123456789.3.token"


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    await made.ensure()
    yield made
    await made.close()


async def test_what_is_written_together_arrives_as_if_published(bus: Bus) -> None:
    subscription = await bus.nc.subscribe("plain.test")
    headers = {"One": "1", "Two": " zwei é\r\nThree: 3 "}
    await bus.nc.write([message("plain.test", b"x\r\n", headers), message("plain.test", b"", {})])
    await bus.nc.publish("plain.test", b"x\r\n", headers=headers)
    first, second, third = [await subscription.next_msg(5) for _ in range(3)]
    assert (first.data, first.headers) == (third.data, third.headers)
    assert (second.data, first.reply) == (b"", "")


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB b 0", " a", "a\t"])
def test_nothing_but_a_subject_is_written_as_one(subject: str) -> None:
    with pytest.raises(nats.errors.BadSubjectError):
        message(subject, b"", {})
    with pytest.raises(nats.errors.BadSubjectError):
        settlement(subject, Settlement.DONE)


@pytest.mark.parametrize("reply", [REPLY, LONG])
def test_a_delivery_tells_what_nats_py_tells(reply: str) -> None:
    arrived = Arrived(reply, b"x", b"NATS/1.0\r\nSmpp-Kind: response\r\nEmpty:\r\n\r\n")
    metadata = Msg(_client=Client(), reply=reply).metadata
    assert (arrived.sequence, arrived.stored_at) == (metadata.sequence.stream, metadata.timestamp)
    assert [arrived.header(name) for name in (b"Smpp-Kind", b"Kind", b"Empty")] == ["response", None, None]


@pytest.mark.parametrize("reply", ["", "_INBOX.a", "$JS.ACK.a.b.1.2.3", REPLY.replace("42", "x"), f"{REPLY}.10"])
def test_what_is_no_delivery_is_refused(reply: str) -> None:
    with pytest.raises(ValueError):
        Arrived(reply, b"x", b"")


names = st.sampled_from(["Smpp-Kind", "Kind", "smpp-kind", "Smpp-Kind2"])


@given(st.lists(st.tuples(names, st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=5))))
def test_headers_are_read_alike(some: list[tuple[str, str]]) -> None:
    block = b"NATS/1.0\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in some) + b"\r\n"
    arrived = Arrived(REPLY, b"x", block)
    known = parse_headers(block.partition(b"\r\n")[2])
    for name in ("Smpp-Kind", "Kind", "smpp-kind"):
        assert arrived.header(name.encode()) == (known.get(name) or None)


def test_the_servers_own_words_are_no_deliveries() -> None:
    assert status_of(b"", b"NATS/1.0 404 No Messages\r\n\r\n") == "404 No Messages"
    assert status_of(b"", b"NATS/1.0 503\r\n\r\n") == "503"
    assert status_of(b"", b"NATS/1.0\r\nOne: 1\r\n\r\n") is None
    assert status_of(b"", b"") is None
    assert status_of(b"x", b"NATS/1.0 100\r\n\r\n") is None


async def test_a_plain_lane_takes_settles_and_gives_back(bus: Bus) -> None:
    operator_id = str(uuid.uuid4())
    consumer = replace(receipt_consumer(operator_id), ack_wait=30.0)
    await bus.ensure_consumer(consumer)
    at = datetime.now(UTC)
    sent = [Publication(subjects.receipt(operator_id), f"{n}".encode(), f"{operator_id}-{n}") for n in range(3)]
    await bus.publish_many(sent)
    lane = await bus.pull(consumer)
    found = await lane.fetch(10, 60.0)
    while len(found) < 3:
        found += await lane.fetch(10, 60.0)
    assert [one.data for one in found] == [b"0", b"1", b"2"]
    assert found[0].header(b"Nats-Msg-Id") == f"{operator_id}-0"
    assert abs((found[0].stored_at - at).total_seconds()) < 5
    await bus.settle(found[:1], Settlement.DONE)
    await bus.settle(found[1:2], Settlement.IN_HAND)
    await bus.settle(found[2:], Settlement.GIVEN_BACK)
    await bus.settle([], Settlement.DONE)
    (again,) = await lane.fetch(10, 60.0)
    assert (again.data, again.sequence) == (b"2", found[2].sequence)
    info = await bus.js.consumer_info(consumer.stream, consumer.durable)
    assert info.num_ack_pending == 2
    assert await lane.stop() == []


async def test_a_plain_lane_hears_that_its_consumer_is_gone(bus: Bus) -> None:
    consumer = receipt_consumer(str(uuid.uuid4()))
    lane = await bus.pull(consumer)
    assert await lane.fetch(10, 0.5) == []
    assert lane.missing
    await lane.stop()


async def test_a_closed_bus_settles_nothing(nats_url: str) -> None:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    await made.close()
    with pytest.raises(BusError):
        await made.settle([Arrived(REPLY, b"x", b"")], Settlement.DONE)


async def test_what_a_taker_is_sent_reaches_it_however_it_was_cut(bus: Bus) -> None:
    """Many times what is read at once, so that messages are cut at every place."""
    taken: list[bytes] = []
    inbox = bus.nc.new_inbox()
    await bus.nc.subscribe_plain(inbox, lambda reply, data, headers: taken.append(data))
    sent = [b"%d" % n * (n % 701) for n in range(2_000)]
    await bus.nc.write([message(inbox, body, {"One": "1"}, "reply") for body in sent])
    async with asyncio.timeout(60):
        while len(taken) < len(sent):
            await asyncio.sleep(0.01)
    assert taken == sent
