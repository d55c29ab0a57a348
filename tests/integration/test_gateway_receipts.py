"""The gateway against a small SMSC: a receipt is stored before it is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

import pytest

from ghasi.contracts.topology import receipt_consumer
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import DataSm, decode_pdu
from ghasi.smpp.tlv import Tag, Tlv
from tests.support.gateway import World, mo_pdu, receipt_pdu, until, world


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


async def stored(place: World, count: int) -> list:
    consumer = receipt_consumer(place.operator_id)
    await place.bus.ensure_consumer(consumer)
    lane = await place.bus.pull(consumer)
    messages = []
    while len(messages) < count:
        fetched = await lane.fetch(count, 5.0)
        assert fetched
        messages += fetched
    await lane.stop()
    return messages


async def test_a_receipt_is_stored_as_it_came_and_then_answered(place: World) -> None:
    await place.gateway()
    place.smsc.deliver(receipt_pdu("id-7"))
    await until(lambda: place.smsc.responses)
    assert place.smsc.responses[0].command_status == 0
    (message,) = await stored(place, 1)
    assert decode_pdu(message.data).short_message.startswith(b"id:id-7 ")
    assert datetime.fromisoformat(message.header(b"Smpp-Taken-At")).tzinfo is not None
    assert message.header(b"Smpp-Kind") is None


async def test_many_receipts_at_once(place: World) -> None:
    gateway = await place.gateway()
    session = place.smsc.bound[0]
    for number in range(40):
        session.protocol.session.send(receipt_pdu(f"id-{number}"), now=session.protocol._loop.time())
    session.protocol.pump()
    await until(lambda: len(place.smsc.responses) == 40)
    assert {response.command_status for response in place.smsc.responses} == {0}
    ids = {decode_pdu(message.data).short_message.split()[0] for message in await stored(place, 40)}
    assert ids == {b"id:id-%d" % number for number in range(40)}
    text = gateway.metrics.render().decode()
    assert f'smpp_connector_receipts_taken_total{{operator_id="{place.operator_id}"}} 40.0' in text


async def test_a_repeat_under_another_number_is_stored_once(place: World) -> None:
    await place.gateway()
    for _ in range(3):
        place.smsc.deliver(receipt_pdu("id-9"))
    await until(lambda: len(place.smsc.responses) == 3)
    assert {response.command_status for response in place.smsc.responses} == {0}
    info = await place.bus.js.stream_info("SMPP_RECEIPTS", subjects_filter=f"smpp.receipt.{place.operator_id}")
    assert info.state.subjects == {f"smpp.receipt.{place.operator_id}": 1}


@pytest.mark.parametrize(
    "pdu",
    [
        DataSm(esm_class=0x04, tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"id-1\0"), Tlv(Tag.MESSAGE_STATE, b"\2"))),
        DataSm(tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"id-1\0"),)),
    ],
)
async def test_data_sm_carries_receipts_too(place: World, pdu: DataSm) -> None:
    await place.gateway()
    place.smsc.deliver(pdu)
    await until(lambda: place.smsc.responses)
    assert place.smsc.responses[0].command_name == "data_sm_resp"
    assert len(await stored(place, 1)) == 1


async def test_a_message_is_answered_counted_and_not_published(place: World) -> None:
    gateway = await place.gateway()
    place.smsc.deliver(mo_pdu())
    await until(lambda: place.smsc.responses)
    assert place.smsc.responses[0].command_status == 0
    assert f'mo_received_total{{operator_id="{place.operator_id}"}} 1.0' in gateway.metrics.render().decode()
    info = await place.bus.js.stream_info("SMPP_RECEIPTS", subjects_filter=f"smpp.receipt.{place.operator_id}")
    assert not info.state.subjects


async def test_a_receipt_on_the_receiver_of_a_pair(place: World) -> None:
    place.allow(bindMode="RECEIVER")
    await place.gateway()
    place.smsc.deliver(receipt_pdu(), next(one for one in place.smsc.bound if one.kind == "bind_receiver"))
    await until(lambda: place.smsc.responses)
    assert len(await stored(place, 1)) == 1


async def test_a_receipt_that_cannot_be_stored_stays_with_the_operator(redis_url: str, own_servers: Callable) -> None:
    servers = own_servers(only=["nats"])
    async with world(servers.nats_url, redis_url) as place:
        gateway = await place.gateway(place.config(sole=True))
        await place.bus.js.delete_stream("SMPP_RECEIPTS")
        place.smsc.deliver(receipt_pdu("id-1"))
        await until(lambda: place.smsc.responses)
        assert place.smsc.responses[0].command_status == CommandStatus.ESME_RX_T_APPN
        servers.nats.kill()
        await until(lambda: not gateway.bus.connected)
        place.smsc.deliver(receipt_pdu("id-2"))
        await until(lambda: len(place.smsc.responses) == 2)
        assert place.smsc.responses[1].command_status == CommandStatus.ESME_RX_T_APPN
        servers.nats.restart()
        await until(lambda: gateway.bus.connected and place.bus.connected, 30.0)
        await place.bus.ensure()
        place.smsc.deliver(receipt_pdu("id-2"))
        await until(lambda: len(place.smsc.responses) == 3)
        assert place.smsc.responses[2].command_status == 0
        assert len(place.smsc.binds) == 1
        failed = f'receipts_failed_total{{operator_id="{place.operator_id}"}} 2.0'
        assert failed in gateway.metrics.render().decode()


async def test_a_paused_server_gives_a_temporary_error(
    redis_url: str, own_servers: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions_gateway.receipts.PUBLISH_WITHIN", 0.3)
    servers = own_servers(only=["nats"])
    async with world(servers.nats_url, redis_url) as place:
        await place.gateway()
        servers.nats.pause()
        try:
            place.smsc.deliver(receipt_pdu("id-1"))
            await until(lambda: place.smsc.responses)
        finally:
            servers.nats.resume()
        assert place.smsc.responses[0].command_status == CommandStatus.ESME_RX_T_APPN


async def test_a_late_response_is_kept_until_it_is_stored(redis_url: str, own_servers: Callable) -> None:
    servers = own_servers(only=["nats"])
    async with world(servers.nats_url, redis_url) as place:
        place.smsc.answer = lambda pdu, number: None
        gateway = await place.gateway(place.config(sole=True))
        answer = await place.submit(gateway, [b"one"])
        assert answer.fates[0].reason == "timeout"
        await place.bus.js.delete_stream("SMPP_RECEIPTS")
        place.smsc.respond(*place.smsc.held[0], message_id="late")
        await until(lambda: gateway._receipts._retry is not None)
        await place.bus.ensure()
        (message,) = await stored(place, 1)
        assert message.header(b"Smpp-Kind") == "response"
