"""Control requests, wanted state, HTTP, health events: what people and platforms see of the gateway."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
import pytest
from nats.js.errors import KeyNotFoundError

from ghasi.bus import BusTimeout, NoHolder
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlAnswer, SessionRecord, State
from ghasi.contracts.submission import Fate
from sessions_gateway import health
from sessions_gateway.gateway import Gateway
from tests.support.gateway import World, until, world


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


async def get(gateway: Gateway, path: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{gateway.http.port}{path}") as response,
    ):
        body = await response.read()
        return response.status, msgspec.json.decode(body) if response.content_type.endswith("json") else body


class Heard:
    """operator.health events of one operator."""

    def __init__(self, place: World) -> None:
        self._place = place
        self.events: list[dict[str, Any]] = []

    async def listen(self) -> None:
        async def take(message: Any) -> None:
            event = msgspec.json.decode(message.data)
            if event["operatorId"] == self._place.operator_id:
                self.events.append(event)

        await self._place.bus.nc.subscribe(subjects.OPERATOR_HEALTH, cb=take)
        await self._place.bus.flush()

    @property
    def statuses(self) -> list[tuple[str, str | None]]:
        return [(event["status"], event["previousStatus"]) for event in self.events]


async def test_drain_empties_the_window_unbinds_and_gives_the_slot_back_until_bind(place: World) -> None:
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    under_way = asyncio.create_task(place.submit(gateway, [b"under way"]))
    await until(lambda: place.smsc.held)
    answer = await place.control("drain")
    assert (answer.ok, answer.replica) == (True, gateway.config.replica)
    (fate,) = (await place.submit(gateway, [b"late"])).fates
    assert (fate.fate, fate.reason) == (Fate.NOT_SENT, "drained")
    assert place.smsc.bound, "the window is not empty yet"
    place.smsc.respond(*place.smsc.held[0], message_id="id-1")
    assert (await under_way).fates[0].fate is Fate.ACCEPTED
    await until(lambda: not place.smsc.bound)
    assert place.smsc.sessions[0].protocol.session._core.reason == "unbound by the peer"
    operator = gateway.operators[place.operator_id]
    await until(lambda: not operator.record().binds and not gateway._slots.held(place.operator_id))
    assert (operator.state(), operator.record().reason) == (State.UNBOUND, "drained")
    shown = f'smpp_connector_operator_wanted{{operator_id="{place.operator_id}"}}'
    assert f"{shown} 0.0" in gateway.metrics.render().decode()
    bucket = await place.bus.bucket(subjects.BUCKET_SLOTS)
    with pytest.raises(KeyNotFoundError):
        await bucket.get(subjects.slot_key(place.operator_id, 0))
    place.smsc.answer = lambda pdu, number: (0, "id-2")
    assert (await place.control("bind")).ok
    await until(lambda: operator.is_bound)
    assert (await place.submit(gateway, [b"one"])).fates[0].fate is Fate.ACCEPTED
    assert f"{shown} 1.0" in gateway.metrics.render().decode()


async def test_unbind_lasts_over_a_restart_until_bind(place: World) -> None:
    gateway = await place.gateway()
    assert (await place.control("unbind", gateway.config.replica)).ok
    await until(lambda: not place.smsc.bound)
    await gateway.stop()
    place.gateways.clear()
    again = await place.gateway(bound=False)
    operator = again.operators[place.operator_id]
    await until(lambda: operator.wanted.wanted.value == "unbound")
    assert operator.wanted.by == "tester"
    assert (operator.state(), len(place.smsc.binds)) == (State.UNBOUND, 1)
    assert (await place.control("bind")).ok
    await until(lambda: operator.is_bound)


async def test_the_bucket_alone_is_obeyed_too(place: World) -> None:
    await place.gateway()
    bucket = await place.bus.bucket(subjects.BUCKET_WANTED)
    await bucket.put(place.operator_id, b'{"wanted":"unbound","by":"admin"}')
    await until(lambda: not place.smsc.bound)
    await bucket.put(place.operator_id, b"not a record")
    await bucket.delete(place.operator_id)
    await until(lambda: place.smsc.bound)


async def test_rebind_uses_new_credentials(place: World) -> None:
    await place.gateway()
    place.allow(password="n3w")
    assert "1 binds" in (await place.control("rebind")).detail
    await until(lambda: len(place.smsc.binds) == 2 and place.smsc.bound)
    assert place.smsc.bound[0].password == "n3w"


async def test_an_ordered_rebind_waits_for_what_is_unanswered(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_gateway.bind.REBIND_GRACE", 0.0)
    place.smsc.answer = lambda pdu, number: None
    gateway = await place.gateway()
    asked = asyncio.create_task(place.submit(gateway, [b"one"]))
    await until(lambda: place.smsc.held)
    assert (await place.control("rebind")).ok
    await until(lambda: not gateway.operators[place.operator_id].is_bound)
    place.smsc.respond(*place.smsc.held[0], message_id="in time")
    assert (await asked).fates[0].fate is Fate.ACCEPTED
    await until(lambda: len(place.smsc.binds) == 2 and place.smsc.bound)


async def test_what_is_not_understood_is_said(place: World) -> None:
    await place.gateway()
    assert not (await place.control("dance")).ok
    reply = await place.bus.request(subjects.control(place.operator_id), b"garbage", 5.0)
    assert not msgspec.json.decode(reply, type=ControlAnswer).ok


async def test_http_before_and_after_the_bind(place: World) -> None:
    place.smsc.bind_status["bind_transceiver"] = 0x08
    gateway = await place.gateway(bound=False)
    assert await get(gateway, "/health") == (200, {"status": "ok"})
    status, body = await get(gateway, "/ready")
    assert (status, body["checks"]) == (503, {"nats": "ok", "redis": "ok", "bound": "failed"})
    place.smsc.bind_status.clear()
    await until(lambda: gateway.operators[place.operator_id].is_bound)
    assert (await get(gateway, "/ready"))[0] == 200
    _, body = await get(gateway, "/sessions")
    (session,) = body["sessions"]
    assert session["operatorId"] == place.operator_id
    assert (session["state"], session["bindMode"], session["operatorName"]) == ("BOUND", "TRANSCEIVER", "Test-AF")
    assert (session["host"], session["port"]) == ("127.0.0.1", place.smsc.port)
    assert session["window"] == {"size": 10, "used": 0, "effective": 10}
    assert session["lastBoundAt"].endswith("Z")
    assert session["replica"] == gateway.config.replica


async def test_not_ready_without_redis(place: World) -> None:
    gateway = await place.gateway(place.config(redis_url="redis://127.0.0.1:9/0"))
    status, body = await get(gateway, "/ready")
    assert (status, body["checks"]["redis"]) == (503, "failed")


async def test_all_metric_names_of_the_contract_are_there_and_move(place: World) -> None:
    gateway = await place.gateway()
    await place.submit(gateway, [b"one"])
    status, text = await get(gateway, "/metrics")
    assert status == 200
    label = f'operator_id="{place.operator_id}"'
    for line in (
        f'sessions_total{{{label},state="BOUND"}} 1.0',
        f'submit_sm_total{{{label},status="success"}} 1.0',
        f"submit_sm_duration_seconds_count{{{label}}} 1.0",
        f"tps_current{{{label}}} 1.0",
        f"reconnect_attempts_total{{{label}}} 0.0",
        f"enquire_link_timeout_total{{{label}}} 0.0",
        f"window_used{{{label}}} 0.0",
        f'lease_changes_total{{change="taken",{label}}} 1.0',
    ):
        assert "smpp_connector_" + line in text.decode(), line
    for name in ("pdu_bytes_sent_total", "pdu_bytes_received_total"):
        line = next(one for one in text.decode().splitlines() if one.startswith(f"smpp_connector_{name}{{{label}"))
        assert float(line.split()[1]) > 30


async def test_the_record_in_the_bucket_follows_the_state(place: World) -> None:
    gateway = await place.gateway()
    bucket = await place.bus.bucket(subjects.BUCKET_SESSIONS)
    key = subjects.session_key(place.operator_id, gateway.config.replica)

    async def state() -> State:
        return msgspec.json.decode((await bucket.get(key)).value, type=SessionRecord).state

    async def becomes(wanted: State) -> None:
        async with asyncio.timeout(60.0):
            while await state() is not wanted:
                await asyncio.sleep(0.01)

    await becomes(State.BOUND)
    await place.control("unbind")
    await becomes(State.UNBOUND)


async def test_health_tells_each_change_once(place: World) -> None:
    heard = Heard(place)
    await heard.listen()
    gateway = await place.gateway()
    await until(lambda: heard.statuses == [("BOUND", None)])
    assert heard.events[0]["operatorName"] == "Test-AF"
    assert "reason" not in heard.events[0]
    place.smsc.bind_status["bind_transceiver"] = 0x08
    place.smsc.drop()
    operator = gateway.operators[place.operator_id]
    await until(lambda: operator.record().reconnect_attempts >= 3)
    assert heard.statuses == [("BOUND", None), ("UNBOUND", "BOUND")]
    assert heard.events[1]["reason"]
    place.smsc.bind_status.clear()
    await until(lambda: heard.statuses[2:] == [("BOUND", "UNBOUND")])
    await gateway.stop()
    place.gateways.clear()
    await until(lambda: heard.statuses[3:] == [("UNBOUND", "BOUND")])
    assert heard.events[3]["reason"] == "stopping"


async def test_health_at_a_start_without_a_bind(place: World) -> None:
    heard = Heard(place)
    await heard.listen()
    place.smsc.bind_status["bind_transceiver"] = 0x08
    await place.gateway(bound=False)
    await until(lambda: heard.statuses)
    assert heard.statuses == [("UNBOUND", None)]


async def test_health_repeats_itself(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "HEALTH_REPEAT", 0.2)
    monkeypatch.setattr(health, "LOOK_EVERY", 0.05)
    heard = Heard(place)
    await heard.listen()
    await place.gateway()
    await until(lambda: len(heard.events) >= 3)
    assert heard.statuses[1:3] == [("BOUND", "BOUND")] * 2
    assert len({event["eventId"] for event in heard.events}) == len(heard.events)


async def test_an_operator_nobody_knows_is_tried_slowly(place: World) -> None:
    place.management.answers.clear()
    gateway = await place.gateway(place.config(retries=replace(place.config().retries, slow=60.0)), bound=False)
    operator = gateway.operators[place.operator_id]
    await until(lambda: operator.reason == "unknown operator")
    waiting = operator._slots[0]
    await until(lambda: waiting.next_attempt_in is not None)
    assert waiting.next_attempt_in >= 48.0
    assert operator.record().next_reconnect_at is not None
    assert place.management.asked == [place.operator_id]


async def test_a_request_for_an_operator_of_nobody_is_not_answered_here(place: World) -> None:
    await place.gateway()
    with pytest.raises((BusTimeout, NoHolder)):
        await place.bus.request(subjects.control(str(uuid.uuid4())), b'{"action":"bind"}', 0.2)
