"""Gateways and workers as the staff's pages see them: `python -m benchmarks.stand_in`, until its input ends.

Two replicas report every operator, answer what the pages ask them, and a few operators have commands that wait. NATS
is the one of NATS_URL.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial
from typing import Any

import msgspec

from benchmarks.shape import OPERATORS, operator_id, operator_name
from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects, topology
from ghasi.contracts.sessions import ControlAnswer, SessionRecord, State, Wanted, WantedRecord
from tests.support.platform import command

READY = "ready"
_REPLICAS = ("gateway-0", "gateway-1")
_WORKERS = 12
_BUSY = 10
"""Operators with a backlog."""
_WAITING = 200
_RENEW = 4.0


def record(number: int, replica: str) -> SessionRecord:
    """As a gateway under load writes it; every tenth operator is not bound."""
    now = time.time()
    state = State.BOUND if number % 10 else State.DISCONNECTED
    return SessionRecord(
        operator_id(number),
        replica,
        "e1",
        state,
        operator_name=operator_name(number),
        bind_mode="transceiver",
        host=f"smsc-{number}.example.net",
        port=2775,
        binds=2,
        max_binds=4,
        window_size=50,
        window_used=number % 50,
        tps_limit=200,
        tps_current=number * 3,
        last_bound_at=now - 3600,
        last_unbound_at=now - 60,
        reason=None if number % 10 else "connection refused",
        updated_at=now,
        profile="preset:default",
        heard_at=now - 1,
    )


async def _main() -> None:
    bus = await Bus.connect(BusSettings.from_env(), "stand-in")
    await bus.ensure()
    numbers = range(OPERATORS)
    for number in numbers:
        await bus.ensure_consumer(topology.dispatch_consumer(operator_id(number)))
        await bus.ensure_consumer(topology.receipt_consumer(operator_id(number)))
    await bus.publish_many([one for number in range(_BUSY) for one in _backlog(number)])
    wanted = await bus.bucket(subjects.BUCKET_WANTED)
    for number in numbers[::10]:
        order = WantedRecord(Wanted.DRAINED, "bench", "works at the operator", time.time())
        await wanted.put(operator_id(number), msgspec.json.encode(order))
    for number in numbers:
        for replica in _REPLICAS:
            answer = partial(_answer, bus, number, replica)
            await bus.nc.subscribe(subjects.control(operator_id(number), replica), cb=answer)
    await _renew(bus)
    print(READY, flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not ended.done():
        await asyncio.wait([ended], timeout=_RENEW)
        await _renew(bus)
    await bus.close()


def _backlog(number: int) -> list[Publication]:
    made = [command(operator_id(number)) for _ in range(_WAITING)]
    subject = subjects.dispatch(operator_id(number))
    return [Publication(subject, json.dumps(one).encode(), one["eventId"]) for one in made]


async def _answer(bus: Bus, number: int, replica: str, message: Any) -> None:
    told = ControlAnswer(replica, True, sessions=[record(number, replica)])
    await bus.nc.publish(message.reply, msgspec.json.encode(told))


async def _renew(bus: Bus) -> None:
    sessions, replicas = await bus.bucket(subjects.BUCKET_SESSIONS), await bus.bucket(subjects.BUCKET_REPLICAS)
    for number in range(OPERATORS):
        for replica in _REPLICAS:
            key = subjects.session_key(operator_id(number), replica)
            await sessions.put(key, msgspec.json.encode(record(number, replica)))
    for number in range(_WORKERS):
        for pool in ("dispatch", "receipts"):
            await replicas.put(f"worker.{pool}.w{number}", b"{}")


if __name__ == "__main__":
    asyncio.run(_main())
