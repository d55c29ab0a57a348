"""A TCP proxy between every pair of processes: cut, half-open, delay, one octet at a time, reset, black hole.

Each fault lasts a few seconds under load, heals, and the line must get back to nothing waiting before the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import GATEWAY_ENV, Line
from tests.faults.load import Load
from tests.faults.oracle import judge
from tests.faults.seed import at_least, rng
from tests.support.product import free_port
from tests.support.proxy import Proxy

RATE = 40.0
LASTS = 4.0
PAIRS = ("workers-nats", "gateway-nats", "workers-postgres", "workers-valkey", "gateway-smsc")
FAULTS: dict[str, Callable[[Proxy], None]] = {
    "cut": Proxy.cut,
    "reset": Proxy.reset,
    "half-open": Proxy.half_open,
    "delay": lambda proxy: proxy.delay(0.3),
    "one octet at a time": lambda proxy: proxy.byte_by_byte(0.0005),
    "black hole": Proxy.black_hole,
}


@dataclass(frozen=True, slots=True)
class Wiring:
    """A line whose one pair of processes talks through the proxy."""

    proxy: Proxy
    env_of: dict[str, dict[str, str]]
    scenario: dict[str, object]


@contextmanager
def wired(plant: Servers, pair: str) -> Iterator[Wiring]:
    """The proxy for a pair, and what makes a line use it."""
    smsc = free_port()
    target = {
        "nats": urlsplit(plant.nats_url).port,
        "postgres": urlsplit(plant.database_url).port,
        "valkey": urlsplit(plant.redis_url).port,
        "smsc": smsc,
    }[pair.partition("-")[2]]
    assert target is not None
    with Proxy(target) as proxy:
        url = {
            "workers-nats": {"NATS_URL": f"nats://127.0.0.1:{proxy.port}"},
            "gateway-nats": {"NATS_URL": f"nats://127.0.0.1:{proxy.port}"},
            "workers-postgres": {"DATABASE_URL": plant.database_url.replace(f":{target}/", f":{proxy.port}/")},
            "workers-valkey": {"REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"},
            "gateway-smsc": {},
        }[pair]
        names = ("gateway",) if pair.startswith("gateway") else ("dispatch", "receipts")
        env_of = {"gateway": dict(GATEWAY_ENV)}
        for name in names:
            env_of[name] = env_of.get(name, {}) | url
        rules = {"inDoubtWait": 3.0, "inDoubtPolicy": "resend"}
        told = {"port": proxy.port} if pair == "gateway-smsc" else {}
        yield Wiring(proxy, env_of, {"port": smsc, "management": {"override": {"rules": rules} | told}})


@pytest.mark.timeout(120)
async def test_a_few_faults(lines: Lines, plant: Servers) -> None:
    """Two faults of one pair each, drawn from the seed."""
    draw = rng("network, a few")
    await _suffer(lines, plant, draw.choice(PAIRS), draw.sample(sorted(FAULTS), 2))


@pytest.mark.fault_set("full")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("pair", PAIRS)
async def test_every_fault(lines: Lines, plant: Servers, pair: str) -> None:
    await _suffer(lines, plant, pair, list(FAULTS))


async def _suffer(lines: Lines, plant: Servers, pair: str, faults: list[str]) -> None:
    healed: dict[str, float] = {}
    with ExitStack() as undo:
        wiring = undo.enter_context(wired(plant, pair))
        line: Line = await lines(env_of=wiring.env_of, **wiring.scenario)
        async with Load(line) as load:
            for fault in faults:
                healed[fault] = await _one(wiring.proxy, load, fault)
                await load.drained(60.0 if at_least("full") else 30.0)
            drained = await load.drained(60.0)
            evidence = await gather(line, load.commands)
        await line.shut()
    verdict = judge(evidence)
    figures.write(
        figures.of(f"{pair}: {fault}", verdict, evidence, batch=fault, at=at) for fault, at in healed.items()
    )
    assert verdict.holds, f"{verdict}\n{line.tails()}"
    assert drained, line.tails()


async def _one(proxy: Proxy, load: Load, fault: str) -> float:
    """One fault under load, from its beginning to its end; when it was healed."""
    stop = asyncio.Event()
    sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop))
    try:
        await asyncio.sleep(0.5)
        await asyncio.to_thread(FAULTS[fault], proxy)
        await asyncio.sleep(LASTS)
        await asyncio.to_thread(proxy.heal)
        healed = time.time()
        await asyncio.sleep(0.5)
    finally:
        stop.set()
        await sending
    return healed
