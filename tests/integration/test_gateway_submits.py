"""The gateway against a small SMSC: what becomes of PDUs that workers hand over."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ghasi.bus import NoHolder
from ghasi.contracts import subjects
from ghasi.contracts.submission import Fate, SubmitRequest, decode_answer, decode_late, encode
from ghasi.contracts.topology import receipt_consumer
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import EnquireLink, encode_pdu
from tests.support.gateway import FAST_TIMERS, World, submit_pdu, until, world
from tests.support.pauses import witness


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


def texts(place: World) -> list[bytes]:
    return [pdu.short_message for _, pdu, _ in place.smsc.submits]


async def test_each_pdu_has_its_fate_in_order(place: World) -> None:
    statuses = {b"two": CommandStatus.ESME_RINVDSTADR, b"three": CommandStatus.ESME_RTHROTTLED}
    place.smsc.answer = lambda pdu, number: (statuses.get(pdu.short_message, 0), f"id-{number}")
    gateway = await place.gateway()
    answer = await place.submit(gateway, [b"one", b"two", b"three"])
    assert [fate.fate for fate in answer.fates] == [Fate.ACCEPTED, Fate.REJECTED, Fate.REJECTED]
    assert answer.fates[0].operator_message_id == "id-1"
    assert [fate.command_status for fate in answer.fates] == [0, 0x0B, 0x58]
    assert all(fate.answered_ms >= fate.sent_ms > 0 for fate in answer.fates)
    assert answer.window_free > 0
    assert texts(place) == [b"one", b"two", b"three"]
    metrics = gateway.metrics.render().decode()
    for status in ("success", "error", "throttled"):
        line = f'submit_sm_total{{operator_id="{place.operator_id}",status="{status}"}} 1.0'
        assert "smpp_connector_" + line in metrics


async def test_more_than_the_window_goes_out_as_answers_come(place: World) -> None:
    place.allow(windowSize=2)
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    asked = asyncio.create_task(place.submit(gateway, [b"%d" % n for n in range(5)]))
    await until(lambda: len(place.smsc.submits) == 2)
    operator = gateway.operators[place.operator_id]
    assert (operator.outbound.window_used, operator.outbound.queued) == (2, 3)
    place.smsc.respond(*place.smsc.held[0], message_id="first")
    await until(lambda: len(place.smsc.submits) == 3)
    place.smsc.answer = lambda pdu, number: (0, f"id-{number}")
    for held in place.smsc.held[1:]:
        place.smsc.respond(*held, message_id="later")
    answer = await asked
    assert [fate.operator_message_id for fate in answer.fates] == ["first", "later", "later", "id-4", "id-5"]
    assert texts(place) == [b"0", b"1", b"2", b"3", b"4"]


async def test_the_gate_holds_the_limit_in_every_sliding_second(place: World) -> None:
    place.allow(tpsLimit=20, windowSize=100)
    gateway = await place.gateway()
    answer = await place.submit(gateway, [b"%d" % n for n in range(50)])
    assert {fate.fate for fate in answer.fates} == {Fate.ACCEPTED}
    times = [at for at, _, _ in place.smsc.submits]
    assert max(sum(1 for other in times if at <= other < at + 1.0) for at in times) <= 20
    assert texts(place) == [b"%d" % n for n in range(50)]


async def test_what_waits_past_its_deadline_is_not_sent(place: World) -> None:
    place.allow(windowSize=1)
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    asked = asyncio.create_task(place.submit(gateway, [b"one", b"two"], within=1.5))
    await until(lambda: gateway.operators[place.operator_id].outbound.queued == 0 and place.smsc.held)
    await asyncio.sleep(0)
    place.smsc.respond(*place.smsc.held[0], message_id="one")
    answer = await asked
    assert [(fate.fate, fate.reason) for fate in answer.fates] == [
        (Fate.ACCEPTED, ""),
        (Fate.NOT_SENT, "deadline"),
    ]
    assert texts(place) == [b"one"]


async def test_a_request_of_another_epoch_is_refused(place: World) -> None:
    gateway = await place.gateway()
    answer = await place.submit(gateway, [b"one"], epoch="another")
    assert (answer.error, answer.fates) == ("epoch", [])
    assert (await place.ask(gateway, [uuid.uuid4().hex], epoch="another")).error == "epoch"
    assert not place.smsc.submits


@pytest.mark.parametrize(
    ("keys", "lanes", "pdus"),
    [
        (["ab"], [0], b"garbage"),
        (["ab", "cd"], [0, 0], submit_pdu()),
        (["ab"], [], submit_pdu()),
        (["ab", "ab"], [0, 0], submit_pdu() * 2),
        (["not hex"], [0], submit_pdu()),
        (["ab"], [0], encode_pdu(EnquireLink())),
    ],
)
async def test_a_request_that_does_not_hold_together_is_refused_whole(
    place: World, keys: list[str], lanes: list[int], pdus: bytes
) -> None:
    gateway = await place.gateway()
    request = SubmitRequest(gateway.epoch, 2**50, keys, lanes, pdus)
    answer = await place.request(gateway, encode(request))
    assert (answer.error, answer.fates) == ("malformed", [])
    assert (await place.request(gateway, b"\xc1")).error == "malformed"
    assert (await place.request(gateway, encode(SubmitRequest(gateway.epoch, 0, [], [], b"")))).fates == []
    assert not place.smsc.submits


async def test_an_operator_of_another_gateway_is_refused(place: World) -> None:
    gateway = await place.gateway()
    subject = subjects.submit(str(uuid.uuid4()), gateway.config.replica)
    reply = await place.bus.request(subject, encode(SubmitRequest(gateway.epoch, 0, [], [], b"")), 5.0)
    assert decode_answer(reply).error == "operator"


async def test_unbound_means_not_sent(place: World) -> None:
    await place.smsc.stop()
    gateway = await place.gateway(bound=False)
    answer = await place.submit(gateway, [b"one"])
    assert (answer.fates[0].fate, answer.fates[0].reason) == (Fate.NOT_SENT, "unbound")
    await place.smsc.start()


async def test_an_unbind_mid_window_leaves_the_answered_apart_from_the_unknown(place: World) -> None:
    place.allow(windowSize=3)
    place.smsc.answer = lambda pdu, number: (0, "known") if pdu.short_message == b"0" else None
    gateway = await place.gateway()
    asked = asyncio.create_task(place.submit(gateway, [b"%d" % n for n in range(5)]))
    await until(lambda: len(place.smsc.held) == 3)
    session = place.smsc.bound[0].protocol
    session.session.unbind(now=session._loop.time())
    session.pump()
    fates = (await asked).fates
    assert [fate.fate for fate in fates[:4]] == [Fate.ACCEPTED, *[Fate.UNANSWERED] * 3]
    assert (fates[4].fate, fates[4].reason) == (Fate.NOT_SENT, "unbound")
    assert {fate.reason for fate in fates[1:4]} == {"session ended"}


async def test_a_drop_hands_the_rest_to_the_other_bind(place: World) -> None:
    place.allow(maxBinds=2, windowSize=1)
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    await until(lambda: gateway.operators[place.operator_id].record().binds == 2)
    asked = asyncio.create_task(place.submit(gateway, [b"0", b"1", b"2"], lanes=[7, 7, 7]))
    await until(lambda: len(place.smsc.held) == 1)
    first = place.smsc.held[0][0]
    place.smsc.answer = lambda pdu, number: (0, f"id-{number}")
    first.protocol.abort("dropped")
    fates = (await asked).fates
    assert [fate.fate for fate in fates] == [Fate.UNANSWERED, Fate.ACCEPTED, Fate.ACCEPTED]
    assert {session for _, _, session in place.smsc.submits[1:]} == {
        one for one in place.smsc.sessions if one is not first and one in [s for _, _, s in place.smsc.submits]
    }


async def test_the_parts_of_a_message_share_a_bind_and_messages_use_all(place: World) -> None:
    place.allow(maxBinds=3, windowSize=100)
    gateway = await place.gateway()
    await until(lambda: gateway.operators[place.operator_id].record().binds == 3)
    lanes = [lane for lane in range(30) for _ in range(2)]
    await place.submit(gateway, [b"%d" % lane for lane in lanes], lanes=lanes)
    by_lane: dict[bytes, set[int]] = {}
    for _, pdu, session in place.smsc.submits:
        by_lane.setdefault(pdu.short_message, set()).add(id(session))
    assert all(len(sessions) == 1 for sessions in by_lane.values())
    assert len(set.union(*by_lane.values())) == 3


async def test_a_response_after_its_request_was_given_up_becomes_a_message(place: World) -> None:
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway(place.config(timers=replace(FAST_TIMERS, response=0.2)))
    key = uuid.uuid4().hex
    answer = await place.submit(gateway, [b"one"], keys=[key])
    assert (answer.fates[0].fate, answer.fates[0].reason) == (Fate.UNANSWERED, "timeout")
    place.smsc.respond(*place.smsc.held[0], message_id="late-1")
    await place.bus.ensure_consumer(receipt_consumer(place.operator_id))
    lane = await place.bus.pull(receipt_consumer(place.operator_id))
    (message,) = await lane.fetch(1, 60.0)
    assert message.header(b"Smpp-Kind") == "response"
    late = decode_late(message.data)
    assert (late.key, late.operator_message_id, late.command_status) == (key, "late-1", 0)
    known = await place.ask(gateway, [key])
    assert (known.fates[0].fate, known.fates[0].operator_message_id) == (Fate.ACCEPTED, "late-1")


async def test_the_same_part_is_never_written_twice(place: World) -> None:
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    key = uuid.uuid4().hex
    first = asyncio.create_task(place.submit(gateway, [b"one"], keys=[key]))
    await until(lambda: place.smsc.held)
    second = asyncio.create_task(place.submit(gateway, [b"one"], keys=[key]))
    asked = asyncio.create_task(place.ask(gateway, [key]))
    await until(lambda: len(gateway.operators[place.operator_id].outbound.open_part(bytes.fromhex(key)).waiters) == 3)
    place.smsc.respond(*place.smsc.held[0], message_id="only")
    for answer in (await first, await second, await asked):
        assert (answer.fates[0].fate, answer.fates[0].operator_message_id) == (Fate.ACCEPTED, "only")
    again = await place.submit(gateway, [b"one"], keys=[key])
    assert again.fates[0].operator_message_id == "only"
    assert len(place.smsc.submits) == 1


async def test_what_was_refused_or_unanswered_is_remembered_too(place: World) -> None:
    place.smsc.answer = lambda pdu, number: (0x0B, "") if pdu.short_message == b"bad" else None
    gateway = await place.gateway(place.config(timers=replace(FAST_TIMERS, response=0.1)))
    keys = [uuid.uuid4().hex, uuid.uuid4().hex]
    await place.submit(gateway, [b"bad", b"lost"], keys=keys)
    fates = (await place.ask(gateway, keys)).fates
    assert (fates[0].fate, fates[0].command_status) == (Fate.REJECTED, 0x0B)
    assert fates[1].fate is Fate.UNANSWERED


async def test_a_part_asked_for_before_it_came_is_not_sent(place: World) -> None:
    gateway = await place.gateway()
    key = uuid.uuid4().hex
    for _ in range(2):
        (fate,) = (await place.ask(gateway, [key])).fates
        assert (fate.fate, fate.reason) == (Fate.NOT_SENT, "refused")
    (late,) = (await place.submit(gateway, [b"late original"], keys=[key])).fates
    assert (late.fate, late.reason) == (Fate.NOT_SENT, "refused")
    assert not place.smsc.submits
    (anew,) = (await place.submit(gateway, [b"handed over anew"], keys=[key])).fates
    assert anew.fate is Fate.ACCEPTED
    assert (await place.ask(gateway, [])).fates == []


async def test_an_answer_under_another_command_settles_nothing(place: World) -> None:
    gateway = await place.gateway()
    place.smsc.answer = lambda pdu, number: None
    asked = asyncio.create_task(place.submit(gateway, [b"one", b"two"]))
    await until(lambda: len(place.smsc.held) == 2)
    for (session, request), command in zip(place.smsc.held, (0x80000103, 0x80000000), strict=True):
        header = (16).to_bytes(4, "big") + command.to_bytes(4, "big") + (0).to_bytes(4, "big")
        session.protocol._transport.write(header + request.sequence_number.to_bytes(4, "big"))
    fates = (await asked).fates
    assert (fates[0].fate, fates[0].reason) == (Fate.UNANSWERED, "mismatched response")
    assert (fates[1].fate, fates[1].command_status) == (Fate.REJECTED, 0xFF)


async def test_stops_taking_then_finishes_the_window_then_unbinds(place: World) -> None:
    place.allow(windowSize=2)
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    keys = [uuid.uuid4().hex for _ in range(3)]
    asked = asyncio.create_task(place.submit(gateway, [b"0", b"1", b"2"], keys=keys))
    await until(lambda: len(place.smsc.held) == 2)
    stopping = asyncio.create_task(gateway.stop())
    await until(lambda: gateway.operators[place.operator_id].outbound.refusal == "stopping")

    assert (await place.submit(gateway, [b"new"])).fates[0].reason == "stopping"
    # Whoever waits for an answer asks now and then whether this gateway still lives, and what it knows.
    assert (await place.ask(gateway, [])).error == ""
    told = asyncio.create_task(place.ask(gateway, keys[:1]))
    for held in place.smsc.held:
        place.smsc.respond(*held, message_id="in time")
    fates = (await asked).fates
    assert [fate.fate for fate in fates] == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.NOT_SENT]
    assert fates[2].reason == "stopping"
    assert [(fate.fate, fate.operator_message_id) for fate in (await told).fates] == [(Fate.ACCEPTED, "in time")]
    await stopping
    place.gateways.clear()
    assert place.smsc.sessions[0].protocol.session._core.reason == "unbound by the peer"
    with pytest.raises(NoHolder):
        await place.submit(gateway, [b"too late"])
    for bucket in (subjects.BUCKET_SLOTS, subjects.BUCKET_SESSIONS, subjects.BUCKET_REPLICAS):
        watcher = await (await place.bus.bucket(bucket)).watch(">", ignore_deletes=True)
        left = []
        async for entry in watcher:
            if entry is None:
                break
            left.append(entry.key)
        await watcher.stop()
        assert not [key for key in left if place.operator_id in key or gateway.config.replica in key]


async def test_the_deadline_of_the_stop_holds_when_the_operator_is_silent(place: World) -> None:
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway(place.config(shutdown_deadline=3.2, timers=replace(FAST_TIMERS, response=30.0)))
    asked = asyncio.create_task(place.submit(gateway, [b"0"]))
    await until(lambda: place.smsc.held)
    async with witness() as still:
        began = asyncio.get_running_loop().time()
        await gateway.stop()
        took = asyncio.get_running_loop().time() - began
    assert took - still.total < 3.2
    place.gateways.clear()
    assert (await asked).fates[0].fate is Fate.UNANSWERED


async def test_a_full_queue_at_a_full_window_narrows_it_and_good_answers_open_it(place: World) -> None:
    place.allow(windowSize=8, tpsLimit=1000)
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    operator = gateway.operators[place.operator_id]
    asked = asyncio.create_task(place.submit(gateway, [b"%d" % n for n in range(40)]))
    await until(lambda: len(place.smsc.held) == 8)
    for held in place.smsc.held[4:]:
        place.smsc.respond(*held, status=CommandStatus.ESME_RMSGQFUL)
    await until(lambda: operator.record().window_effective == 4)
    assert operator.outbound.window_used == 4, "nothing more leaves while four are unanswered"
    for held in place.smsc.held[:4]:
        place.smsc.respond(*held, message_id="ok")
    await until(lambda: len(place.smsc.submits) == 12)
    metrics = gateway.metrics.render().decode()
    assert f'window_narrowed_total{{operator_id="{place.operator_id}"}} 1.0' in metrics
    place.smsc.answer = lambda pdu, number: (0, "ok")
    for held in place.smsc.held[8:]:
        place.smsc.respond(*held, message_id="ok")
    answer = await asked
    assert [fate.fate for fate in answer.fates].count(Fate.REJECTED) == 4
    assert operator.record().window_effective > 4


async def test_the_rate_that_workers_name_stands_in_the_session(place: World) -> None:
    place.allow(tpsLimit=100)
    gateway = await place.gateway()
    operator = gateway.operators[place.operator_id]
    key = uuid.uuid4().hex
    request = SubmitRequest(gateway.epoch, 2**50, [key], [0], submit_pdu(b"one"), pace=14)
    answer = await place.request(gateway, encode(request))
    assert answer.fates[0].fate is Fate.ACCEPTED
    assert operator.record().tps_effective in (14, 15, 16)
    await place.submit(gateway, [b"two"])
    assert operator.record().tps_effective == 0
