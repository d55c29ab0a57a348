"""workers.pools: both pools on real servers under Dramatiq's own worker, from start to stop."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import nats.errors
import pytest
import redis.asyncio
from dramatiq import Worker
from nats.js.errors import NotFoundError

from ghasi.bus import Bus, BusError, BusSettings, Publication
from ghasi.contracts import subjects, topology
from ghasi.contracts.sessions import SessionRecord, State
from ghasi.contracts.submission import Fate, PartFate, SubmitAnswer, SubmitRequest, decode_request, encode
from ghasi.tasks import end_task
from tests.support.platform import Platform, command
from tests.unit.workers.build import config, until
from tests.unit.workers.test_receipt_lane import receipt
from workers import actors, pools
from workers.broker.broker import JetStreamBroker
from workers.broker.works import WorkQueue
from workers.config import WorkerConfig
from workers.pools import DispatchPool, ReceiptsPool
from workers.presence import Presence

REPLICA = "pool-test"


@contextmanager
def running(settings: WorkerConfig, *queues: str) -> Iterator[JetStreamBroker]:
    """The pools of these queues, with Dramatiq's threads. Starting and stopping them blocks: call in a thread."""

    def dispatch(works: WorkQueue) -> DispatchPool:
        return DispatchPool(works, settings)

    def receipts(works: WorkQueue) -> ReceiptsPool:
        return ReceiptsPool(works, settings)

    broker = JetStreamBroker({"dispatch": dispatch, "receipts": receipts}, settings.shutdown_deadline)
    actors.declare(broker)
    worker = Worker(broker, queues=set(queues), worker_timeout=50, worker_threads=2)
    worker.start()
    deadline = time.monotonic() + 60
    while broker._pools.keys() != set(queues):
        assert time.monotonic() < deadline, "the pools did not start"
        threading.Event().wait(0.01)
    try:
        yield broker
    finally:
        worker.stop(10_000)
        broker.close()


class Pools:
    """`running`, from the test's loop."""

    def __init__(self, settings: WorkerConfig, *queues: str) -> None:
        self._context = running(settings, *queues)

    async def __aenter__(self) -> JetStreamBroker:
        return await asyncio.to_thread(self._context.__enter__)

    async def __aexit__(self, *error: Any) -> None:
        await asyncio.to_thread(self._context.__exit__, *error)


@pytest.fixture
def settings(operator_id: str, nats_url: str, redis_url: str, django_ready: None) -> WorkerConfig:
    return config(operator_id, nats_url=nats_url, redis_url=redis_url)


async def bound(bus: Bus, operator_id: str) -> list[SubmitRequest]:
    """Plays a gateway that accepts everything; returns what it was handed, as it comes."""
    handed: list[SubmitRequest] = []

    async def take(message: Any) -> None:
        request = decode_request(message.data)
        assert isinstance(request, SubmitRequest)
        handed.append(request)
        fates = [PartFate(key, Fate.ACCEPTED, f"id-{key}") for key in request.keys]
        await message.respond(encode(SubmitAnswer(fates)))

    await bus.nc.subscribe(subjects.submit(operator_id, REPLICA), cb=take)
    bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
    record = SessionRecord(operator_id, REPLICA, "e1", State.BOUND, binds=1, tps_limit=500)
    await bucket.put(subjects.session_key(operator_id, REPLICA), msgspec.json.encode(record))
    return handed


async def processes(bus: Bus, operator_id: str) -> list[str]:
    """Pools of the living worker processes that serve the operator."""
    found: list[str] = []
    for pool in ("dispatch", "receipts"):
        one = Presence(bus, pool, ())
        await one.start()
        found += [pool] if operator_id in one.assigned else []
        await one.stop()
    return found


async def test_a_command_goes_out_and_its_receipt_comes_back_through_both_pools(
    settings: WorkerConfig, operator_id: str, bus: Bus, platform: Platform
) -> None:
    handed = await bound(bus, operator_id)
    async with Pools(settings, "dispatch", "receipts"):
        one = command(operator_id)
        await platform.send([one])
        await until(lambda: [r["result"] for r in platform.results_of(one["messageId"])] == ["ACCEPTED"])
        assert await processes(bus, operator_id) == ["dispatch", "receipts"]
        (name,) = platform.results_of(one["messageId"])[0]["operatorMessageIds"]
        await bus.publish(Publication(subjects.receipt(operator_id), receipt(name)))
        await until(lambda: [r["status"] for r in platform.receipts_of(one["messageId"])] == ["DELIVERED"])
    assert [len(request.keys) for request in handed] == [1]
    assert await processes(bus, operator_id) == [], "a process that stops says goodbye"


