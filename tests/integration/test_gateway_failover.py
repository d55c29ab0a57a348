"""Failover in the gateway: warm backups, the decision over replicas, and what is shown of it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
from nats.js.errors import KeyNotFoundError

from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlRequest, ReplicaRecord, SessionRecord, State, Wanted, WantedRecord
from ghasi.contracts.submission import Fate, SubmitRequest, decode_answer, encode
from sessions_gateway import health, replica_lease, settings_watch
from sessions_gateway.config import GatewayConfig
from sessions_gateway.failover import FailoverTimers
from sessions_gateway.gateway import Gateway
from sessions_gateway.operator import Operator
from tests.support.gateway import SmallSmsc, World, credentials, submit_pdu, until, world

AFTER, BACK_AFTER = 0.4, 0.8
ESME_RBINDFAIL = 0x0D


def refuse(smsc: SmallSmsc) -> None:
    smsc.bind_status = dict.fromkeys(("bind_transceiver", "bind_transmitter", "bind_receiver"), ESME_RBINDFAIL)


@dataclass(eq=False)
class Pair:
    """A world whose operator has a backup on an SMSC of its own."""

    place: World
    backup: str = field(default_factory=lambda: str(uuid.uuid4()))
    smsc: SmallSmsc = field(default_factory=SmallSmsc)
    health: list[dict[str, Any]] = field(default_factory=list)
    """Events of the primary."""
    heard: list[tuple[str, str]] = field(default_factory=list)
    """Operator and status of all events."""

    @property
    def primary(self) -> str:
        return self.place.operator_id

    def allow(self, **extra: Any) -> None:
        """Management knows both, and who backs whom."""
        self.place.allow(backupOperatorId=self.backup, **extra)
        self.place.management.answers[self.backup] = credentials(self.backup, self.smsc.port)

    def config(self, *assigned: str, **changes: Any) -> GatewayConfig:
        given = {"failover": FailoverTimers(AFTER, BACK_AFTER)} | changes
        return self.place.config(operator_ids=assigned or (self.primary,), **given)

    async def gateway(self, *assigned: str, **changes: Any) -> Gateway:
        """One replica, once it has the backup bound."""
        gateway = await self.place.gateway(self.config(*assigned, **changes), bound=False)
        await until(lambda: self.backup in gateway.operators and gateway.operators[self.backup].is_bound)
        return gateway

    def break_primary(self) -> None:
        """The link drops and does not come back."""
        refuse(self.place.smsc)
        self.place.smsc.drop()

    def mend_primary(self) -> None:
        self.place.smsc.bind_status = {}

    async def listen(self) -> None:
        async def take(message: Any) -> None:
            event = msgspec.json.decode(message.data)
            self.heard.append((event["operatorId"], event["status"]))
            if event["operatorId"] == self.primary:
                self.health.append(event)

        await self.place.bus.nc.subscribe(subjects.OPERATOR_HEALTH, cb=take)
        await self.place.bus.flush()

    @property
    def statuses(self) -> list[str]:
        return [one["status"] for one in self.health]

    async def order(self, operator_id: str, action: str) -> None:
        request = msgspec.json.encode(ControlRequest(action, "tester", "test"))
        await self.place.bus.request(subjects.control(operator_id), request, 60.0)

    async def stored(self, gateway: Gateway, operator_id: str) -> SessionRecord | None:
        """The record as the workers read it."""
        found = await _key(self.place, subjects.BUCKET_SESSIONS, f"{operator_id}.{gateway.config.replica}")
        return msgspec.json.decode(found, type=SessionRecord) if found else None


async def _key(place: World, bucket: str, key: str) -> bytes | None:
    try:
        return (await (await place.bus.bucket(bucket)).get(key)).value
    except KeyNotFoundError:
        return None


@pytest.fixture
async def pair(nats_url: str, redis_url: str) -> AsyncIterator[Pair]:
    async with world(nats_url, redis_url) as place:
        made = Pair(place)
        await made.smsc.start()
        made.allow()
        await made.listen()
        yield made
        for gateway in place.gateways:
            await gateway.stop()
        place.gateways.clear()
        await made.smsc.stop()


def view(operator: Operator) -> tuple[State, bool]:
    record = operator.record()
    return record.state, record.carried_by is not None


async def get(gateway: Gateway, path: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{gateway.http.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        body = await response.read()
        return response.status, msgspec.json.decode(body) if response.content_type.endswith("json") else body


async def test_the_backup_is_bound_wherever_its_primary_is_assigned(pair: Pair, monkeypatch: Any) -> None:
    monkeypatch.setattr(replica_lease, "RENEW_EVERY", 0.1)
    gateway = await pair.gateway()
    assert [one.system_id for one in pair.smsc.bound] == ["ghasi"]
    request = SubmitRequest(gateway.epoch, 2**52, [uuid.uuid4().hex], [0], submit_pdu())
    subject = subjects.submit(pair.backup, gateway.config.replica)
    answer = decode_answer(await pair.place.bus.request(subject, encode(request), 5.0))
    assert (answer.fates[0].fate, len(pair.smsc.submits)) == (Fate.ACCEPTED, 1)
    _, shown = await get(gateway, "/sessions")
    told = {one["operatorId"]: (one["isPrimary"], one["backupOperatorId"]) for one in shown["sessions"]}
    assert told == {pair.primary: (True, pair.backup), pair.backup: (False, None)}

    async def named() -> bool:
        key = await _key(pair.place, subjects.BUCKET_REPLICAS, gateway.config.replica)
        return msgspec.json.decode(key or b"", type=ReplicaRecord).operator_ids == [pair.primary, pair.backup]

    async with asyncio.timeout(60):
        while not await named():
            await asyncio.sleep(0.02)


async def test_over_and_back(pair: Pair) -> None:
    gateway = await pair.gateway()
    operator = gateway.operators[pair.primary]
    await until(lambda: operator.is_bound)
    pair.break_primary()
    await until(lambda: view(operator) == (State.FAILBACK, True))
    await until(lambda: "FAILBACK" in pair.statuses)
    stored = await pair.stored(gateway, pair.primary)
    assert stored is not None
    assert (stored.carried_by, stored.failover_term, stored.own_state) == (pair.backup, 1, State.UNBOUND)
    assert (stored.is_primary, stored.can_send) == (True, False)
    status, body = await get(gateway, "/ready")
    assert (status, body["checks"]["bound"]) == (200, "ok")
    _, text = await get(gateway, "/metrics")
    assert f'smpp_connector_failover_active{{operator_id="{pair.primary}"}} 1.0' in text.decode()
    assert f'smpp_connector_failovers_total{{direction="over",operator_id="{pair.primary}"}} 1.0' in text.decode()
    pair.mend_primary()
    await until(lambda: operator.is_bound)
    assert view(operator) == (State.FAILBACK, True), "bound, and not for long enough"
    assert "not for long enough" in (operator.record().reason or "")
    bound_at = asyncio.get_running_loop().time()
    await until(lambda: view(operator) == (State.BOUND, False))
    assert asyncio.get_running_loop().time() - bound_at >= BACK_AFTER * 0.9
    await until(lambda: pair.statuses[-1] == "BOUND")
    assert pair.statuses in (["BOUND", "UNBOUND", "FAILBACK", "BOUND"], ["UNBOUND", "FAILBACK", "BOUND"])
    failback = next(one for one in pair.health if one["status"] == "FAILBACK")
    assert failback["previousStatus"] == "UNBOUND"
    assert failback["reason"]


@pytest.mark.parametrize("action", ["drain", "unbind", "pause"])
async def test_a_restart_while_the_primary_is_not_to_be_bound_finds_its_backup(pair: Pair, action: str) -> None:
    name = f"r-{uuid.uuid4().hex[:8]}"
    first = await pair.gateway(replica=name)
    await until(lambda: first.operators[pair.primary].is_bound)
    if action == "pause":
        await first._want(pair.primary, WantedRecord(Wanted.PAUSED, "tester", "test", 1.0))
    else:
        await pair.order(pair.primary, action)
    await until(lambda: view(first.operators[pair.primary]) == (State.FAILBACK, True))
    await first.stop()
    pair.place.gateways.remove(first)
    pair.place.management.status = 503
    binds = len(pair.place.smsc.binds)
    second = await pair.place.gateway(pair.config(replica=name), bound=False)
    operator = second.operators[pair.primary]
    asked = len(pair.place.management.asked)
    await until(lambda: len(pair.place.management.asked) > asked + 1)
    pair.place.management.status = 0
    await until(lambda: pair.backup in second.operators and second.operators[pair.backup].is_bound)
    await until(lambda: view(operator) == (State.FAILBACK, True))
    record = operator.record()
    assert (record.backup_operator_id, record.tps_limit) == (pair.backup, 1000)
    assert len(pair.place.smsc.binds) == binds, "settings only"


async def test_what_changes_while_the_primary_is_not_to_be_bound_is_heard(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_watch, "REFRESH_EVERY", 0.1)
    gateway = await pair.gateway()
    await until(lambda: gateway.operators[pair.primary].is_bound)
    await pair.order(pair.primary, "unbind")
    pair.allow(tpsLimit=7)
    await until(lambda: gateway.operators[pair.primary].record().tps_limit == 7)
    pair.place.allow(backupOperatorId=None)
    await until(lambda: pair.backup not in gateway.operators)


async def test_until_the_backup_is_known_the_one_that_carries_is_kept(pair: Pair) -> None:
    other = SessionRecord(
        operator_id=pair.primary,
        replica="other",
        epoch="e",
        state=State.FAILBACK,
        updated_at=time.time(),
        carried_by=pair.backup,
        failover_term=3,
    )
    bucket = await pair.place.bus.bucket(subjects.BUCKET_SESSIONS)
    await bucket.put(f"{pair.primary}.other", msgspec.json.encode(other))
    del pair.place.management.answers[pair.primary]
    gateway = await pair.gateway()
    operator = gateway.operators[pair.primary]
    await until(lambda: operator.diversion.by == pair.backup and operator.diversion.carries)
    assert (operator.settings, operator.diversion.term) == (None, 3)


async def test_a_short_drop_moves_nothing(pair: Pair) -> None:
    after = 2.5
    gateway = await pair.gateway(failover=FailoverTimers(after, BACK_AFTER))
    operator = gateway.operators[pair.primary]
    await until(lambda: operator.is_bound)
    pair.place.smsc.drop()
    await until(lambda: not operator.is_bound)
    await until(lambda: operator.is_bound)
    await asyncio.sleep(after * 1.1)
    assert operator.diversion.term == 0


async def test_a_backup_that_is_refused_is_told_and_taken_when_it_binds(pair: Pair) -> None:
    refuse(pair.smsc)
    gateway = await pair.place.gateway(pair.config())
    operator = gateway.operators[pair.primary]
    pair.break_primary()
    await until(lambda: "backup not bound: " in (operator.record().reason or ""))
    assert view(operator) == (State.UNBOUND, False)
    assert "ESME_RBINDFAIL" in (operator.record().reason or "")
    await until(lambda: any("backup not bound: " in one.get("reason", "") for one in pair.health))
    assert pair.statuses[-2:] == ["UNBOUND"] * 2, "told at once, though the status is the same"
    assert (await get(gateway, "/ready"))[0] == 503, "a backup that is bound is no operator of ours that is"
    pair.smsc.bind_status = {}
    await until(lambda: view(operator) == (State.FAILBACK, True))
    refuse(pair.smsc)
    pair.smsc.drop()
    await until(lambda: view(operator) == (State.UNBOUND, True))
    await until(lambda: pair.health[-1]["status"] == "UNBOUND" and "backup not bound: " in pair.health[-1]["reason"])
    pair.mend_primary()
    await until(lambda: view(operator) == (State.BOUND, False))


async def test_what_the_staff_wants_moves_the_traffic_at_once(pair: Pair) -> None:
    gateway = await pair.gateway(failover=FailoverTimers(600.0, BACK_AFTER))
    operator = gateway.operators[pair.primary]
    await until(lambda: operator.is_bound)
    await pair.order(pair.primary, "drain")
    await until(lambda: view(operator) == (State.FAILBACK, True))
    await pair.order(pair.backup, "drain")
    await until(lambda: view(operator) == (State.UNBOUND, True))
    assert operator.record().reason == "drained; backup not bound: drained"
    await pair.order(pair.primary, "bind")
    await until(lambda: view(operator) == (State.BOUND, False))


async def test_each_of_a_pair_that_back_each_other_carries_for_the_other(pair: Pair) -> None:
    pair.place.management.answers[pair.backup] |= {"backupOperatorId": pair.primary}
    gateway = await pair.gateway(pair.primary, pair.backup)
    first, second = gateway.operators[pair.primary], gateway.operators[pair.backup]
    await until(lambda: first.is_bound)
    pair.break_primary()
    await until(lambda: view(first) == (State.FAILBACK, True))
    assert view(second) == (State.BOUND, False)
    refuse(pair.smsc)
    pair.smsc.drop()
    await until(lambda: view(second) == (State.UNBOUND, False) and view(first) == (State.UNBOUND, True))
    assert len(gateway.operators) == 2
    pair.mend_primary()
    await until(lambda: view(first) == (State.BOUND, False) and view(second) == (State.FAILBACK, True))
    assert first.diversion.by is None
    assert second.record().carried_by == pair.primary


async def test_a_backup_of_a_backup_is_not_bound(pair: Pair) -> None:
    third = str(uuid.uuid4())
    pair.place.management.answers[pair.backup] |= {"backupOperatorId": third}
    gateway = await pair.gateway()
    assert list(gateway.operators) == [pair.primary, pair.backup]
    await until(lambda: gateway.operators[pair.primary].is_bound)
    assert third not in pair.place.management.asked


async def test_a_backup_that_is_named_no_more_is_let_go(pair: Pair) -> None:
    gateway = await pair.gateway()
    await until(lambda: gateway.operators[pair.primary].is_bound)
    pair.place.allow(backupOperatorId=None)
    await pair.order(pair.primary, "rebind")
    await until(lambda: pair.backup not in gateway.operators and not pair.smsc.bound)
    await until(lambda: (pair.backup, "UNBOUND") in pair.heard)
    async with asyncio.timeout(60):
        while await pair.stored(gateway, pair.backup) is not None:
            await asyncio.sleep(0.02)
    pair.allow()
    await pair.order(pair.primary, "rebind")
    await until(lambda: pair.backup in gateway.operators and gateway.operators[pair.backup].is_bound)


async def test_replicas_agree_and_the_word_outlives_the_one_that_gave_it(pair: Pair) -> None:
    one = await pair.gateway()
    await until(lambda: one.operators[pair.primary].is_bound)
    other = await pair.place.gateway(pair.config(), bound=False)
    await until(lambda: pair.backup in other.operators)
    assert len(pair.smsc.bound) == 1, "the backup's maxBinds holds over all replicas"
    pair.break_primary()
    await until(lambda: view(one.operators[pair.primary]) == (State.FAILBACK, True))
    await until(lambda: view(other.operators[pair.primary]) == (State.FAILBACK, True))
    assert other.operators[pair.primary].diversion.term == 1
    await one.stop()
    pair.place.gateways.remove(one)
    await until(lambda: other.operators[pair.backup].is_bound)
    assert other.operators[pair.primary].record().carried_by == pair.backup
    await until(lambda: view(other.operators[pair.primary]) == (State.FAILBACK, True))
    pair.mend_primary()
    await until(lambda: view(other.operators[pair.primary]) == (State.BOUND, False))
    assert other.operators[pair.primary].diversion.term == 2


async def test_a_hand_over_between_replicas_is_no_failover(pair: Pair) -> None:
    one = await pair.gateway()
    await until(lambda: one.operators[pair.primary].is_bound)
    other = await pair.place.gateway(pair.config(), bound=False)
    await one.stop()
    pair.place.gateways.remove(one)
    operator = other.operators[pair.primary]
    await until(lambda: operator.is_bound)
    assert operator.diversion.term == 0
    _, text = await get(other, "/metrics")
    assert f'smpp_connector_failovers_total{{direction="over",operator_id="{pair.primary}"}} 0.0' in text.decode()


async def test_a_link_that_drops_again_and_again_goes_over_once(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time bound for much shorter than it takes to go back, in all for longer."""
    monkeypatch.setattr(health, "LOOK_EVERY", 0.1)
    gateway = await pair.gateway(failover=FailoverTimers(AFTER, 3.0))
    operator = gateway.operators[pair.primary]
    for _ in range(6):
        await until(lambda: operator.is_bound)
        await asyncio.sleep(0.6)
        pair.place.smsc.drop()
        await until(lambda: not operator.is_bound)
    assert operator.record().carried_by == pair.backup
    assert operator.diversion.term == 1
    _, text = await get(gateway, "/metrics")
    assert f'smpp_connector_failovers_total{{direction="back",operator_id="{pair.primary}"}} 0.0' in text.decode()
