"""Live profiles at the gateway: from the bucket to the bind, the window and the session record."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from ghasi.contracts import subjects
from ghasi.contracts.sessions import SessionRecord
from ghasi.contracts.submission import Fate
from ghasi.contracts.topology import receipt_consumer
from ghasi.profiles.record import ProfileRecord
from ghasi.smpp.pdu import decode_pdu
from sessions_gateway.gateway import Gateway
from tests.support.gateway import FAST_TIMERS, World, mo_pdu, until, world


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


def name() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


async def put(place: World, key: str, version: int, document: Any) -> None:
    bucket = await place.bus.bucket(subjects.BUCKET_PROFILES)
    await bucket.put(key, msgspec.json.encode(ProfileRecord(key, version, document)))


def record(place: World, gateway: Gateway) -> SessionRecord:
    return gateway.operators[place.operator_id].record()


def shown(place: World, gateway: Gateway, metric: str) -> float | None:
    """Of the operator, as it is scraped."""
    gateway.observe()
    labels = {"operator_id": place.operator_id}
    return gateway.metrics.registry.get_sample_value(f"smpp_connector_{metric}", labels)


async def published(place: World, gateway: Gateway) -> SessionRecord:
    bucket = await place.bus.bucket(subjects.BUCKET_SESSIONS)
    entry = await bucket.get(subjects.session_key(place.operator_id, gateway.config.replica))
    return msgspec.json.decode(entry.value or b"", type=SessionRecord)


async def test_a_profile_is_followed_from_the_first_bind_on(place: World) -> None:
    profile = name()
    await put(place, profile, 1, {"bind": {"systemType": "VMA", "addressRange": "^93", "addressTon": 1}})
    place.allow(profile=profile)
    gateway = await place.gateway()
    (request,) = [one for one in place.smsc.requests if one.command_name == "bind_transceiver"]
    assert (request.system_type, request.address_range, request.addr_ton) == ("VMA", "^93", 1)
    assert (record(place, gateway).profile, record(place, gateway).needs_rebind) == (f"live:{profile}", ())


async def test_what_only_pdus_need_takes_effect_at_once_and_what_the_bind_needs_is_named(place: World) -> None:
    profile = name()
    await put(place, profile, 1, {})
    place.allow(profile=profile)
    gateway = await place.gateway()
    operator = gateway.operators[place.operator_id]
    document = {
        "text": {"alphabet": "latin1"},
        "pace": {"window": 3},
        "bind": {"systemType": "VMA"},
        "inDoubt": {"policy": "hold"},
    }
    await put(place, profile, 2, document)
    await until(lambda: record(place, gateway).rules.alphabet == "latin1")
    seen = record(place, gateway)
    assert (seen.rules.in_doubt_policy.value, seen.window_size, seen.needs_rebind) == (
        "hold",
        3,
        ("bind.systemType",),
    )
    assert [link.window_size for bound in operator._binds.standing for link in bound.links] == [3]
    assert len(place.smsc.binds) == 1, "the bind is left alone"
    async with asyncio.timeout(60.0):
        while (await published(place, gateway)).rules.alphabet != "latin1":
            await asyncio.sleep(0.02)
    await place.control("rebind")
    await until(lambda: len(place.smsc.binds) == 2 and operator.is_bound)
    assert record(place, gateway).needs_rebind == ()


async def test_an_operators_own_profile_wins_and_its_end_gives_the_named_one_back(place: World) -> None:
    place.allow(profile="vonage")
    gateway = await place.gateway()
    assert (record(place, gateway).profile, record(place, gateway).rules.id_base) == ("preset:vonage", "hex")
    await put(place, place.operator_id, 1, {"receipts": {"idBase": "dec"}})
    await until(lambda: record(place, gateway).profile == "own")
    assert record(place, gateway).rules.id_base == "dec"
    await put(place, place.operator_id, 2, None)
    await until(lambda: record(place, gateway).profile == "preset:vonage")


async def test_an_unknown_or_unreadable_profile_is_seen_and_stops_nothing(place: World) -> None:
    profile = name()
    place.allow(profile=profile)
    gateway = await place.gateway()
    assert record(place, gateway).profile == "preset:plain"
    assert record(place, gateway).profile_problem == f"no profile {profile} is known"
    assert shown(place, gateway, "profile_problem") == 1
    await put(place, profile, 1, {"pace": {"window": 4}})
    await until(lambda: record(place, gateway).window_size == 4)
    assert record(place, gateway).profile_problem is None
    assert shown(place, gateway, "profile_problem") == 0
    await put(place, profile, 2, {"pace": {"windows": 9}})
    await until(lambda: record(place, gateway).profile_problem)
    assert (record(place, gateway).window_size, gateway.operators[place.operator_id].is_bound) == (4, True)


async def test_a_profile_that_leaves_the_operator_without_a_limit_is_not_followed(place: World) -> None:
    profile = name()
    await put(place, profile, 1, {"pace": {"tps": 30}})
    place.allow(profile=profile, tpsLimit=None)
    gateway = await place.gateway()
    assert record(place, gateway).tps_limit == 30
    assert shown(place, gateway, "tps_limit") == 30
    await put(place, profile, 2, {"pace": {"window": 2}})
    await until(lambda: record(place, gateway).profile_problem == "not followed, with it tpsLimit is missing")
    assert (record(place, gateway).tps_limit, record(place, gateway).window_size) == (30, 10)
    await put(place, place.operator_id, 1, {"pace": {"tps": 5}})
    await until(lambda: record(place, gateway).tps_limit == 5)


async def test_no_fallback_where_the_profile_has_no_pair(place: World) -> None:
    profile = name()
    await put(place, profile, 1, {"bind": {"modes": ["transceiver"]}})
    place.allow(profile=profile)
    place.smsc.bind_status["bind_transceiver"] = 0x03
    gateway = await place.gateway(bound=False)
    await until(lambda: place.smsc.binds.count("bind_transceiver") >= 2)
    assert set(place.smsc.binds) == {"bind_transceiver"}
    assert record(place, gateway).reason == "bind refused: ESME_RINVCMDID"


async def test_a_receipt_without_its_mark_is_known_by_the_profile_as_it_is_now(place: World) -> None:
    profile, own = name(), b"MsgRef=%d Result=DELIVRD Code=000"
    keys = {"keys": {"MsgRef": "id", "Result": "stat", "Code": "err"}, "mark": "="}
    await put(place, profile, 1, {"receipts": keys})
    place.allow(profile=profile)
    gateway = await place.gateway()

    async def deliver(text: bytes) -> None:
        before = len(place.smsc.responses)
        place.smsc.deliver(mo_pdu(text))
        await until(lambda: len(place.smsc.responses) > before)
        assert place.smsc.responses[-1].command_status == 0

    await deliver(own % 1)
    await deliver(b"STOP")
    await put(place, profile, 2, {"receipts": {**keys, "unmarked": False}})
    await until(lambda: not record(place, gateway).rules.receipts.unmarked)
    await deliver(own % 2)
    await put(place, profile, 3, {"receipts": keys})
    await until(lambda: record(place, gateway).rules.receipts.unmarked)
    await deliver(own % 3)
    assert f'mo_received_total{{operator_id="{place.operator_id}"}} 2.0' in gateway.metrics.render().decode()
    assert len(place.smsc.binds) == 1, "no bind has to be made anew"
    consumer = receipt_consumer(place.operator_id)
    await place.bus.ensure_consumer(consumer)
    lane = await place.bus.pull(consumer)
    stored = await lane.fetch(3, 60.0)
    await lane.stop()
    assert [decode_pdu(message.data).short_message for message in stored] == [own % 1, own % 3]


async def test_timers_of_a_profile_are_those_of_the_binds_made_with_it(place: World) -> None:
    profile = name()
    timers = {"enquireLinkInterval": 1, "enquireLinkTimeout": 1, "response": 1}
    await put(place, profile, 1, {"timers": timers})
    place.allow(profile=profile)
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway(place.config(timers=replace(FAST_TIMERS, response=60.0, enquire_timeout=60.0)))
    operator = gateway.operators[place.operator_id]
    answer = await place.submit(gateway, [b"no answer"])
    assert [fate.fate for fate in answer.fates] == [Fate.UNANSWERED]
    place.smsc.bound[0].protocol._transport.pause_reading()
    await until(lambda: not operator.is_bound)
    assert operator.record().reason.startswith("silent for")
    await until(lambda: operator.is_bound)
    await put(place, profile, 2, {"timers": timers | {"response": 2}})
    await until(lambda: record(place, gateway).needs_rebind)
    assert record(place, gateway).needs_rebind == ("timers.response",)
