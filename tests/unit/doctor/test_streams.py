"""Streams, consumers and buckets against the contract, and servers of a cluster that are not well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from nats.js.api import (
    ClusterInfo,
    ConsumerConfig,
    ConsumerInfo,
    DiscardPolicy,
    PeerInfo,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
    StreamState,
)

from ghasi.contracts import subjects, topology
from ghasi.doctor import streams
from ghasi.doctor.findings import Finding
from ghasi.doctor.nats_facts import NatsFacts, Process

NOW = datetime(2026, 4, 18, tzinfo=UTC)
OPERATOR = "550e8400-e29b-41d4-a716-446655440001"


def info(stream: topology.Stream, *, held: int = 0, cluster: ClusterInfo | None = None, **changes: Any) -> StreamInfo:
    given: dict[str, Any] = {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "retention": RetentionPolicy.LIMITS,
        "storage": StorageType.FILE,
        "discard": DiscardPolicy.NEW if stream.refuses else DiscardPolicy.OLD,
        "max_age": stream.max_age,
        "duplicate_window": stream.duplicate_window,
        "allow_atomic": True,
        "allow_direct": True,
        "num_replicas": 3,
        **changes,
    }
    state = StreamState(messages=0, bytes=held, first_seq=1, last_seq=0, consumer_count=0)
    return StreamInfo(config=StreamConfig(**given), state=state, cluster=cluster)


def facts(**changes: Any) -> NatsFacts:
    """All streams as they should be, but SMPP_DEAD."""
    found = {stream.name: info(stream) for stream in topology.STREAMS}
    dead = next(stream for stream in topology.STREAMS if stream.name == subjects.SMPP_DEAD)
    clustered = changes.pop("clustered", False)
    found[subjects.SMPP_DEAD] = info(dead, **changes)
    return NatsFacts(version="2.15.1", max_payload=1024 * 1024, clustered=clustered, streams=found)


def told(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.name, one.evidence) for one in found]


def test_streams_of_the_contract_are_well() -> None:
    assert list(streams.streams(facts())) == []
    assert list(streams.server(facts())) == []


@pytest.mark.parametrize(
    ("changes", "name", "evidence"),
    [
        ({"subjects": ["smpp.other.*"]}, "nats.stream_conflict", "its subjects do not hold smpp.dead.*"),
        ({"storage": StorageType.MEMORY}, "nats.stream_drift", "kept in memory, lost with the server"),
        ({"max_age": 60.0}, "nats.stream_drift", "max_age 60 s, 2.592e+06 s expected"),
        ({"duplicate_window": 60.0}, "nats.stream_drift", "duplicate_window 60 s, 600 s expected"),
        ({"allow_atomic": False}, "nats.stream_drift", "no allow_atomic: single publishes, slower"),
        ({"allow_direct": False}, "nats.stream_drift", "no allow_direct"),
        ({"max_msgs": 100}, "nats.stream_drift", "max_msgs 100, none expected"),
        ({"max_bytes": 100, "held": 81}, "nats.stream_full", "81% of 100 octets"),
    ],
)
def test_what_differs_is_told(changes: dict[str, Any], name: str, evidence: str) -> None:
    assert told(list(streams.streams(facts(**changes)))) == [(name, evidence)]


@pytest.mark.parametrize("subject", [["smpp.>"], [">"], ["smpp.dead.*", "x"], ["*.dead.*"]])
def test_wider_subjects_hold_ours(subject: list[str]) -> None:
    assert list(streams.streams(facts(subjects=subject))) == []


def test_a_longer_age_is_no_fault() -> None:
    assert list(streams.streams(facts(max_age=90 * topology.DAY))) == []
    assert list(streams.streams(facts(max_age=0.0))) == []


@pytest.mark.parametrize(
    ("changes", "name", "evidence"),
    [
        ({"num_replicas": 1}, "nats.replicas", "1 in a cluster"),
        ({"cluster": None}, "nats.stream_unhealthy", "it has no leader"),
        (
            {"cluster": ClusterInfo(leader="n1", name="c", replicas=[PeerInfo(name="n2", current=False)])},
            "nats.stream_unhealthy",
            "n2 is behind",
        ),
        (
            {"cluster": ClusterInfo(leader="n1", name="c", replicas=[PeerInfo(name="n3", offline=True)])},
            "nats.stream_unhealthy",
            "n3 is offline",
        ),
    ],
)
def test_in_a_cluster_replicas_count(changes: dict[str, Any], name: str, evidence: str) -> None:
    well = ClusterInfo(leader="n1", name="c", replicas=[PeerInfo(name="n2", current=True)])
    found = facts(**{"cluster": well, **changes})
    found.streams = {subjects.SMPP_DEAD: found.streams[subjects.SMPP_DEAD]}
    found.clustered = True
    mine = [one for one in streams.streams(found) if one.where == subjects.SMPP_DEAD]
    assert told(mine) == [(name, evidence)]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"version": "2.11.4"}, ["nats.version"]),
        ({"version": "2.12.0-beta.1"}, []),
        ({"version": ""}, ["nats.version"]),
        ({"max_payload": 65_536}, ["nats.max_payload"]),
        ({"jetstream": False}, ["nats.no_jetstream"]),
    ],
)
def test_the_server_is_judged_by_what_it_says(changes: dict[str, Any], names: list[str]) -> None:
    given = facts()
    for name, value in changes.items():
        setattr(given, name, value)
    assert [one.name for one in streams.server(given)] == names


def consumer(pending: int = 0, unsettled: int = 0, **changes: Any) -> ConsumerInfo:
    wanted = topology.dispatch_consumer(OPERATOR)
    config = {"filter_subject": wanted.filter_subject, "ack_wait": 60.0, "max_ack_pending": 10_000, "max_deliver": -1}
    return ConsumerInfo(
        name=wanted.durable,
        stream_name=wanted.stream,
        created=NOW,
        config=ConsumerConfig(**{**config, **changes}),
        num_pending=pending,
        num_ack_pending=unsettled,
    )


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"filter_subject": "smpp.>"}, "filter smpp.>"),
        ({"max_deliver": 3}, "max_deliver 3 ends messages silently"),
        ({"ack_wait": 30.0}, "ack_wait 30 s, 60 s expected"),
        ({"max_ack_pending": 1000}, "max_ack_pending 1000, 10000 expected"),
        ({"deliver_subject": "x"}, "a push consumer"),
    ],
)
def test_a_consumer_that_differs_is_told(changes: dict[str, Any], evidence: str) -> None:
    given = facts()
    given.streams.pop(subjects.SMPP_RECEIPTS)
    durable = subjects.dispatch_durable(OPERATOR)
    given.consumers = {subjects.SMS_DISPATCH: {durable: consumer(**changes)}}
    assert told(list(streams.consumers(given, [OPERATOR]))) == [("nats.consumer_drift", evidence)]


@pytest.mark.parametrize(
    ("pool", "made", "names"),
    [
        ("dispatch", consumer(3), []),
        ("receipts", consumer(3), ["nats.unassigned"]),
        ("receipts", consumer(0, 2), ["nats.unassigned"]),
        ("receipts", consumer(), []),
        ("receipts", None, ["nats.unassigned"]),
    ],
)
def test_commands_that_nobody_takes_are_told(pool: str, made: ConsumerInfo | None, names: list[str]) -> None:
    given = facts()
    given.waiting = {subjects.dispatch(OPERATOR): 3}
    given.workers = [Process(pool, [OPERATOR])]
    given.consumers = {subjects.SMS_DISPATCH: {made.name: made} if made else {}}
    assert [one.name for one in streams.unassigned(given)] == names
