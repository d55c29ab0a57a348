"""workers.broker: work goes to Dramatiq's threads and comes back, whatever happens on the way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.errors import BrokerError, ConnectionFailed, QueueNotFound

from ghasi.bus import BusError
from workers import actors
from workers.broker.broker import JetStreamBroker
from workers.broker.works import WorkQueue


class StubPool:
    """A pool without lanes; counts its starts and stops."""

    def __init__(self, works: WorkQueue, failures: int = 0) -> None:
        self.works = works
        self.failures = failures
        self.starts = 0
        self.stopped_with: float | None = None

    async def start(self) -> None:
        self.starts += 1
        if self.starts <= self.failures:
            raise BusError("away")

    async def stop(self, deadline: float) -> None:
        self.stopped_with = deadline


@pytest.fixture
def pools() -> dict[str, StubPool]:
    return {}


@pytest.fixture
def broker(pools: dict[str, StubPool]) -> Iterator[JetStreamBroker]:
    def make(works: WorkQueue) -> StubPool:
        return pools.setdefault("dispatch", StubPool(works))

    made = JetStreamBroker({"dispatch": make, "receipts": make}, shutdown_deadline=3.0)
    actors.declare(made)
    yield made
    made.close()


@pytest.fixture
def worker(broker: JetStreamBroker, pools: dict[str, StubPool]) -> Iterator[Worker]:
    running = Worker(broker, queues={"dispatch"}, worker_timeout=50, worker_threads=3)
    running.start()
    deadline = time.monotonic() + 60
    while "dispatch" not in pools:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    yield running
    running.stop(2000)


def test_results_and_errors_come_back_to_the_loop(broker: JetStreamBroker, worker: Worker) -> None:
    works = broker.works("dispatch")

    def double(number: int) -> int:
        assert threading.current_thread() is not threading.main_thread()
        return 2 * number

    def fail(_: int) -> int:
        raise ValueError("x")

    assert broker.bridge.call(works.run(double, 21), 60) == 42
    with pytest.raises(ValueError, match="x"):
        broker.bridge.call(works.run(fail, 1), 60)
    assert works.in_hand == 0


def test_no_more_work_is_out_than_there_are_threads(broker: JetStreamBroker, worker: Worker) -> None:
    works = broker.works("dispatch")
    gate, lock, running, most = threading.Event(), threading.Lock(), 0, 0

    def hold(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(5)
        with lock:
            running -= 1

    async def many() -> None:
        tasks = [asyncio.create_task(works.run(hold, n)) for n in range(9)]
        while works.in_hand < 3:
            await asyncio.sleep(0.01)
        gate.set()
        await asyncio.gather(*tasks)

    broker.bridge.call(many(), 60)
    assert most == 3


def test_a_waiter_that_gives_up_does_not_break_the_thread(broker: JetStreamBroker, worker: Worker) -> None:
    works = broker.works("dispatch")
    gate = threading.Event()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(works.run(gate.wait, 5), 0.05)
        gate.set()

    broker.bridge.call(give_up(), 60)
    assert broker.bridge.call(works.run(str, 7), 60) == "7"


def test_pools_are_stopped_before_the_threads(broker: JetStreamBroker, pools: dict[str, StubPool]) -> None:
    worker = Worker(broker, queues={"dispatch"}, worker_timeout=50, worker_threads=1)
    worker.start()
    deadline = time.monotonic() + 60
    while "dispatch" not in pools:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    assert broker.bridge.call(broker.works("dispatch").run(str, 1), 60) == "1"
    worker.stop(2000)
    assert pools["dispatch"].stopped_with == 3.0


def test_a_pool_that_cannot_start_yet_is_a_connection_error_to_dramatiq() -> None:
    pool: list[StubPool] = []

    def make(works: WorkQueue) -> StubPool:
        if not pool:
            pool.append(StubPool(works, failures=1))
        return pool[0]

    broker = JetStreamBroker({"dispatch": make, "receipts": make}, shutdown_deadline=1.0)
    actors.declare(broker)
    try:
        with pytest.raises(ConnectionFailed):
            broker.consume(queue_name="dispatch", prefetch=1, timeout=10)
        consumer = broker.consume(queue_name="dispatch", prefetch=1, timeout=10)
        assert next(consumer) is None
        assert pool[0].starts == 2
    finally:
        broker.close()


def test_only_the_queues_of_the_pools_exist(broker: JetStreamBroker) -> None:
    assert broker.get_declared_queues() == {"dispatch", "receipts"}
    with pytest.raises(QueueNotFound):
        dramatiq.actor(lambda: None, queue_name="default", actor_name="x", broker=broker)
    assert broker.get_declared_delay_queues() == set()


def test_nothing_can_be_enqueued(broker: JetStreamBroker) -> None:
    message: dramatiq.Message[None] = dramatiq.Message("dispatch", "work", (), {}, {})
    with pytest.raises(BrokerError, match="publish to the stream"):
        broker.enqueue(message)
