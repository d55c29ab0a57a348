"""Live PDUs of a gateway: what is copied, what is masked before it leaves, and that listening ends by itself."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from nats.aio.msg import Msg

from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlAnswer, ControlRequest
from ghasi.contracts.submission import Fate
from ghasi.contracts.trace import TraceBatch, TracedPdu, TraceOrder, decode_batch
from ghasi.smpp.pdu import BindTransceiver, DeliverSm, SubmitSm, decode_pdu
from sessions_gateway import trace, tracing
from sessions_gateway.gateway import Gateway
from tests.support.gateway import World, receipt_pdu, until, world


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


class Watcher:
    """Orders a trace and keeps what comes."""

    def __init__(self, place: World, **order: Any) -> None:
        self._place = place
        self.order = TraceOrder(uuid.uuid4().hex, **order)
        self.batches: list[TraceBatch] = []

    @property
    def pdus(self) -> list[TracedPdu]:
        return [pdu for batch in self.batches for pdu in batch.pdus]

    @property
    def names(self) -> list[tuple[bool, str]]:
        return [(pdu.sent, decode_pdu(pdu.octets).command_name) for pdu in self.pdus]

    @property
    def dropped(self) -> int:
        return sum(batch.dropped for batch in self.batches)

    @property
    def ended(self) -> list[str]:
        return [batch.ended for batch in self.batches if batch.ended]

    async def ask(self, **changes: Any) -> ControlAnswer:
        order = msgspec.structs.replace(self.order, **changes)
        request = msgspec.json.encode(ControlRequest("trace", "tester", "test", order))
        reply = await self._place.bus.request(subjects.control(self._place.operator_id), request, 5.0)
        return msgspec.json.decode(reply, type=ControlAnswer)

    async def listen(self) -> ControlAnswer:
        async def take(message: Msg) -> None:
            self.batches.append(decode_batch(message.data))

        subject = subjects.trace(self._place.operator_id, self.order.id)
        await self._place.bus.nc.subscribe(subject, cb=take)
        return await self.ask()


def taps_on(gateway: Gateway, place: World) -> list[Any]:
    """The taps on the connections of the operator."""
    lines = gateway.operators[place.operator_id].traffic.taps._lines
    return [line.link.protocol._tap for line in lines if line.link.protocol._tap is not None]


async def test_both_directions_are_copied_masked_and_in_order(place: World) -> None:
    gateway = await place.gateway()
    watcher = Watcher(place)
    answer = await watcher.listen()
    assert (answer.ok, answer.detail, answer.replica) == (True, "masked", gateway.config.replica)
    await place.submit(gateway, [b"Your code is 204816"])
    place.smsc.deliver(receipt_pdu("id-1"))
    await until(lambda: len(watcher.pdus) == 4)
    assert watcher.names == [
        (True, "submit_sm"),
        (False, "submit_sm_resp"),
        (False, "deliver_sm"),
        (True, "deliver_sm_resp"),
    ]
    submit, _, receipt, _ = (decode_pdu(pdu.octets) for pdu in watcher.pdus)
    assert isinstance(submit, SubmitSm)
    assert isinstance(receipt, DeliverSm)
    assert (submit.destination_addr, submit.short_message) == ("9370*****67", b"*" * 19)
    assert receipt.short_message.startswith(b"id:id-1 sub:001 ")
    assert receipt.short_message.endswith(b"stat:DELIVRD err:000 text:**")
    assert {pdu.remote for pdu in watcher.pdus} == {f"127.0.0.1:{place.smsc.port}"}
    assert [pdu.at_us for pdu in watcher.pdus] == sorted(pdu.at_us for pdu in watcher.pdus)
    assert b"204816" not in b"".join(pdu.octets for pdu in watcher.pdus)


async def test_unmasked_only_where_the_gateway_allows_it_and_never_a_password(place: World) -> None:
    await place.gateway()
    refused = await Watcher(place, unmasked=True).listen()
    assert not refused.ok
    assert "SMPP_TRACE_UNMASKED" in refused.detail
    await place.gateways.pop().stop()
    gateway = await place.gateway(place.config(trace_unmasked=True))
    watcher = Watcher(place, unmasked=True)
    assert (await watcher.listen()).detail == "unmasked"
    await place.submit(gateway, [b"Your code is 204816"])
    await place.control("rebind")
    await until(lambda: (True, "bind_transceiver") in watcher.names)
    shown = {type(pdu): pdu for pdu in (decode_pdu(one.octets) for one in watcher.pdus)}
    submit, bind = shown[SubmitSm], shown[BindTransceiver]
    assert isinstance(submit, SubmitSm)
    assert isinstance(bind, BindTransceiver)
    assert (submit.destination_addr, submit.short_message) == ("93701234567", b"Your code is 204816")
    assert (bind.system_id, bind.password) == ("ghasi", "********")
    assert b"s3cr3t" not in b"".join(pdu.octets for pdu in watcher.pdus)
    assert {pdu.link for pdu in watcher.pdus} == {1, 2}


async def test_only_the_commands_and_the_number_that_are_asked_for(place: World) -> None:
    gateway = await place.gateway()
    by_command = Watcher(place, commands=[0x80000004])
    by_number, by_other = Watcher(place, digits="4567"), Watcher(place, digits="4568")
    for watcher in (by_command, by_number, by_other):
        assert (await watcher.listen()).ok
    await place.submit(gateway, [b"one"])
    await until(lambda: by_command.pdus and len(by_number.pdus) == 2)
    assert by_command.names == [(False, "submit_sm_resp")]
    assert by_number.names == [(True, "submit_sm"), (False, "submit_sm_resp")]
    assert not by_other.pdus
    assert not (await Watcher(place, digits="01234567").listen()).ok


async def test_nothing_listens_before_and_nothing_after(place: World) -> None:
    gateway = await place.gateway()
    assert not taps_on(gateway, place)
    one, other = Watcher(place), Watcher(place)
    await one.listen()
    await other.listen()
    assert len(taps_on(gateway, place)) == 1
    await one.ask(stop=True)
    await until(lambda: one.ended == ["stopped"])
    assert len(taps_on(gateway, place)) == 1
    await other.ask(stop=True)
    await until(lambda: not taps_on(gateway, place))
    await place.submit(gateway, [b"one"])
    assert not one.pdus + other.pdus


async def test_a_trace_that_nobody_renews_ends(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "LEASE_SECONDS", 2.5)
    gateway = await place.gateway()
    watcher = Watcher(place)
    await watcher.listen()
    for _ in range(4):
        await asyncio.sleep(0.7)
        assert (await watcher.ask()).detail == "renewed"
    assert not watcher.ended
    await until(lambda: watcher.ended == ["not renewed"])
    assert not taps_on(gateway, place)


async def test_and_one_that_is_renewed_for_ever_ends_too(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "LONGEST_SECONDS", 0.2)
    await place.gateway()
    watcher = Watcher(place)
    await watcher.listen()
    await until(lambda: watcher.ended)
    again = await watcher.ask()
    assert (again.ok, again.detail) == (False, trace.SPENT)


async def test_more_than_the_rate_is_counted_and_not_copied(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "MOST_PER_SECOND", 3)
    gateway = await place.gateway()
    watcher = Watcher(place, commands=[4])
    await watcher.listen()
    answer = await place.submit(gateway, [b"x"] * 9)
    assert {fate.fate for fate in answer.fates} == {Fate.ACCEPTED}
    await watcher.ask(stop=True)
    await until(lambda: watcher.ended)
    assert len(watcher.pdus) + watcher.dropped == 9
    assert watcher.dropped >= 3
    assert [batch.number for batch in watcher.batches] == list(range(1, len(watcher.batches) + 1))


@pytest.mark.parametrize("limit", ["MAX_WAITING", "MAX_WAITING_OCTETS", "MAX_UNSENT_OCTETS"])
async def test_where_copies_cannot_leave_traffic_goes_on(
    place: World, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(trace, limit, -1)
    gateway = await place.gateway()
    watcher = Watcher(place)
    await watcher.listen()
    answer = await place.submit(gateway, [b"x"] * 5)
    assert {fate.fate for fate in answer.fates} == {Fate.ACCEPTED}
    assert not watcher.pdus


async def test_a_fault_of_the_trace_ends_the_trace_alone(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError

    gateway = await place.gateway()
    watcher = Watcher(place)
    await watcher.listen()
    monkeypatch.setattr(trace.Trace, "hear", break_down)
    (fate,) = (await place.submit(gateway, [b"one"])).fates
    assert fate.fate is Fate.ACCEPTED
    await until(lambda: watcher.ended == ["failed"])
    assert not taps_on(gateway, place)


@pytest.mark.parametrize(
    "change",
    [
        lambda order: {"id": "../x"},
        lambda order: {"digits": "1"},
        lambda order: {"digits": "12a"},
        lambda order: {"digits": "١٢"},
    ],
)
async def test_orders_that_are_not_carried_out(place: World, change: Callable[[TraceOrder], dict[str, str]]) -> None:
    gateway = await place.gateway()
    watcher = Watcher(place)
    assert not (await watcher.ask(**change(watcher.order))).ok
    assert not taps_on(gateway, place)


async def test_not_more_than_a_few_at_once(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MAX_TRACES", 1)
    gateway = await place.gateway()
    first, second = Watcher(place), Watcher(place)
    assert (await first.listen()).ok
    assert not (await second.listen()).ok
    await gateway.stop()
    place.gateways.clear()
    await until(lambda: first.ended == ["the gateway stops"])
