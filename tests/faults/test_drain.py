"""Replicas that go in order, under load, with every process of the product: nothing in doubt, nothing lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.seed import at_least
from tests.support.platform import Platform, command
from tests.support.product import ROOT, operator
from tests.support.replicas import Replicas, binds_on_the_wire

ROUNDS = 4 if at_least("long") else 1
A_SECOND = 60

pytestmark = pytest.mark.slow


@contextmanager
def migrated(servers: Servers, world: Replicas) -> Iterator[None]:
    """The servers' own database is ready for the workers."""
    argv = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(argv, cwd=ROOT, env=world.env(), check=True, timeout=60)
    yield


@asynccontextmanager
async def product(servers: Servers, tmp_path: Path, one: dict[str, Any]) -> AsyncIterator[Replicas]:
    """Two gateways that share the operator's binds, and both pools."""
    world = Replicas(servers, tmp_path, [one])
    with migrated(servers, world):
        async with world:
            for name in "ab":
                world.gateway(name)
            world.run_pool("dispatch", 1, 4)
            world.run_pool("receipts", 1, 4)
            yield world


class Load:
    """Publishes commands at a steady rate until told to stop."""

    def __init__(self, platform: Platform, operator_id: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self._platform = platform
        self._operator_id = operator_id
        self._enough = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._enough.is_set():
            texts = ["x" * 300 if n % 5 == 0 else "hello" for n in range(A_SECOND // 10)]
            first = len(self.sent)
            made = [command(self._operator_id, f"+9370{first + n:07}", text) for n, text in enumerate(texts)]
            await self._platform.send(made)
            self.sent += made
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        self._enough.set()
        await self._task

    def settled(self) -> bool:
        return {one["messageId"] for one in self._platform.results} >= {one["messageId"] for one in self.sent}


def compared(world: Replicas, sent: list[dict[str, Any]], results: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts of `figures.record`: what was sent, what the SMSC took, and what was told of it."""
    taken = Counter((line["destination_addr"], line["part"]) for line in world.smsc_log(world.operator_id))
    missing = {one["to"].lstrip("+") for one in sent} - {to for to, _ in taken}
    return {
        "commands": len(sent),
        "lost": len(missing),
        "doubled": sum(count - 1 for count in taken.values()),
        "in_doubt": sum(one["result"] == "IN_DOUBT" or one["possibleDuplicate"] for one in results),
        "unexplained": len({one["messageId"] for one in results} - {one["messageId"] for one in sent}),
    }


def check_submits(world: Replicas, sent: list[dict[str, Any]]) -> None:
    """Each part of each command arrived at the SMSC once, the parts of a message in order on one bind."""
    parts: dict[str, list[tuple[int, int]]] = {}
    for line in world.smsc_log(world.operator_id):
        parts.setdefault(line["destination_addr"], []).append((line["part"], line["bind"]))
    expected = {one["to"].lstrip("+"): [1, 2] if len(one["text"]) > 160 else [1] for one in sent}
    assert {to: [part for part, _ in came] for to, came in parts.items()} == expected
    torn = [to for to, came in parts.items() if len({bind for _, bind in came}) > 1]
    assert len(torn) <= len(sent) // 100, "a message changes its bind only where that bind ends"


@pytest.mark.proves("rolling restart")
@pytest.mark.timeout(120 + 60 * ROUNDS)
async def test_a_rolling_restart_under_load_leaves_nothing_in_doubt(
    own_servers: Callable[..., Any], tmp_path: Path
) -> None:
    servers = own_servers()
    one = operator(maxBinds=2, windowSize=20, tpsLimit=500, responseDelay=0.15, rules=[])
    async with product(servers, tmp_path, one) as world, await Platform.over(servers.nats_url) as platform:
        await until_shared(world)
        load = Load(platform, world.operator_id)
        await platform.until(lambda: len(platform.results) > 100, 60.0, world.tails())
        for name in "ab" * ROUNDS:
            world.children[name].request_stop()
            await world.until(lambda name=name: not world.children[name].running, 60.0, f"{name} ends")
            assert world.said(name, "gateway.stopped")
            world.forget(name)
            done = len(platform.results)
            await platform.until(lambda done=done: len(platform.results) > done + 100, 40.0, world.tails())
            world.gateway(name)
            await world.until(lambda name=name: world.said(name, "lease.held"), 60.0, f"{name} lives again")
        await load.stop()
        await platform.until(load.settled, 60.0, world.tails())
        binds = binds_on_the_wire(world.log())
        results = Counter(result["result"] for result in platform.results)
        note = f"{2 * ROUNDS} restarts; at most {binds.most} binds at once, 2 allowed"
        figures.record("rolling restart", note=note, **compared(world, load.sent, platform.results))
        check_submits(world, load.sent)
    assert results == {"ACCEPTED": len(load.sent)}
    assert not any(result["possibleDuplicate"] for result in platform.results)
    assert (binds.most, binds.refused) == (2, 0)


async def until_shared(world: Replicas) -> None:
    """Each replica has one of the two binds."""
    await world.until_bound("a", 1, timeout=60.0)
    await world.until_bound("b", 1, timeout=60.0)


def order(world: Replicas, action: str) -> str:
    """`manage.py` as the staff runs it."""
    argv = [sys.executable, "manage.py", action, world.operator_id, "--reason", "test"]
    done = subprocess.run(argv, cwd=ROOT, env=world.env(), check=True, timeout=60, capture_output=True, text=True)
    return done.stdout


@pytest.mark.proves("drain")
@pytest.mark.timeout(180)
async def test_a_drained_operator_stays_so_on_every_replica_until_bind(
    own_servers: Callable[..., Any], tmp_path: Path
) -> None:
    servers = own_servers()
    one = operator(maxBinds=2, windowSize=20, tpsLimit=500, responseDelay=0.3, rules=[])
    async with product(servers, tmp_path, one) as world, await Platform.over(servers.nats_url) as platform:
        await until_shared(world)
        load = Load(platform, world.operator_id)
        await platform.until(lambda: len(platform.results) > 60, 60.0, world.tails())
        said = await asyncio.to_thread(order, world, "drain")
        assert "a: ok wanted: drained" in said
        assert "b: ok wanted: drained" in said
        await world.until(lambda: unbinds(world) >= len(binds_on_the_wire(world.log()).accepted), 60.0, "unbound")
        assert await world.holders() == {}
        binds = len(binds_on_the_wire(world.log()).accepted)
        for name in "ab":
            world.forget(name)
            world.gateway(name)
        for name in "ab":
            await world.until(lambda name=name: world.said(name, "lease.held"), 60.0, f"{name} lives again")
        arrived = len(world.smsc_log(world.operator_id))
        await asyncio.sleep(4.0)
        bound_meanwhile = len(binds_on_the_wire(world.log()).accepted) - binds
        sent_meanwhile = len(world.smsc_log(world.operator_id)) - arrived
        record = await world.record("a")
        assert record is not None
        assert (record.state.value, record.reason) == ("UNBOUND", "drained")
        await load.stop()
        assert "wanted: bound" in await asyncio.to_thread(order, world, "bind")
        await platform.until(load.settled, 60.0, world.tails())
        note = f"{bound_meanwhile} binds and {sent_meanwhile} PDUs while drained"
        figures.record("drain", note=note, **compared(world, load.sent, platform.results))
        results = Counter(result["result"] for result in platform.results)
        check_submits(world, load.sent)
    assert (bound_meanwhile, sent_meanwhile) == (0, 0)
    assert results == {"ACCEPTED": len(load.sent)}


def unbinds(world: Replicas) -> int:
    return sum(line["event"] == "unbind" and line["by"] == "esme" for line in world.log())
