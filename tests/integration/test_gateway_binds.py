"""The gateway against a small SMSC: how binds are made, kept, lost and made again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ghasi.contracts.sessions import State
from ghasi.contracts.submission import Fate
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.events import Bound
from ghasi.smpp.pdu import BindRequest
from sessions_gateway.connection import Link
from tests.support.gateway import FAST_TIMERS, World, until, world


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


async def test_binds_as_a_transceiver_with_the_credentials_of_management(place: World) -> None:
    gateway = await place.gateway()
    assert place.smsc.binds == ["bind_transceiver"]
    (session,) = place.smsc.bound
    assert (session.system_id, session.password) == ("ghasi", "s3cr3t!")
    record = gateway.operators[place.operator_id].record()
    assert (record.state, record.bind_mode, record.binds) == (State.BOUND, "TRANSCEIVER", 1)
    assert record.operator_name == "Test-AF"


@pytest.mark.parametrize(
    "status",
    [
        CommandStatus.ESME_RINVCMDID,
        CommandStatus.ESME_RINVBNDSTS,
        CommandStatus.ESME_RBINDFAIL,
        CommandStatus.ESME_RINVSYSTYP,
    ],
)
async def test_falls_back_to_a_pair_where_there_is_no_transceiver(place: World, status: int) -> None:
    place.smsc.bind_status["bind_transceiver"] = status
    gateway = await place.gateway()
    assert place.smsc.binds == ["bind_transceiver", "bind_transmitter", "bind_receiver"]
    assert len(place.smsc.bound) == 2
    assert gateway.operators[place.operator_id].record().bind_mode == "TRANSMITTER+RECEIVER"
    answer = await place.submit(gateway, [b"one"])
    assert answer.fates[0].operator_message_id == "id-1"


async def test_a_bind_that_is_given_up_as_it_is_answered_leaves_no_session(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    binding: list[asyncio.Task[object]] = []
    bind, on_bound = Link.bind, Link._on_bound

    async def noted(link: Link, request: BindRequest) -> Bound:
        task = asyncio.current_task()
        assert task is not None
        binding.append(task)
        return await bind(link, request)

    def given_up(link: Link, event: Bound) -> None:
        on_bound(link, event)
        binding[-1].cancel()

    monkeypatch.setattr(Link, "bind", noted)
    monkeypatch.setattr(Link, "_on_bound", given_up)
    await place.gateway(bound=False)
    await until(lambda: place.smsc.binds and all(one.protocol.closed.is_set() for one in place.smsc.sessions))
    assert not place.smsc.bound


async def test_a_transmitter_whose_receiver_drops_finishes_its_window(place: World) -> None:
    place.smsc.bind_status["bind_transceiver"] = CommandStatus.ESME_RINVCMDID
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    asked = asyncio.create_task(place.submit(gateway, [b"one"]))
    await until(lambda: place.smsc.held)
    next(one for one in place.smsc.bound if one.kind == "bind_receiver").protocol.abort("dropped")
    await until(lambda: not gateway.operators[place.operator_id].is_bound)
    (held,) = place.smsc.held
    assert held[0].bound
    place.smsc.respond(*held, message_id="in time")
    assert [(fate.fate, fate.operator_message_id) for fate in (await asked).fates] == [(Fate.ACCEPTED, "in time")]
    await until(lambda: len(place.smsc.binds) == 5 and gateway.operators[place.operator_id].is_bound)


async def test_a_pair_that_worked_is_tried_first_next_time(place: World) -> None:
    place.smsc.bind_status["bind_transceiver"] = CommandStatus.ESME_RINVCMDID
    gateway = await place.gateway()
    place.smsc.drop()
    await until(lambda: len(place.smsc.binds) == 5 and gateway.operators[place.operator_id].is_bound)
    assert place.smsc.binds[3:] == ["bind_transmitter", "bind_receiver"]


async def test_falls_back_when_the_smsc_closes_without_an_answer(place: World) -> None:
    place.smsc.close_on_bind.add("bind_transceiver")
    await place.gateway()
    assert place.smsc.binds == ["bind_transceiver", "bind_transmitter", "bind_receiver"]


async def test_half_a_pair_is_undone(place: World) -> None:
    place.allow(bindMode="TRANSMITTER")
    place.smsc.bind_status["bind_receiver"] = CommandStatus.ESME_RBINDFAIL
    gateway = await place.gateway(bound=False)
    await until(lambda: place.smsc.binds.count("bind_receiver") >= 1)
    await until(lambda: gateway.operators[place.operator_id].state() is State.UNBOUND)
    await until(lambda: not place.smsc.bound)
    place.smsc.bind_status.clear()
    await until(lambda: gateway.operators[place.operator_id].is_bound)
    assert "bind_transceiver" not in place.smsc.binds


@pytest.mark.parametrize(("directions", "kinds"), [("tx", ["bind_transmitter"]), ("rx", ["bind_receiver"])])
async def test_one_direction_by_setting(place: World, directions: str, kinds: list[str]) -> None:
    place.allow(directions=directions)
    gateway = await place.gateway(bound=False)
    await until(lambda: bool(place.smsc.bound))
    assert place.smsc.binds == kinds
    operator = gateway.operators[place.operator_id]
    await until(lambda: operator.is_bound is (directions == "tx"))


async def test_silence_after_the_bind_is_no_reason_to_fall_back(place: World) -> None:
    place.smsc.silent_bind = True
    gateway = await place.gateway(place.config(timers=replace(FAST_TIMERS, bind=0.2)), bound=False)
    await until(lambda: len(place.smsc.binds) >= 2)
    assert set(place.smsc.binds) == {"bind_transceiver"}
    assert gateway.operators[place.operator_id].reason == "bind was not answered"


async def test_reconnects_after_a_drop_and_counts(place: World) -> None:
    gateway = await place.gateway()
    place.smsc.drop()
    operator = gateway.operators[place.operator_id]
    await until(lambda: not operator.is_bound)
    await until(lambda: operator.is_bound)
    text = gateway.metrics.render().decode()
    assert f'smpp_connector_reconnect_attempts_total{{operator_id="{place.operator_id}"}} 1.0' in text


async def test_an_smsc_that_is_not_there_is_tried_again(place: World) -> None:
    await place.smsc.stop()
    gateway = await place.gateway(bound=False)
    operator = gateway.operators[place.operator_id]
    await until(lambda: operator.record().reconnect_attempts >= 2)
    assert operator.state() is State.UNBOUND
    assert operator.record().reason.startswith("no connection")
    await place.smsc.start()
    await until(lambda: operator.is_bound)


async def test_other_hosts_are_tried_in_turn(place: World) -> None:
    place.allow(hosts=["127.0.0.1:9", f"127.0.0.1:{place.smsc.port}"])
    gateway = await place.gateway()
    assert gateway.operators[place.operator_id].record().port == place.smsc.port


async def test_several_binds_up_to_max_binds(place: World) -> None:
    place.allow(maxBinds=3)
    gateway = await place.gateway()
    await until(lambda: gateway.operators[place.operator_id].record().binds == 3)
    assert len(place.smsc.bound) == 3


async def test_fewer_binds_after_the_limit_was_lowered(place: World) -> None:
    place.allow(maxBinds=3)
    gateway = await place.gateway()
    await until(lambda: gateway.operators[place.operator_id].record().binds == 3)
    place.allow(maxBinds=1)
    assert (await place.control("rebind")).ok
    await until(lambda: len(place.smsc.bound) == 1 and gateway.operators[place.operator_id].record().binds == 1)


async def test_already_bound_waits_the_old_session_out(place: World) -> None:
    place.smsc.bind_status["bind_transceiver"] = CommandStatus.ESME_RALYBND
    gateway = await place.gateway(bound=False)
    await until(lambda: len(place.smsc.binds) >= 1)
    operator = gateway.operators[place.operator_id]
    await until(lambda: operator.reason == "bind refused: ESME_RALYBND")
    place.smsc.bind_status.clear()
    await until(lambda: operator.is_bound)


async def test_refused_credentials_end_in_a_pause_until_bind(place: World) -> None:
    place.smsc.bind_status = dict.fromkeys(
        ["bind_transceiver", "bind_transmitter", "bind_receiver"], CommandStatus.ESME_RINVPASWD
    )
    gateway = await place.gateway(bound=False)
    operator = gateway.operators[place.operator_id]
    await until(lambda: operator.wanted.wanted.value == "paused")
    assert place.smsc.binds == ["bind_transceiver"] * 3
    assert operator.record().reason == "paused"
    assert "ESME_RINVPASWD" in operator.wanted.reason
    text = gateway.metrics.render().decode()
    assert f'smpp_connector_operator_paused{{operator_id="{place.operator_id}"}} 1.0' in text
    assert f'smpp_connector_operator_wanted{{operator_id="{place.operator_id}"}} 1.0' in text, "no person paused it"
    place.smsc.bind_status.clear()
    assert (await place.control("bind")).ok
    await until(lambda: operator.is_bound)


async def test_a_silent_link_is_given_up(place: World) -> None:
    gateway = await place.gateway(
        place.config(timers=replace(FAST_TIMERS, enquire_interval=0.2, enquire_timeout=0.2))
    )
    session = place.smsc.bound[0]
    # The peer's system stays, the peer itself does nothing any more.
    session.protocol._transport.pause_reading()
    operator = gateway.operators[place.operator_id]
    await until(lambda: not operator.is_bound)
    assert operator.record().reason.startswith("silent for")
    text = gateway.metrics.render().decode()
    assert f'smpp_connector_enquire_link_timeout_total{{operator_id="{place.operator_id}"}} 1.0' in text
    await until(lambda: operator.is_bound)


async def test_enquire_link_keeps_a_quiet_link(place: World) -> None:
    gateway = await place.gateway(
        place.config(timers=replace(FAST_TIMERS, enquire_interval=0.1, enquire_timeout=0.1))
    )
    received = gateway.operators[place.operator_id].metrics.bytes_received
    before = received._value.get()
    await until(lambda: received._value.get() >= before + 5 * 16)
    assert len(place.smsc.binds) == 1


async def test_an_unbind_of_the_smsc_is_answered_and_followed_by_a_new_bind(place: World) -> None:
    gateway = await place.gateway()
    session = place.smsc.bound[0]
    session.protocol.session.unbind(now=session.protocol._loop.time())
    session.protocol.pump()
    await until(session.protocol.closed.is_set)
    operator = gateway.operators[place.operator_id]
    await until(lambda: len(place.smsc.binds) == 2 and operator.is_bound)


async def test_a_session_that_answers_wrong_state_is_bound_anew(place: World) -> None:
    gateway = await place.gateway()
    place.smsc.answer = lambda pdu, number: (CommandStatus.ESME_RINVBNDSTS, "")
    answer = await place.submit(gateway, [b"one"])
    assert answer.fates[0].command_status == CommandStatus.ESME_RINVBNDSTS
    await until(lambda: len(place.smsc.binds) == 2 and gateway.operators[place.operator_id].is_bound)
