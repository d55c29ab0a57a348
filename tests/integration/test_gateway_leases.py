"""Leases over real buckets: who may bind, who takes over, and what happens when NATS is away."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ReplicaRecord, SlotRecord, State
from ghasi.contracts.submission import Fate
from sessions_gateway import replica_lease, slot_keeper
from sessions_gateway.gateway import Gateway
from sessions_gateway.leases import SlotLeases
from sessions_gateway.metrics import Metrics
from sessions_gateway.replica_lease import ReplicaLease
from sessions_gateway.store import Store, StoreAway
from tests.support.gateway import World, until, world
from tests.support.pauses import witness


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and renews ten times as often; a lease lasts as long as ever, so that no pause of the machine ends it."""
    monkeypatch.setattr(replica_lease, "RENEW_EVERY", 0.2)
    monkeypatch.setattr(replica_lease, "RETRY_AFTER", 0.1)
    monkeypatch.setattr(slot_keeper, "LOOK_EVERY", 0.1)


@pytest.fixture
def short(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without NATS a bind is ended after a second; there is all the time to write the unbind."""
    monkeypatch.setattr(replica_lease, "RENEW_TIMEOUT", 0.3)
    monkeypatch.setattr(replica_lease, "UNBIND_AFTER", 0.8)


def lease(store: Store, name: str, *, sole: bool = False) -> ReplicaLease:
    record = ReplicaRecord(name, uuid.uuid4().hex, 0.0, [])
    clock = asyncio.get_running_loop().time
    return ReplicaLease(store, record, Metrics(), sole=sole, changed=lambda: None, clock=clock)


async def test_a_lease_is_held_renewed_and_given_back(place: World, hasty: None) -> None:
    store, name = Store(place.bus), f"r-{uuid.uuid4().hex[:8]}"
    mine = lease(store, name)
    assert not mine.may_write()
    mine.start()
    await until(lambda: mine.held)
    _, first = await store.get(subjects.BUCKET_REPLICAS, name)
    await until(lambda: mine._revision != first)
    assert mine.may_write()
    assert 0 < mine.write_for() <= replica_lease.WRITE_FOR
    await mine.stop()
    assert not mine.may_write()
    assert await store.get(subjects.BUCKET_REPLICAS, name) is None


async def test_a_name_in_use_is_waited_for(place: World, hasty: None) -> None:
    store, name = Store(place.bus), f"r-{uuid.uuid4().hex[:8]}"
    first, second = lease(store, name), lease(store, name)
    first.start()
    await until(lambda: first.held)
    second.start()
    await until(lambda: second._task is not None)
    await asyncio.sleep(0.4)
    assert not second.held
    await first.stop()
    await until(lambda: second.held)
    await second.stop()


async def test_a_name_taken_from_us_ends_the_right_to_write_at_once(place: World, hasty: None) -> None:
    store, name = Store(place.bus), f"r-{uuid.uuid4().hex[:8]}"
    mine = lease(store, name)
    mine.start()
    await until(lambda: mine.held)
    await store.put(subjects.BUCKET_REPLICAS, name, b'{"replica":"x","epoch":"y","startedAt":0,"operatorIds":[]}')
    await until(lambda: not mine.held)
    assert not mine.may_write()
    await store.delete(subjects.BUCKET_REPLICAS, name)
    await until(lambda: mine.held)
    await mine.stop()


async def test_an_update_whose_answer_was_lost_is_found_again(place: World, hasty: None) -> None:
    store, name = Store(place.bus), f"r-{uuid.uuid4().hex[:8]}"
    mine = lease(store, name)
    mine.start()
    await until(lambda: mine.held)
    value, _ = await store.get(subjects.BUCKET_REPLICAS, name)
    moved = await store.put(subjects.BUCKET_REPLICAS, name, value)
    await until(lambda: mine._revision > moved)
    assert mine.held
    await mine.stop()


async def test_slots_of_a_living_holder_are_respected_and_of_a_dead_one_taken(place: World) -> None:
    store, operator_id = Store(place.bus), place.operator_id
    names = [f"r-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    first, second = (SlotLeases(store, name, name, Metrics(), sole=False) for name in names)
    alive = msgspec.json.encode(ReplicaRecord(names[0], names[0], 0.0, [operator_id]))
    await store.put(subjects.BUCKET_REPLICAS, names[0], alive)
    assert await first.acquire(operator_id, 0)
    assert await first.acquire(operator_id, 0)
    assert not await second.acquire(operator_id, 0)
    assert second.holder(operator_id, 0) == names[0]
    await store.delete(subjects.BUCKET_REPLICAS, names[0])
    assert await second.acquire(operator_id, 0)
    assert second.held(operator_id) == [0]
    # The revision moved on, so the former holder cannot give away what is not its own any more.
    await first.release(operator_id, 0)
    found, _ = await store.get(subjects.BUCKET_SLOTS, subjects.slot_key(operator_id, 0))
    assert msgspec.json.decode(found, type=SlotRecord).replica == names[1]
    second.lose_all()
    assert second.held(operator_id) == []
    assert await second.acquire(operator_id, 0)
    await second.release(operator_id, 0)
    await second.release(operator_id, 0)
    assert await store.get(subjects.BUCKET_SLOTS, subjects.slot_key(operator_id, 0)) is None


async def test_another_life_of_the_same_name_and_an_unreadable_slot_are_free(place: World) -> None:
    store, operator_id, name = Store(place.bus), place.operator_id, f"r-{uuid.uuid4().hex[:8]}"
    old = SlotLeases(store, name, "old", Metrics(), sole=False)
    assert await old.acquire(operator_id, 0)
    await store.put(subjects.BUCKET_SLOTS, subjects.slot_key(operator_id, 1), b"garbage")
    new = SlotLeases(store, name, "new", Metrics(), sole=False)
    alive = msgspec.json.encode(ReplicaRecord(name, "new", 0.0, [operator_id]))
    await store.put(subjects.BUCKET_REPLICAS, name, alive)
    assert await new.acquire(operator_id, 0)
    assert await new.acquire(operator_id, 1)
    await store.put(subjects.BUCKET_REPLICAS, name, b"garbage")
    assert not await old.acquire(operator_id, 2) or old.held(operator_id)


async def test_the_only_replica_takes_everything_at_once(place: World) -> None:
    store, operator_id = Store(place.bus), place.operator_id
    await store.put(subjects.BUCKET_REPLICAS, "ghost", msgspec.json.encode(ReplicaRecord("ghost", "g", 0.0, [])))
    ghost = SlotLeases(store, "ghost", "g", Metrics(), sole=False)
    assert await ghost.acquire(operator_id, 0)
    sole = SlotLeases(store, "me", "m", Metrics(), sole=True)
    assert await sole.acquire(operator_id, 0)
    await store.delete(subjects.BUCKET_REPLICAS, "ghost")


async def test_news_of_a_slot_count_only_where_they_are_later_than_our_own(place: World) -> None:
    store, operator_id = Store(place.bus), place.operator_id
    mine = SlotLeases(store, "me", "m", Metrics(), sole=False)
    assert await mine.acquire(operator_id, 0)
    fence = mine.fence(operator_id, 0)
    assert fence is not None
    other = SlotRecord("other", "o", 0.0)
    mine.seen(operator_id, 0, SlotRecord("me", "m", 0.0), fence)
    mine.seen(operator_id, 0, other, fence - 1)
    mine.seen(operator_id, 0, None, fence + 1)
    assert mine.fence(operator_id, 0) == fence
    mine.seen(operator_id, 0, other, fence + 1)
    assert mine.fence(operator_id, 0) is None
    assert mine.holder(operator_id, 0) == "other"
    mine.seen(operator_id, 0, None, 0)
    assert mine.holder(operator_id, 0) is None


async def test_a_key_that_was_lost_for_a_moment_costs_the_bind(place: World, hasty: None) -> None:
    """Somebody may have had the slot meanwhile: the old connection is reset, without a word, before a new bind."""
    gateway = await place.gateway()
    first = gateway._slots.fence(place.operator_id, 0)
    await Store(place.bus).delete(subjects.BUCKET_REPLICAS, gateway.config.replica)
    await until(lambda: len(place.smsc.binds) == 2 and gateway.operators[place.operator_id].is_bound)
    assert "ConnectionResetError" in place.smsc.sessions[0].protocol.session._core.reason
    assert len(place.smsc.bound) == 1
    assert gateway._slots.fence(place.operator_id, 0) > first
    assert (await place.submit(gateway, [b"one"])).fates[0].fate is Fate.ACCEPTED


async def test_a_slot_in_anothers_name_is_given_up_at_once_and_not_fought_for(place: World) -> None:
    gateway = await place.gateway()
    store, other = Store(place.bus), f"r-{uuid.uuid4().hex[:8]}"
    alive = msgspec.json.encode(ReplicaRecord(other, other, 0.0, [place.operator_id]))
    await store.put(subjects.BUCKET_REPLICAS, other, alive)
    slot = msgspec.json.encode(SlotRecord(other, other, 0.0))
    await store.put(subjects.BUCKET_SLOTS, subjects.slot_key(place.operator_id, 0), slot)
    operator = gateway.operators[place.operator_id]
    async with witness() as still:
        began = asyncio.get_running_loop().time()
        await until(lambda: not operator.is_bound and not place.smsc.bound)
        took = asyncio.get_running_loop().time() - began
    assert took - still.total < 2.0
    assert (await place.submit(gateway, [b"one"])).fates[0].fate is Fate.NOT_SENT
    await asyncio.sleep(0.5)
    assert len(place.smsc.binds) == 1
    await store.delete(subjects.BUCKET_REPLICAS, other)
    await until(lambda: operator.is_bound)


async def test_a_second_replica_stands_by_and_takes_over(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_keeper, "LOOK_EVERY", 0.1)
    first = await place.gateway()
    second = await place.gateway(bound=False)
    standby = second.operators[place.operator_id]
    await until(lambda: second.others() and second.others()[0].state is State.BOUND)
    assert standby.state() is State.DISCONNECTED
    assert len(place.smsc.binds) == 1
    (fate,) = (await place.submit(second, [b"one"])).fates
    assert fate.fate is Fate.NOT_SENT
    await first.stop()
    place.gateways.remove(first)
    await until(lambda: standby.is_bound)
    assert len(place.smsc.bound) == 1


async def test_binds_are_shared_between_replicas_and_so_is_the_gate(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_keeper, "LOOK_EVERY", 0.1)
    first = await place.gateway()
    place.allow(maxBinds=2, tpsLimit=100)
    second = await place.gateway(bound=False)
    store = Store(place.bus)
    taken = SlotLeases(store, second.config.replica, second.epoch, Metrics(), sole=False)
    assert await taken.acquire(place.operator_id, 1)
    await place.control("rebind", first.config.replica)
    await until(lambda: second.operators[place.operator_id].is_bound and len(place.smsc.bound) == 2)
    gates = [gateway.operators[place.operator_id].outbound.gate for gateway in (first, second)]
    await until(lambda: [gate.most for gate in gates] == [50, 50])


async def test_away_from_nats_the_holder_unbinds_in_time_and_binds_again(
    redis_url: str, own_servers: Callable, short: None
) -> None:
    servers = own_servers(only=["nats"])
    async with world(servers.nats_url, redis_url) as place:
        gateway = await place.gateway()
        servers.nats.pause()
        try:
            await until(lambda: not place.smsc.bound)
            held = gateway.operators[place.operator_id]
            assert held.record().reason == "lease lost"
        finally:
            servers.nats.resume()
        await until(lambda: held.is_bound)


async def holding_one_of_two(place: World, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A replica with one bind that asks in vain, and without end, for its second slot."""
    real, asking = SlotLeases.acquire, asyncio.Event()

    async def acquire(leases: SlotLeases, operator_id: str, slot: int) -> bool:
        if slot == 0:
            return await real(leases, operator_id, slot)
        asking.set()
        await asyncio.Event().wait()
        return False

    monkeypatch.setattr(SlotLeases, "acquire", acquire)
    place.allow(maxBinds=2)
    gateway = await place.gateway()
    await asyncio.wait_for(asking.wait(), 60)
    return gateway


async def test_a_holder_that_asks_for_more_slots_unbinds_when_the_lease_says_so(
    place: World, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await holding_one_of_two(place, monkeypatch)

    async def away() -> None:
        raise StoreAway("away")

    monkeypatch.setattr(gateway._lease, "_write", away)
    await until(lambda: not gateway._lease.held)
    await until(lambda: not place.smsc.bound)
    assert place.smsc.sessions[0].protocol.session._core.reason == "unbound by the peer"
    await until(lambda: not gateway._slots.held(place.operator_id))


async def test_a_holder_that_asks_for_more_slots_hears_what_the_staff_wants(
    place: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await holding_one_of_two(place, monkeypatch)
    await place.control("unbind")
    await until(lambda: not place.smsc.bound)


async def test_the_only_replica_keeps_its_binds_away_from_nats(
    redis_url: str, own_servers: Callable, short: None
) -> None:
    servers = own_servers(only=["nats"])
    async with world(servers.nats_url, redis_url) as place:
        gateway = await place.gateway(place.config(sole=True))
        servers.nats.kill()
        await until(lambda: not gateway.bus.connected)
        loop = asyncio.get_running_loop()
        end = loop.time() + 2.0
        await until(lambda: loop.time() > end)
        assert len(place.smsc.bound) == 1
        assert gateway._lease.may_write()
        servers.nats.restart()
        await until(lambda: gateway.bus.connected and place.bus.connected)
        # The server forgot the bucket of the session records; it is made again.
        bucket = await place.bus.bucket(subjects.BUCKET_REPLICAS)
        assert bucket is not None
        assert (await place.submit(gateway, [b"one"])).fates[0].fate is Fate.ACCEPTED


async def test_the_store_makes_a_lost_bucket_again(redis_url: str, own_servers: Callable) -> None:
    servers = own_servers(only=["nats"])
    bus = await Bus.connect(BusSettings((servers.nats_url,)), "test")
    await bus.ensure()
    store = Store(bus)
    await store.put(subjects.BUCKET_SESSIONS, "a.b", b"1")
    await bus.js.delete_key_value(subjects.BUCKET_SESSIONS)
    await store.put(subjects.BUCKET_SESSIONS, "a.b", b"2")
    assert (await store.get(subjects.BUCKET_SESSIONS, "a.b"))[0] == b"2"
    servers.nats.kill()
    await until(lambda: not bus.connected)
    with pytest.raises(StoreAway):
        await store.get(subjects.BUCKET_SESSIONS, "a.b")
    await bus.close()


async def test_a_slot_that_a_release_did_not_reach_is_given_back_all_the_same(place: World, hasty: None) -> None:
    place.allow(maxBinds=2)
    gateway = await place.gateway()
    operator, store = gateway.operators[place.operator_id], Store(place.bus)
    await until(lambda: len(place.smsc.bound) == 2)
    leases, key = gateway._tools.leases.slots, subjects.slot_key(place.operator_id, 1)

    async def lost(bucket: str, key: str, last: int | None = None) -> bool:
        raise StoreAway("no answer")

    plainly, leases._store.delete = leases._store.delete, lost  # type: ignore[method-assign]
    place.allow(maxBinds=1)
    operator.rebind("fewer")
    await until(lambda: leases.held(place.operator_id) == [0])
    assert await store.get(subjects.BUCKET_SLOTS, key)
    leases._store.delete = plainly  # type: ignore[method-assign]
    place.allow(maxBinds=2)
    operator.rebind("more")
    await until(lambda: leases.held(place.operator_id) == [0, 1])