async def test_receipts_of_a_backup_are_consumed_where_its_primary_is_assigned_and_its_commands_are_not(
    settings: WorkerConfig, operator_id: str, bus: Bus, platform: Platform
) -> None:
    backup = str(uuid.uuid4())
    handed = await bound(bus, backup)
    bucket = await bus.bucket(subjects.BUCKET_SESSIONS)
    record = SessionRecord(
        operator_id, REPLICA, "e1", State.FAILBACK, backup_operator_id=backup, carried_by=backup, failover_term=1
    )
    await bucket.put(subjects.session_key(operator_id, REPLICA), msgspec.json.encode(record))
    async with Pools(settings, "dispatch", "receipts"):
        one, other = command(operator_id), command(backup)
        await platform.send([one, other])
        await until(lambda: [r["result"] for r in platform.results_of(one["messageId"])] == ["ACCEPTED"])
        result = platform.results_of(one["messageId"])[0]
        assert result["operatorId"] == backup
        await bus.publish(Publication(subjects.receipt(backup), receipt(result["operatorMessageIds"][0])))
        await until(lambda: [r["status"] for r in platform.receipts_of(one["messageId"])] == ["DELIVERED"])
        assert platform.receipts_of(one["messageId"])[0]["operatorId"] == backup
        assert platform.results_of(other["messageId"]) == []
    assert [len(request.keys) for request in handed] == [1]


async def test_a_stop_gives_back_what_nobody_could_send(
    settings: WorkerConfig, operator_id: str, bus: Bus, platform: Platform
) -> None:
    sent = [command(operator_id) for _ in range(3)]
    durable = subjects.dispatch_durable(operator_id)
    async with Pools(settings, "dispatch"):
        await platform.send(sent)

        async def held() -> bool:
            return (await bus.js.consumer_info(subjects.SMS_DISPATCH, durable)).num_ack_pending == 3

        await until(held)
    handed = await bound(bus, operator_id)
    async with Pools(settings, "dispatch"):
        await until(lambda: all(platform.results_of(one["messageId"]) for one in sent))
    assert sum(len(request.keys) for request in handed) == 3


@pytest.mark.parametrize("pool", [DispatchPool, ReceiptsPool])
async def test_without_nats_a_pool_says_so(
    operator_id: str, pool: type[DispatchPool | ReceiptsPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = Bus.connect

    async def impatient(settings: BusSettings, name: str) -> Bus:
        return await connect(settings, name, wait=0.2)

    monkeypatch.setattr(Bus, "connect", impatient)
    works: Any = None
    with pytest.raises(BusError, match="cannot be reached"):
        await pool(works, config(operator_id, nats_url="nats://127.0.0.1:1")).start()


async def test_every_lane_is_renewed_whatever_one_of_them_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "RENEW_EVERY", 0.01)
    monkeypatch.setattr(pools, "RENEW_AFTER", 100.0)
    done = asyncio.Event()

    class OneLane:
        operator_id = "o"

        def __init__(self, failing: bool) -> None:
            self.failing = failing
            self.older_than: list[float] = []

        async def renew(self, older_than: float) -> None:
            self.older_than.append(older_than)
            if self.failing:
                raise nats.errors.ConnectionClosedError
            if len(self.older_than) == 2:
                done.set()

    failing, fine = OneLane(True), OneLane(False)
    lanes: Any = [failing, fine]
    renewing = asyncio.create_task(pools._renew_for_ever(lanes))
    await asyncio.wait_for(done.wait(), 60)
    await end_task(renewing)
    assert renewing.cancelled()
    assert len(failing.older_than) >= 2
    assert fine.older_than[0] < asyncio.get_running_loop().time() - 99


def test_renewals_leave_room_before_the_stream_takes_a_message_back() -> None:
    assert pools.RENEW_AFTER + 2 * pools.RENEW_EVERY < 60.0


async def test_the_client_fits_the_redis_that_is_configured(redis_url: str) -> None:
    single = pools._redis(config("o", redis_url=redis_url))
    assert isinstance(single, redis.asyncio.Redis)
    assert await single.ping()
    await single.aclose()
    clustered = WorkerConfig(("o",), BusSettings(("nats://x",)), redis_url, True, 30, 5.0, "info")
    client = pools._redis(clustered)
    assert isinstance(client, redis.asyncio.RedisCluster)
    await client.aclose()


def test_no_thread_is_left_behind() -> None:
    assert [one.name for one in threading.enumerate() if one.name == "bus-loop"] == []


async def test_receipts_of_a_former_backup_are_taken_in_after_a_restart(
    settings: WorkerConfig, bus: Bus, platform: Platform
) -> None:
    """Nobody names it any more when the pool begins; what came meanwhile is in the stream."""
    former, name = str(uuid.uuid4()), uuid.uuid4().hex
    await bus.publish(Publication(subjects.receipt(former), receipt(name)))
    await bound(bus, former)
    async with Pools(settings, "receipts"):
        one = topology.receipt_consumer(former)

        async def taken_in() -> bool:
            try:
                info = await bus.js.consumer_info(one.stream, one.durable)
            except NotFoundError:
                return False
            return bool(info.ack_floor and info.ack_floor.stream_seq) and not info.num_pending

        await until(taken_in)
