"""ghasi.bus on a real NATS server: topology, publishes that wait, pulls that do not."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import nats.errors
import pytest
from nats.aio.client import Srv
from nats.aio.msg import Msg
from nats.js.api import DiscardPolicy, RetentionPolicy, StreamConfig
from structlog.testing import capture_logs

from ghasi.bus import (
    Bus,
    BusError,
    BusSettings,
    BusTimeout,
    NoHolder,
    Publication,
    PublishFailed,
    Settlement,
    TopologyConflict,
)
from ghasi.bus import topology as bus_topology
from ghasi.contracts import subjects, topology
from ghasi.contracts.topology import Consumer, Stream
from ghasi.env import Env, SettingsError
from tests.support.proxy import Proxy


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    await made.ensure()
    yield made
    await made.close()


@pytest.fixture
def consumer() -> Consumer:
    return topology.dispatch_consumer(str(uuid.uuid4()))


async def test_everything_of_the_contract_is_created_and_found_again(bus: Bus) -> None:
    await bus.ensure()
    for stream in topology.STREAMS:
        info = await bus.js.stream_info(stream.name)
        assert info.config.subjects == list(stream.subjects)
        assert info.config.allow_atomic
        assert info.config.retention == RetentionPolicy.LIMITS
    for bucket in topology.BUCKETS:
        assert await bus.bucket(bucket.name)


async def test_a_stream_that_cannot_serve_is_a_conflict_with_a_name(bus: Bus) -> None:
    name = f"T{uuid.uuid4().hex[:8]}"
    await bus.js.add_stream(StreamConfig(name=name, subjects=[f"{name}.a"]))
    with pytest.raises(TopologyConflict, match=name):
        await bus_topology.ensure_stream(bus.js, Stream(name, (f"{name}.b",)))
    await bus.js.delete_stream(name)


def kept(name: str) -> Stream:
    return Stream(name, (f"{name}.a",), max_age=86_400.0, refuses=True)


@pytest.mark.parametrize("stream", topology.STREAMS, ids=lambda one: one.name)
async def test_a_full_stream_refuses_where_nothing_else_has_its_bytes(bus: Bus, stream: Stream) -> None:
    info = await bus.js.stream_info(stream.name)
    events = (subjects.DLR_EVENTS, subjects.SUBMIT_EVENTS, subjects.OPERATOR_EVENTS)
    assert info.config.discard == (DiscardPolicy.OLD if stream.name in events else DiscardPolicy.NEW)


async def test_a_stream_that_an_older_version_made_is_brought_up_to_date(bus: Bus) -> None:
    stream = kept(f"T{uuid.uuid4().hex[:8]}")
    await bus_topology.ensure_stream(bus.js, replace(stream, refuses=False), 100_000)
    await bus.publish(Publication(f"{stream.name}.a", b"x", "1"))
    info = await bus_topology.ensure_stream(bus.js, stream)
    assert (info.config.discard, info.config.max_bytes, info.state.messages) == (DiscardPolicy.NEW, 100_000, 1)
    await bus.js.delete_stream(stream.name)


async def test_a_stream_of_the_platform_is_left_alone_and_its_drift_named(bus: Bus) -> None:
    stream = kept(f"T{uuid.uuid4().hex[:8]}")
    await bus.js.add_stream(StreamConfig(name=stream.name, subjects=list(stream.subjects), max_age=3_600.0))
    with capture_logs() as lines:
        info = await bus_topology.ensure_stream(bus.js, stream)
    assert info.config.discard == DiscardPolicy.OLD
    assert "forgets its oldest" in " ".join(str(line.get("detail")) for line in lines)
    await bus.js.delete_stream(stream.name)


async def test_a_subject_somebody_else_owns_is_a_conflict(bus: Bus) -> None:
    with pytest.raises(TopologyConflict, match="NEWSTREAM"):
        await bus_topology.ensure_stream(bus.js, Stream("NEWSTREAM", ("sms.dlr.inbound",)))


async def test_many_are_published_at_once_and_repeats_stored_once(bus: Bus, consumer: Consumer) -> None:
    await bus.ensure_consumer(consumer)
    subject = consumer.filter_subject
    run = uuid.uuid4().hex
    many = [Publication(subject, str(n).encode(), f"{run}-{n}") for n in range(450)]
    await bus.publish_many(many)
    await bus.publish_many([*many[440:], Publication(subject, b"new", f"{run}-new")])
    lane = await bus.pull(consumer)
    got: list[bytes] = []
    async with asyncio.timeout(60):
        while b"new" not in got:
            messages = await lane.fetch(100, 0.5)
            got += [message.data for message in messages]
            await bus.settle(messages, Settlement.DONE)
    assert got == [str(n).encode() for n in range(450)] + [b"new"]
    await lane.stop()


async def test_a_stream_without_atomic_batches_gets_single_publishes(bus: Bus) -> None:
    name = f"t{uuid.uuid4().hex[:8]}"
    await bus.js.add_stream(StreamConfig(name=name, subjects=[f"{name}.a"]))
    await bus.publish_many([Publication(f"{name}.a", str(n).encode()) for n in range(30)])
    info = await bus.js.stream_info(name)
    assert info.state.messages == 30
    await bus.js.delete_stream(name)


async def test_a_subject_without_a_stream_is_a_failure_not_a_wait(bus: Bus) -> None:
    with pytest.raises(PublishFailed):
        await bus.publish(Publication("no.such.subject", b""))


async def test_the_first_message_comes_at_once_and_silence_ends_by_its_timeout(bus: Bus, consumer: Consumer) -> None:
    await bus.ensure_consumer(consumer)
    lane = await bus.pull(consumer)
    loop = asyncio.get_running_loop()
    start = loop.time()
    assert await lane.fetch(10, 0.2) == []
    assert loop.time() - start < 20
    waiting = asyncio.create_task(lane.fetch(10, 100))
    await asyncio.sleep(0)
    await bus.publish(Publication(consumer.filter_subject, b"x"))
    (message,) = await asyncio.wait_for(waiting, 60)
    assert message.data == b"x"
    await lane.stop()


async def test_what_comes_while_it_is_asked_for_is_not_waited_for(
    bus: Bus, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that has to wait for the connection gives the answer time to overtake it."""
    await bus.ensure_consumer(consumer)
    await bus.publish(Publication(consumer.filter_subject, b"x"))
    lane = await bus.pull(consumer)
    publish = bus.nc.publish

    async def slow(subject: str, payload: bytes, reply: str) -> None:
        await publish(subject, payload, reply)
        async with asyncio.timeout(60):
            while not lane.buffered:
                await asyncio.sleep(0.005)

    monkeypatch.setattr(bus.nc, "publish", slow)
    (message,) = await asyncio.wait_for(lane.fetch(10, 100), 60)
    assert message.data == b"x"
    monkeypatch.undo()
    await lane.stop()


