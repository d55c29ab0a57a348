"""docker/nats/nats-cluster.conf: three servers come together, and the role `provision` makes three copies there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js.api import StreamConfig

from ghasi.bus import Bus, BusError, Publication
from ghasi.contracts import subjects, topology
from ghasi.devstack.servers import Servers
from ghasi.doctor import streams as doctor
from ghasi.doctor.nats_facts import NatsFacts, gather
from ghasi.operators.management.commands.provision import Provisioned, provision
from tests.support.secured import RoleNats
from tests.support.secured_cluster import NAMES, RoleCluster

OURS = {stream.name for stream in topology.STREAMS} | {f"KV_{bucket.name}" for bucket in topology.BUCKETS}
OPERATOR = "3f0b7c1e-9f61-4a42-8a51-2b6d8f0c7a10"
DURABLES = [topology.dispatch_consumer(OPERATOR), topology.receipt_consumer(OPERATOR)]


@pytest.fixture
async def cluster(own_servers: Callable[..., Servers], tmp_path: Path) -> AsyncIterator[RoleCluster]:
    async with RoleCluster(own_servers(only=[]), tmp_path) as made:
        yield made


async def provisioned(cluster: RoleCluster, replicas: int, *, dry_run: bool = False) -> Provisioned:
    return await provision(cluster.settings("provision", replicas), DURABLES, dry_run=dry_run)


async def seen(cluster: RoleCluster) -> NatsFacts:
    bus = await Bus.connect(cluster.settings("web"), "web", wait=5.0)
    try:
        return await gather(bus)
    finally:
        await bus.close()


def copies(facts: NatsFacts) -> dict[str, int]:
    found = {**facts.streams, **{f"KV_{name}": info for name, info in facts.buckets.items()}}
    return {name: info.config.num_replicas or 1 for name, info in found.items()}


async def healthy(cluster: RoleCluster) -> None:
    """Until the doctor has nothing to say of streams and buckets: every copy has caught up."""
    async with asyncio.timeout(60):
        while True:
            facts = await seen(cluster)
            if not [*doctor.streams(facts), *doctor.buckets(facts), *doctor.consumers(facts, [OPERATOR])]:
                return
            await asyncio.sleep(0.2)


async def test_everything_is_made_with_three_copies_and_outlives_one(cluster: RoleCluster) -> None:
    done = await provisioned(cluster, 3)
    assert set(done.made) == OURS | {one.durable for one in DURABLES}
    assert (done.raised, done.left) == ([], [])
    assert copies(await seen(cluster)) == dict.fromkeys(OURS, 3)
    await healthy(cluster)
    cluster.nodes[NAMES[2]].child.kill()
    settings = cluster.settings("orchestrator")
    bus = await Bus.connect(replace(settings, urls=settings.urls[:2]), "platform")
    command = Publication(subjects.dispatch(OPERATOR), b"{}", "taken-once")
    try:
        async with asyncio.timeout(60):
            while True:
                # Until the other two have chosen who leads.
                try:
                    await bus.publish(command)
                    break
                except BusError:
                    await asyncio.sleep(0.2)
    finally:
        await bus.close()


async def test_what_has_one_copy_gets_three_and_keeps_them(cluster: RoleCluster) -> None:
    await provisioned(cluster, 1)
    before = await seen(cluster)
    assert set(copies(before).values()) == {1}
    assert {one.name for one in doctor.streams(before)} == {"nats.replicas"}
    would = await provisioned(cluster, 3, dry_run=True)
    assert (set(would.raised), copies(await seen(cluster))) == (OURS, copies(before))
    done = await provisioned(cluster, 3)
    assert (done.made, set(done.raised), done.left) == ([], OURS, [])
    assert copies(await seen(cluster)) == dict.fromkeys(OURS, 3)
    await healthy(cluster)
    again = await provisioned(cluster, 1)
    assert (again.made, again.raised, again.left) == ([], [], [])
    assert copies(await seen(cluster)) == dict.fromkeys(OURS, 3)


async def test_a_stream_that_the_platform_made_keeps_its_copies_and_is_named(cluster: RoleCluster) -> None:
    bus = await Bus.connect(cluster.settings("provision"), "platform", wait=5.0)
    try:
        await bus.js.add_stream(
            StreamConfig(name=subjects.DLR_EVENTS, subjects=[subjects.DLR_INBOUND], max_age=3_600.0)
        )
    finally:
        await bus.close()
    done = await provisioned(cluster, 3)
    assert (done.raised, done.left) == ([], [subjects.DLR_EVENTS])
    assert copies(await seen(cluster))[subjects.DLR_EVENTS] == 1


async def test_five_copies_of_three_servers_are_refused_in_words(cluster: RoleCluster) -> None:
    with pytest.raises(BusError, match=r"stream SMS_DISPATCH: .+ \(JetStream error \d+\); NATS_REPLICAS is 5"):
        await provisioned(cluster, 5)


async def test_one_server_sets_the_bounds_aside(own_servers: Callable[..., Servers], tmp_path: Path) -> None:
    """Of the 4 GB that the sample has here six times 0.9 do not fit, though nothing is in the streams yet."""
    server = RoleNats(own_servers(only=[]), tmp_path)
    server.start()
    try:
        settings = replace(server.settings("provision"), stream_max_bytes=900_000_000)
        with pytest.raises(BusError, match=r"stream \w+: insufficient storage .+ \(JetStream error 10047\)"):
            await provision(settings, [])
    finally:
        server.stop()
