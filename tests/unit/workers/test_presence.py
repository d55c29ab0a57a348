"""workers.presence: who lives, for which operators, and who does what one alone should do."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import pytest
from nats.js.api import KeyValueConfig

from ghasi.bus import Bus, BusSettings
from ghasi.contracts.subjects import BUCKET_REPLICAS
from ghasi.devstack.servers import Servers
from tests.unit.workers.build import until
from workers import presence as module
from workers.presence import Presence


@pytest.fixture
def pool() -> str:
    return f"pool-{uuid.uuid4().hex[:8]}"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEW_EVERY", 0.05)


async def test_alone_it_is_live_and_first_at_once(bus: Bus, pool: str) -> None:
    alone = Presence(bus, pool, ("a", "b"))
    assert (alone.live, alone.first) == (1, False)
    await alone.start()
    try:
        assert (alone.live, alone.first, alone.assigned) == (1, True, {"a", "b"})
    finally:
        await alone.stop()


async def test_all_of_a_pool_are_counted_and_one_is_first(bus: Bus, pool: str) -> None:
    operators = ["a", "b", "c"]
    members = [Presence(bus, pool, (name, "common")) for name in operators]
    stranger = Presence(bus, f"{pool}-other", ("z",))
    for one in (*members, stranger):
        await one.start()
    try:
        await until(lambda: [one.live for one in members] == [3, 3, 3])
        await until(lambda: sum(one.first for one in members) == 1)
        await until(lambda: all(one.assigned == {"a", "b", "c", "common"} for one in members))
        assert (stranger.live, stranger.first, stranger.assigned) == (1, True, {"z"})
        leaving = next(n for n, one in enumerate(members) if one.first)
        await members.pop(leaving).stop()
        operators.pop(leaving)
        await until(lambda: [one.live for one in members] == [2, 2])
        await until(lambda: sum(one.first for one in members) == 1)
        await until(lambda: all(one.assigned == {*operators, "common"} for one in members))
    finally:
        for one in (*members, stranger):
            await one.stop()


async def test_a_process_that_died_is_gone_when_its_key_is(own_servers: Callable[..., Servers], pool: str) -> None:
    """A bucket with a shorter life than ours, made beforehand: what exists is used as it is."""
    servers = own_servers(only=["nats"])
    bus = await Bus.connect(BusSettings((servers.nats_url,)), "test")
    await bus.js.create_key_value(KeyValueConfig(bucket=BUCKET_REPLICAS, ttl=1.0))
    died, survivor = Presence(bus, pool, ("a",)), Presence(bus, pool, ("b",))
    try:
        await died.start()
        await survivor.start()
        await until(lambda: survivor.live == 2)
        await until(lambda: survivor.assigned == {"a", "b"})
        assert died._task is not None
        died._task.cancel()
        await until(lambda: survivor.live == 1 and survivor.first)
        await until(lambda: survivor.assigned == {"b"})
    finally:
        await survivor.stop()
        await bus.close()


async def test_what_is_no_record_is_not_counted(bus: Bus, pool: str) -> None:
    bucket = await bus.bucket(BUCKET_REPLICAS)
    await bucket.put(f"worker.{pool}.000000000000", b"no record")
    alone = Presence(bus, pool, ("a",))
    await alone.start()
    try:
        assert (alone.live, alone.first) == (1, True)
    finally:
        await alone.stop()


async def test_while_nats_is_away_nobody_is_first(own_servers: Callable[..., Servers], pool: str) -> None:
    servers = own_servers(only=["nats"])
    bus = await Bus.connect(BusSettings((servers.nats_url,)), "test")
    await bus.ensure(streams=False)
    bus.js._timeout = 0.2
    alone = Presence(bus, pool, ("a",))
    await alone.start()
    try:
        assert alone.first
        servers.nats.kill()
        await until(lambda: not alone.first)
        assert alone.live == 1
        servers.nats.restart()
        await until(lambda: alone.first)
    finally:
        await alone.stop()
        await bus.close()


async def test_a_look_never_misses_who_is_there(bus: Bus, pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one is missed, a process takes more than its share of the limit while Redis is away."""
    monkeypatch.setattr(module, "RENEW_EVERY", 60.0)
    members = [Presence(bus, pool, (name,)) for name in "abc"]
    for one in members:
        await one.start()
    try:
        bucket = await bus.bucket(BUCKET_REPLICAS)
        seen = set()
        for _ in range(60):
            await asyncio.gather(*(one._renew(bucket) for one in members))
            seen |= {(one.live, one.assigned) for one in members}
        assert seen == {(3, frozenset("abc"))}
    finally:
        for one in members:
            await one.stop()
