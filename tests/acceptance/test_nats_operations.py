"""The role `operations` may ask for what the `nats` CLI asks for in the commands of the runbooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from ghasi.bus import Bus, Publication
from ghasi.contracts import subjects
from ghasi.devstack.servers import Servers
from ghasi.operators.management.commands.provision import provision
from tests.acceptance.test_nats_roles import connected, violations
from tests.support.secured import RoleNats

OPERATOR = "3f0b7c1e-9f61-4a42-8a51-2b6d8f0c7a10"
DEAD = subjects.SMPP_DEAD


@pytest.fixture
def server(own_servers: Callable[..., Servers], tmp_path: Path) -> Iterator[RoleNats]:
    made = RoleNats(own_servers(only=[]), tmp_path)
    made.start()
    yield made
    made.stop()


async def asked(bus: Bus, subject: str, body: object = None) -> dict[str, Any]:
    """An answer of JetStream's API. AssertionError where it is a refusal."""
    message = await bus.nc.request(f"$JS.API.{subject}", json.dumps(body).encode() if body else b"", timeout=10)
    told: dict[str, Any] = json.loads(message.data)
    assert "error" not in told, told
    return told


async def reported(bus: Bus) -> None:
    """`nats stream report`, `ls`, `subjects`; `nats consumer report`, `info`."""
    await asked(bus, "INFO")
    assert len((await asked(bus, "STREAM.LIST"))["streams"]) == 11
    assert subjects.SMS_DISPATCH in (await asked(bus, "STREAM.NAMES"))["streams"]
    await asked(bus, f"STREAM.INFO.{subjects.SMS_DISPATCH}", {"subjects_filter": ">"})
    assert (await asked(bus, "CONSUMER.NAMES.DLR_EVENTS"))["consumers"] == ["forgotten"]
    await asked(bus, "CONSUMER.LIST.DLR_EVENTS")
    await asked(bus, "CONSUMER.INFO.DLR_EVENTS.forgotten")


async def edited(bus: Bus) -> None:
    """`nats stream edit --max-bytes`, `nats consumer rm`, `nats kv del`."""
    info = await bus.js.stream_info(DEAD)
    changed = await bus.js.update_stream(info.config.evolve(max_bytes=2**20))
    assert changed.config.max_bytes == 2**20
    assert (await asked(bus, "CONSUMER.DELETE.DLR_EVENTS.forgotten"))["success"] is True
    wanted = await bus.js.key_value(subjects.BUCKET_WANTED)
    await wanted.delete(OPERATOR)


async def read(bus: Bus) -> None:
    """`nats stream get` and `view`: by both forms of the request that the CLI had so far."""
    assert (await bus.js.get_msg(DEAD, 1)).data == b"first"
    assert (await bus.js.get_msg(DEAD, 2, direct=True)).data == b"second"
    for name, create in (("now", "CONSUMER.CREATE"), ("before", "CONSUMER.DURABLE.CREATE")):
        config = ConsumerConfig(durable_name=name, ack_policy=AckPolicy.EXPLICIT).as_dict()
        await asked(bus, f"{create}.{DEAD}.{name}", {"stream_name": DEAD, "config": config})
        pull = await bus.js.pull_subscribe_bind(consumer=name, stream=DEAD)
        for message in await pull.fetch(2, timeout=10):
            await message.ack()
        await bus.flush()
        await asked(bus, f"CONSUMER.DELETE.{DEAD}.{name}")


async def backed_up(bus: Bus) -> int:
    """`nats stream backup`: octets of the snapshot, whose chunks are acknowledged one by one."""
    inbox = bus.nc.new_inbox()
    chunks = await bus.nc.subscribe(inbox)
    await bus.flush()
    await asked(bus, f"STREAM.SNAPSHOT.{DEAD}", {"deliver_subject": inbox, "chunk_size": 128, "no_consumers": True})
    size = 0
    while (chunk := await chunks.next_msg(timeout=10)).data:
        size += len(chunk.data)
        if chunk.reply:
            await bus.nc.publish(chunk.reply)
    return size


async def test_a_person_may_do_what_the_runbooks_name(server: RoleNats) -> None:
    await provision(server.settings("provision"), [])
    dispatch, platform = await connected(server, "dispatch"), await connected(server, "orchestrator")
    bus = await connected(server, "operations")
    try:
        for body in (b"first", b"second"):
            await dispatch.publish(Publication(f"smpp.dead.{OPERATOR}", body))
        forgotten = ConsumerConfig(durable_name="forgotten", ack_policy=AckPolicy.EXPLICIT).as_dict()
        await asked(
            platform, "CONSUMER.CREATE.DLR_EVENTS.forgotten", {"stream_name": "DLR_EVENTS", "config": forgotten}
        )
        await reported(bus)
        await edited(bus)
        await read(bus)
        assert await backed_up(bus) > 200
        assert (await asked(bus, f"STREAM.PURGE.{DEAD}", {"keep": 1}))["purged"] == 1
        await asyncio.sleep(0.2)
    finally:
        for one in (dispatch, platform, bus):
            await one.close()
    assert violations(server) == set()
