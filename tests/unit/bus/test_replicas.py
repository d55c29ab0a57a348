"""NATS_REPLICAS on a server that is no cluster; tests/acceptance/test_nats_cluster.py has one that is."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from nats.js.errors import APIError, BadRequestError, ServerError, ServiceUnavailableError
from structlog.testing import capture_logs

from ghasi.bus import Bus, BusError, BusSettings, TopologyConflict, said
from ghasi.bus import topology as bus_topology
from ghasi.bus.replicas import raise_to, with_fewer
from ghasi.contracts import topology
from ghasi.contracts.topology import Bucket, Stream

NO_CLUSTER = r"NATS_REPLICAS is 3, which takes a cluster of as many servers"


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    await made.ensure()
    yield made
    await made.close()


def new_name() -> str:
    return f"T{uuid.uuid4().hex[:8]}"


async def test_one_server_refuses_three_copies_in_words(bus: Bus) -> None:
    name = new_name()
    with pytest.raises(TopologyConflict, match=rf"stream {name}: .+\(JetStream error 10074\); {NO_CLUSTER}"):
        await bus_topology.ensure_stream(bus.js, Stream(name, (f"{name}.a",)), replicas=3)
    with pytest.raises(TopologyConflict, match=rf"bucket {name}: .+\(JetStream error 10074\); {NO_CLUSTER}"):
        await bus_topology.ensure_bucket(bus.js, Bucket(name), replicas=3)


async def test_what_exists_is_used_as_it_is_and_named(bus: Bus) -> None:
    with capture_logs() as lines:
        await Bus(replace(bus.settings, replicas=3), bus.nc).ensure()
    drift = {line["stream"]: line["detail"] for line in lines if line["event"] == "stream.drift"}
    assert drift == {stream.name: "1 of 3 replicas" for stream in topology.STREAMS}


async def test_what_has_too_few_copies_is_found_and_one_server_gives_no_more(bus: Bus) -> None:
    assert await with_fewer(bus.js, 1) == await with_fewer(bus.js, 0)
    found = await with_fewer(bus.js, 3)

    assert {*(info.config.name for info in found.ours), *found.others} == {
        *(stream.name for stream in topology.STREAMS),
        *(f"KV_{bucket.name}" for bucket in topology.BUCKETS),
    }
    with pytest.raises(TopologyConflict, match=NO_CLUSTER):
        await raise_to(bus.js, 3, found.ours[0])


async def test_a_stream_without_room_is_refused_in_words(bus: Bus) -> None:
    """A single server sets a bound aside when the stream is made."""
    name = new_name()
    with pytest.raises(BusError, match=rf"stream {name}: insufficient storage.+\(JetStream error "):
        await bus_topology.ensure_stream(bus.js, Stream(name, (f"{name}.a",)), max_bytes=2**50)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadRequestError(400, "subjects overlap", 10065), TopologyConflict),
        (BadRequestError(400, "no suitable peers for placement", 10005), BusError),
        (ServerError(500, "replicas > 1 not supported in non-clustered mode", 10074), TopologyConflict),
        (ServerError(500, "insufficient storage resources available", 10047), BusError),
        (ServiceUnavailableError(503, "JetStream system temporarily unavailable", 10008), BusError),
    ],
)
def test_a_refusal_is_for_a_person_or_for_later(error: APIError, kind: type[Exception]) -> None:
    told = bus_topology.refused("stream S", 3, error)
    assert type(told) is kind
    assert str(told).startswith(f"stream S: {error.description} (JetStream error {error.err_code})")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BusError("NATS cannot be reached"), "NATS cannot be reached"),
        (ServerError(500, "no room", 10047), "no room (JetStream error 10047)"),
        (ServiceUnavailableError(), "ServiceUnavailableError"),
        (OSError("nats://user:hunter2@server"), "OSError"),
    ],
)
def test_what_is_said_of_an_error_quotes_no_address(error: Exception, text: str) -> None:
    assert said(error) == text