async def test_a_consumer_that_vanished_is_noticed(bus: Bus, consumer: Consumer) -> None:
    await bus.ensure_consumer(consumer)
    lane = await bus.pull(consumer)
    await bus.js.delete_consumer(consumer.stream, consumer.durable)
    async with asyncio.timeout(60):
        while not lane.missing:
            await lane.fetch(10, 0.5)
    await bus.ensure_consumer(consumer)
    await bus.publish(Publication(consumer.filter_subject, b"x"))
    assert [message.data for message in await lane.fetch(10, 60)] == [b"x"]
    await lane.stop()


async def test_requests_tell_nobody_from_silence(bus: Bus) -> None:
    with pytest.raises(NoHolder):
        await bus.request("nobody.there", b"", 1)
    subscription = await bus.nc.subscribe("silent", cb=_ignore)
    await bus.flush()
    with pytest.raises(BusTimeout):
        await bus.request("silent", b"", 0.1)
    await subscription.unsubscribe()


async def _ignore(_: object) -> None:
    return None


async def test_a_flush_covers_what_was_written_before_it(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    transport = bus.nc._transport
    write, write_lines = transport.write, transport.writelines
    monkeypatch.setattr(transport, "write", lambda octets: (sent.append(octets), write(octets))[1])
    monkeypatch.setattr(transport, "writelines", lambda lines: (sent.extend(lines), write_lines(lines))[1])
    subscription = await bus.nc.subscribe("covered", cb=_ignore)
    await subscription.drain()  # type: ignore[no-untyped-call]
    words = [octets.split()[0] for octets in sent]
    assert words[:3] == [b"SUB", b"UNSUB", b"PING"]


async def test_what_was_sent_to_a_subscription_before_its_end_is_handled(nats_url: str, bus: Bus) -> None:
    asking = await Bus.connect(BusSettings((nats_url,)), "asking")

    async def answer(message: Msg) -> None:
        await message.respond(b"here")

    for _ in range(200):
        subscription = await bus.nc.subscribe("ending", cb=answer)
        await bus.flush()
        asked = [asyncio.create_task(asking.request("ending", b"", 60.0)) for _ in range(3)]
        await asyncio.sleep(0)
        await subscription.drain()  # type: ignore[no-untyped-call]
        for told in await asyncio.gather(*asked, return_exceptions=True):
            assert told == b"here" or isinstance(told, NoHolder)
    await asking.close()


async def test_an_answer_to_a_flush_that_was_given_up_hurts_nobody(bus: Bus) -> None:
    given_up: asyncio.Future[bool] = asyncio.Future()
    given_up.cancel()
    await bus.nc._send_ping(given_up)
    await bus.flush()
    await bus.flush()
    assert bus.connected


async def test_a_host_that_is_gone_with_octets_on_their_way_to_it_keeps_nobody_from_the_next(nats_url: str) -> None:
    real = urlsplit(nats_url).port
    assert real is not None
    with Proxy(real) as proxy:
        bus = await Bus.connect(BusSettings((f"nats://127.0.0.1:{proxy.port}",)), "test")
        await bus.flush()
        await asyncio.to_thread(proxy.black_hole)
        transport = bus.nc._transport
        assert transport is not None
        while not transport._io_writer.transport.get_write_buffer_size():
            await bus.nc.write([b"PUB gone 60000\r\n" + bytes(60_000) + b"\r\n"] * 10)
            await asyncio.sleep(0.01)
        bus.nc._server_pool.append(Srv(urlsplit(nats_url)))  # type: ignore[arg-type]
        bus.nc._server_pool.pop(0)
        await bus.nc._process_op_err(nats.errors.StaleConnectionError())
        async with asyncio.timeout(10):
            while not bus.connected:
                await asyncio.sleep(0.01)
        await bus.close()


async def test_what_a_stopped_lane_was_sent_is_given_back(bus: Bus, consumer: Consumer) -> None:
    await bus.ensure_consumer(consumer)
    sent = 0
    for _ in range(20):
        lane = await bus.pull(consumer)
        asking = asyncio.create_task(lane.fetch(50, 30.0))
        publications = [Publication(consumer.filter_subject, b"x", uuid.uuid4().hex) for _ in range(20)]
        await bus.publish_many(publications)
        asking.cancel()
        (asked,) = await asyncio.gather(asking, return_exceptions=True)
        arrived = asked if isinstance(asked, list) else []
        await bus.settle([*arrived, *await lane.stop()], Settlement.GIVEN_BACK)
        sent += len(publications)
    lane, found = await bus.pull(consumer), 0
    async with asyncio.timeout(30):
        while found < sent:
            arrived = await lane.fetch(sent, 30.0)
            await bus.settle(arrived, Settlement.DONE)
            found += len(arrived)
    await lane.stop()


async def test_a_server_that_is_not_there_is_an_error_in_time() -> None:
    with pytest.raises(BusError):
        await Bus.connect(BusSettings(("nats://127.0.0.1:9",)), "test", wait=0.5)


def test_settings_name_their_variable() -> None:
    assert BusSettings.from_env(Env({"NATS_URL": "nats://a:1, nats://b:2"})).urls == ("nats://a:1", "nats://b:2")
    for variables in ({}, {"NATS_URL": "http://x"}, {"NATS_URL": "nats://a", "NATS_CREDS_FILE": "/absent"}):
        with pytest.raises(SettingsError, match="NATS_"):
            BusSettings.from_env(Env(variables))


def test_subjects_are_what_the_contract_says() -> None:
    one = "550e8400-e29b-41d4-a716-446655440001"
    assert subjects.dispatch(one) == f"smpp.operator.{one}"
    assert subjects.dispatch_operator(subjects.dispatch(one)) == one
    assert subjects.submit(one, "r1") == f"smpp.session.{one}.r1.submit"
    assert subjects.control(one) == f"smpp.control.{one}"
    assert subjects.control(one, "r1") == f"smpp.control.{one}.r1"
