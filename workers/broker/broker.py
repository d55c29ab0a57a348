"""The broker Dramatiq runs: one queue a pool, one pool a queue."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Protocol

from dramatiq import Actor, Broker, Message, Middleware, Worker
from dramatiq.errors import BrokerError, ConnectionFailed, QueueNotFound

from ghasi.bus import BusError, TopologyConflict, said
from ghasi.logs import get_logger
from workers.broker.consumer import JetStreamConsumer
from workers.broker.loop import LoopThread
from workers.broker.works import WorkQueue

START_TIMEOUT = 60.0
STOP_MARGIN = 5.0

log = get_logger()


class Pool(Protocol):
    """What a queue's lanes are to the broker; both run on the loop."""

    async def start(self) -> None:
        """Raises BusError when NATS cannot be reached; the broker tries again."""

    async def stop(self, deadline: float) -> None:
        """Stops pulling, releases what has not begun, finishes the rest within `deadline` seconds."""


PoolFactory = Callable[[WorkQueue], Pool]


class JetStreamBroker(Broker):
    """A broker whose messages come from lanes; nothing can be enqueued from outside.

    The stock middleware is left out on purpose (docs/decisions/0003-dramatiq-broker.md): Retries acknowledges
    what it failed to enqueue, TimeLimit and ShutdownNotifications raise into a thread between claim and record.
    """

    def __init__(self, factories: dict[str, PoolFactory], shutdown_deadline: float) -> None:
        super().__init__(middleware=[_StopPools()])
        self.bridge = LoopThread()
        self.shutdown_deadline = shutdown_deadline
        self._factories = factories
        self._works: dict[str, WorkQueue] = {}
        self._pools: dict[str, Pool] = {}
        self._lock = threading.Lock()
        self.threads = 8

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self._factories:
            raise QueueNotFound(queue_name)  # type: ignore[no-untyped-call]
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def declare_actor(self, actor: Actor[Any, Any]) -> None:
        super().declare_actor(actor)
        self._works[actor.queue_name] = WorkQueue(actor.queue_name, actor.actor_name, self.bridge.loop)

    def works(self, queue_name: str) -> WorkQueue:
        return self._works[queue_name]

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30_000) -> JetStreamConsumer:
        """Starts the queue's pool at the first call; raises ConnectionFailed when it cannot start yet."""
        works = self._works[queue_name]
        with self._lock:
            if queue_name not in self._pools:
                works.thread_count = self.threads
                pool = self._factories[queue_name](works)
                try:
                    self.bridge.call(pool.start(), START_TIMEOUT)
                except TopologyConflict as conflict:
                    # A person must decide; trying again for ever would only hide it.
                    log.critical("pool.refused", queue=queue_name, detail=str(conflict))
                    os.kill(os.getpid(), signal.SIGTERM)
                    raise ConnectionFailed(str(conflict)) from None  # type: ignore[no-untyped-call]
                except (BusError, TimeoutError) as error:
                    log.error(
                        "pool.start_failed", queue=queue_name, errorType=type(error).__name__, detail=said(error)
                    )
                    raise ConnectionFailed(str(error)) from None  # type: ignore[no-untyped-call]
                self._pools[queue_name] = pool
        return JetStreamConsumer(works, timeout)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Work enters through the streams only: raises BrokerError."""
        raise BrokerError("publish to the stream instead")  # type: ignore[no-untyped-call]

    def stop_pools(self) -> None:
        """Runs on Dramatiq's main thread before the threads stop: lanes need them to record what is in flight."""
        for queue_name, pool in list(self._pools.items()):
            try:
                self.bridge.call(pool.stop(self.shutdown_deadline), self.shutdown_deadline + STOP_MARGIN)
            except Exception as error:
                log.error("pool.stop_failed", queue=queue_name, errorType=type(error).__name__)
        self._pools.clear()

    def close(self) -> None:
        self.stop_pools()
        self.bridge.stop()

    def flush(self, queue_name: str) -> None:
        """Nothing is kept here that could be flushed."""

    def flush_all(self) -> None:
        """Nothing is kept here that could be flushed."""


class _StopPools(Middleware):
    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        if isinstance(broker, JetStreamBroker):
            broker.threads = worker.worker_threads

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        if isinstance(broker, JetStreamBroker):
            broker.stop_pools()
