"""What the tests of the lanes are made of: our own collaborators by hand, the servers real."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connections
from nats.js.api import ConsumerInfo

from ghasi.bus import Bus, BusSettings, PullLane
from ghasi.contracts import topology
from ghasi.contracts.sessions import SendRules, SessionRecord, State
from ghasi.contracts.submission import Fate, PartFate, SubmitAnswer
from ghasi.smpp.pdu import SubmitSm, decode_pdu
from tests.support.platform import Platform, command
from workers.config import WorkerConfig
from workers.context import Context, utc_now
from workers.delivery import Delivery
from workers.holders import Holders
from workers.outgoing import Outgoing, take
from workers.throttle import Booking

Step = Callable[[], Awaitable[object]]


async def until(condition: Callable[[], Any], what: str = "", timeout: float = 60.0) -> None:
    """Waits for a condition, plain or awaitable; raises AssertionError when it does not come true."""
    end = time.monotonic() + timeout
    while True:
        met = condition()
        if inspect.isawaitable(met):
            met = await met
        if met:
            return
        assert time.monotonic() < end, f"did not happen: {what or condition}"
        await asyncio.sleep(0.01)


def raising(error: Exception) -> Step:
    """A step of a script that fails."""

    async def step() -> None:
        raise error

    return step


async def nothing() -> None:
    """A step of a script at which nothing special happens."""


class Works:
    """Runs database work on one thread. `script(function, step, …)` puts one step before each next call of it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._scripts: dict[Any, deque[Step]] = defaultdict(deque)
        self.calls: list[Any] = []

    def script(self, function: Any, *steps: Step) -> None:
        self._scripts[function].extend(steps)

    async def run(self, function: Any, argument: Any) -> Any:
        self.calls.append(function)
        if self._scripts[function]:
            await self._scripts[function].popleft()()
        return await self.plainly(function, argument)

    async def plainly(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def close(self) -> None:
        self._thread.submit(connections.close_all).result()
        self._thread.shutdown()


@dataclass
class Handed:
    """One hand-over as the gateway got it."""

    replica: str
    epoch: str
    keys: list[str]
    lanes: list[int]
    pdus: list[SubmitSm]
    operator_id: str = ""

    @property
    def names(self) -> list[str]:
        """Destination and part of each PDU."""
        return [f"{pdu.destination_addr[-3:]}/{_part(pdu)}" for pdu in self.pdus]


def _part(pdu: SubmitSm) -> int:
    return pdu.short_message[5] if pdu.esm_class & 0x40 else 1


def accept(key: str) -> PartFate:
    return PartFate(key, Fate.ACCEPTED, f"id-{key}", answered_ms=int(time.time() * 1000))


class Gateway:
    """Answers every hand-over by `fate`, once `open`; counts how many PDUs were on their way at most."""

    def __init__(self) -> None:
        self.max_pdus = 500
        self.max_octets = 400_000
        self.open = asyncio.Event()
        self.open.set()
        self.fate: Callable[[str], PartFate] = accept
        self.scripts: deque[Callable[[str], PartFate]] = deque()
        """How the next hand-overs are answered, before `fate` answers them all."""
        self.known: Callable[[str], PartFate] = accept
        self.handed: list[Handed] = []
        self.asked: list[tuple[str, str, list[str]]] = []
        self.asked_of: list[str] = []
        self.paces: list[int] = []
        self.most = 0
        self._out = 0

    async def submit(
        self,
        operator_id: str,
        replica: str,
        epoch: str,
        keys: Sequence[str],
        lanes: Sequence[int],
        pdus: bytes,
        pace: int = 0,
        traces: Sequence[str] = (),
    ) -> SubmitAnswer:
        self.paces.append(pace)
        self.handed.append(Handed(replica, epoch, list(keys), list(lanes), split(pdus), operator_id))
        self._out += len(keys)
        self.most = max(self.most, self._out)
        fate = self.scripts.popleft() if self.scripts else self.fate
        await self.open.wait()
        self._out -= len(keys)
        return SubmitAnswer([fate(key) for key in keys])

    async def ask(self, operator_id: str, replica: str, epoch: str, keys: Sequence[str]) -> SubmitAnswer:
        self.asked.append((replica, epoch, list(keys)))
        self.asked_of.append(operator_id)
        return SubmitAnswer([self.known(key) for key in keys])

    @property
    def names(self) -> list[str]:
        return [name for handed in self.handed for name in handed.names]


def split(pdus: bytes) -> list[SubmitSm]:
    found: list[SubmitSm] = []
    while pdus:
        length = int.from_bytes(pdus[:4], "big")
        pdu = decode_pdu(pdus[:length])
        assert isinstance(pdu, SubmitSm)
        found.append(pdu)
        pdus = pdus[length:]
    return found


class Grants:
    """A throttle that grants at most `at_once` PDUs a booking, to leave `apart` seconds after each other."""

    def __init__(self) -> None:
        self.at_once = 1_000
        self.apart = 0.0
        self.asked: list[tuple[str, int, int]] = []
        self.mark = 0
        self.slowed: list[tuple[str, int, int]] = []
        self.rate: int | None = None

    async def slow(self, operator_id: str, limit: int, mark: int) -> None:
        self.slowed.append((operator_id, limit, mark))

    def effective(self, operator_id: str, limit: int) -> int:
        return limit if self.rate is None else min(self.rate, limit)

    async def book(self, operator_id: str, limit: int, n: int) -> Booking:
        self.asked.append((operator_id, limit, n))
        granted = min(n, self.at_once)
        return Booking(tuple(self.apart * one for one in range(granted)), 0.0 if granted == n else 0.01, self.mark)


class Sleeps:
    """Passes no time; keeps how long was to be slept, and does `then` instead."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.then: Step = nothing

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.then()
        await asyncio.sleep(0)


def config(*operator_ids: str, nats_url: str = "nats://unused", redis_url: str = "") -> WorkerConfig:
    return WorkerConfig(operator_ids, BusSettings((nats_url,)), redis_url, False, 30, 5.0, "warning")


@dataclass
class Bench:
    """A context and everything in it, for one operator."""

    operator_id: str
    bus: Bus
    works: Works
    platform: Platform
    gateway: Gateway = field(default_factory=Gateway)
    throttle: Grants = field(default_factory=Grants)
    holders: Holders = field(default_factory=lambda: Holders(time.monotonic))
    sleeps: Sleeps = field(default_factory=Sleeps)
    _pulls: list[PullLane] = field(default_factory=list)

    @property
    def context(self) -> Context:
        parts: dict[str, Any] = {"works": self.works, "gateway": self.gateway, "throttle": self.throttle}
        return Context(
            config=config(self.operator_id),
            bus=self.bus,
            holders=self.holders,
            sleep=self.sleeps,
            jitter=lambda: 0.0,
            **parts,
        )

    def record(self, **changes: Any) -> SessionRecord:
        given: dict[str, Any] = {"replica": "r1", "epoch": "e1", "state": State.BOUND, "binds": 1}
        given |= {"window_size": 10, "tps_limit": 1000, "updated_at": time.time()}
        return SessionRecord(operator_id=self.operator_id, **(given | changes))

    def bind(self, **changes: Any) -> SessionRecord:
        record = self.record(**changes)
        self.holders.put(record)
        return record

    async def send(self, count: int = 1, first: int = 1, **changes: Any) -> list[dict[str, Any]]:
        """Commands to …001, …002 and so on, in this order in the stream."""
        made = [command(self.operator_id, f"+93700000{first + n:03}", **changes) for n in range(count)]
        await self.platform.send(made)
        return made

    async def short_ack_wait(self, seconds: float = 2.0) -> None:
        """The lane's durable, made beforehand: what exists is used as it is."""
        await self.bus.ensure_consumer(replace(topology.dispatch_consumer(self.operator_id), ack_wait=seconds))

    async def deliveries(self, count: int) -> list[Delivery]:
        """The next messages of the operator's durable, in hand."""
        consumer = topology.dispatch_consumer(self.operator_id)
        await self.bus.ensure_consumer(consumer)
        if not self._pulls:
            self._pulls.append(await self.bus.pull(consumer))
        found: list[Delivery] = []
        while len(found) < count:
            fetched = await self._pulls[0].fetch(count - len(found), 10.0)
            assert fetched, "no delivery"
            found += [Delivery(self.bus, arrived, asyncio.get_running_loop().time()) for arrived in fetched]
        return found

    async def outgoings(self, count: int, rules: SendRules | None = None) -> list[Outgoing]:
        return [
            take(one, self.operator_id, rules or SendRules(), utc_now(), 30) for one in await self.deliveries(count)
        ]

    async def consumer(self) -> ConsumerInfo:
        one = topology.dispatch_consumer(self.operator_id)
        return await self.bus.js.consumer_info(one.stream, one.durable)

    async def settled(self) -> bool:
        """Everything published was delivered and acknowledged."""
        info = await self.consumer()
        return info.num_pending == 0 and info.num_ack_pending == 0

    def results(self) -> dict[str, list[str]]:
        """Results told so far, by message."""
        told: dict[str, list[str]] = defaultdict(list)
        for one in self.platform.results:
            if one["operatorId"] == self.operator_id:
                told[one["messageId"]].append(one["result"])
        return dict(told)

    def dead(self) -> list[tuple[dict[str, str], bytes]]:
        subject = f"smpp.dead.{self.operator_id}"
        return [(headers, body) for where, headers, body in self.platform.dead if where == subject]
