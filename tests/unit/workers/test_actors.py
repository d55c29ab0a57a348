"""workers.actors: one actor a queue, which runs what a lane made ready, once."""

from __future__ import annotations

import asyncio
from typing import Any

from workers import actors
from workers.broker.broker import JetStreamBroker


def make() -> JetStreamBroker:
    def no_pool(works: Any) -> Any:
        raise AssertionError("nothing starts here")

    broker = JetStreamBroker({"dispatch": no_pool, "receipts": no_pool}, 1.0)
    actors.declare(broker)
    return broker


def test_each_queue_has_one_actor_without_retries() -> None:
    broker = make()
    try:
        assert {name: broker.get_actor(name).queue_name for name in broker.get_declared_actors()} == {
            "dispatch_batch": "dispatch",
            "receipts_batch": "receipts",
        }
        assert all(not broker.get_actor(name).options for name in broker.get_declared_actors())
        assert {type(one).__name__ for one in broker.middleware} == {"_StopPools"}
    finally:
        broker.close()


def test_an_actor_runs_the_work_of_its_own_queue() -> None:
    broker = make()
    try:
        for queue in ("dispatch", "receipts"):
            works = broker.works(queue)
            broker.bridge.start()
            future = asyncio.run_coroutine_threadsafe(works.run(str.upper, queue), broker.bridge.loop)
            message = works.next(5.0)
            assert message is not None
            assert (message.queue_name, message.actor_name) == (queue, f"{queue}_batch")
            broker.get_actor(message.actor_name)(*message.args)
            works.done(message.args[0])
            assert future.result(5.0) == queue.upper()
    finally:
        broker.close()
