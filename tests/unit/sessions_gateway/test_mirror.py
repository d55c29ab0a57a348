"""What a mirror takes over of its bucket."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import msgspec
from structlog.testing import capture_logs

from ghasi.bus import Bus, BusSettings
from ghasi.contracts.sessions import ReplicaRecord, SessionRecord, State, Wanted, WantedRecord
from sessions_gateway.mirror import Mirror
from sessions_gateway.mirrors import WORKER_KEYS
from tests.support.gateway import until


async def test_records_of_the_workers_are_passed_over_in_silence() -> None:
    bus: Any = None
    changed: list[str] = []
    mirror = Mirror(bus, "smpp_replicas", ReplicaRecord, changed.append, foreign=(WORKER_KEYS,))
    with capture_logs() as lines:
        mirror._apply("worker.dispatch.1f", None, b'{"process":"1f"}')
        mirror._apply("worker.dispatch.1f", "DEL", None)
        mirror._apply("a", None, msgspec.json.encode(ReplicaRecord("a", "e", 0.0, [])))
        assert not lines
        mirror._apply("b", None, b'{"process":"1f"}')
    assert changed == ["a"]
    assert [line["event"] for line in lines] == ["bucket.unreadable"]


def session(operator_id: str, replica: str) -> bytes:
    return msgspec.json.encode(SessionRecord(operator_id=operator_id, replica=replica, epoch="e", state=State.BOUND))


async def test_what_is_asked_of_one_operator_is_found_by_it() -> None:
    bus: Any = None
    changed: list[str] = []
    mirror = Mirror(bus, "smpp_sessions", SessionRecord, changed.append, own=".me")
    for key in ("x.a", "x.b", "y.a", "x.me"):
        mirror._apply(key, None, session(*key.split(".")))
    assert changed == ["x.a", "x.b", "y.a"], "what we wrote ourselves we need not read"
    assert [one.replica for one in mirror.fresh_of("x", 30.0)] == ["a", "b"]
    value, heard, revision = mirror._items["x.a"]
    mirror._items["x.a"] = (value, heard - 31.0, revision)
    assert [one.replica for one in mirror.fresh_of("x", 30.0)] == ["b"]
    mirror._apply("x.b", "DEL", None)
    mirror._drop_unseen({"y.a"})
    assert mirror.fresh_of("x", 30.0) == []
    assert mirror._families == {"y": {"y.a"}}


async def test_a_silent_watch_is_asked_for_and_a_dead_one_is_made_anew(nats_url: str) -> None:
    bus = await Bus.connect(BusSettings((nats_url,)), "test")
    try:
        await bus.ensure(streams=False)
        bucket = await bus.bucket("smpp_wanted")
        changed: list[str] = []
        mirror = Mirror(bus, "smpp_wanted", WantedRecord, changed.append, silence=0.1)
        key, value = uuid.uuid4().hex, msgspec.json.encode(WantedRecord(Wanted.DRAINED))
        await bucket.put(key, value)
        mirror.start()
        await mirror.filled.wait()
        told = changed.count(key)
        await asyncio.sleep(0.5)
        assert changed.count(key) == told, "a watch that lives brings no key twice"
        for consumer in await bus.js.consumers_info("KV_smpp_wanted"):
            await bus.js.delete_consumer("KV_smpp_wanted", consumer.name)
        await bucket.put(key, msgspec.json.encode(WantedRecord(Wanted.BOUND)))
        await until(lambda: (found := mirror.get(key)) is not None and found.wanted is Wanted.BOUND)
        await mirror.stop()
        await bucket.delete(key)
    finally:
        await bus.close()
