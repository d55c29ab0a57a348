"""`maxBinds` over gateway processes that come, stop and are killed; the SMSC's own log is the truth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import figures
from tests.faults.seed import at_least
from tests.support.product import operator
from tests.support.replicas import (
    TAKEOVER_AFTER_KILL,
    TAKEOVER_AFTER_STOP,
    Replicas,
    binds_on_the_wire,
)

ROUNDS = 5 if at_least("long") else 2
TRIES = 3

pytestmark = pytest.mark.slow


def one(**changes: Any) -> dict[str, Any]:
    return operator(maxBinds=2, receipts={"when": "never"}, rules=[], **changes)


@pytest.mark.proves("lease killed", "lease stopped")
@pytest.mark.timeout(60 + 60 * ROUNDS)
async def test_two_binds_and_no_more_over_three_replicas_that_stop_and_are_killed(
    own_servers: Callable[..., Any], tmp_path: Path
) -> None:
    """Each round stops one holder with SIGTERM and kills another with SIGKILL; both come back."""
    servers = own_servers(only=["nats", "valkey"])
    stopped: list[float] = []
    killed: list[float] = []
    async with Replicas(servers, tmp_path, [one()]) as world:
        for name in "abc":
            world.gateway(name)
        await world.until(lambda: len(binds_on_the_wire(world.log()).accepted) == 2)
        await until_shared(world)
        for _ in range(ROUNDS):
            stopped.append(await handed_over_after(world))
            killed.append(await taken_over_after(world, lambda child: child.kill()))
        binds = binds_on_the_wire(world.log())
    note = f"at most {binds.most} binds at once, 2 allowed"
    for fault, took in (("lease stopped", stopped), ("lease killed", killed)):
        figures.record(fault, runs=ROUNDS, recovered=max(took), note=note)
    assert binds.most == 2
    assert binds.refused == 0
    assert max(stopped) < TAKEOVER_AFTER_STOP
    assert max(killed) < TAKEOVER_AFTER_KILL


async def until_shared(world: Replicas) -> None:
    """The first to come may have taken both slots; it hands one on."""
    end = time.monotonic() + 60.0
    while len(set((await world.holders()).values())) < 2:
        assert time.monotonic() < end, world.tails()
        await asyncio.sleep(0.1)


async def handed_over_after(world: Replicas) -> float:
    """Stops a holder in order; a handover that a pause of the machine may have delayed is measured again."""
    took = [await taken_over_after(world, lambda child: child.request_stop())]
    while took[-1] >= TAKEOVER_AFTER_STOP and len(took) < TRIES:
        took.append(await taken_over_after(world, lambda child: child.request_stop()))
    return min(took)


async def taken_over_after(world: Replicas, end: Callable[[Any], None]) -> float:
    """Ends a holder; seconds until the SMSC has accepted a bind in its place. The replica comes back afterwards."""
    name = (await world.holders())[0]
    before = len(binds_on_the_wire(world.log()).accepted)
    began = time.monotonic()
    end(world.children[name])
    took = await world.until(lambda: binds_on_the_wire(world.log()).accepted[before:], 60.0, f"takeover from {name}")
    world.forget(name)
    world.gateway(name)
    await world.until(lambda: world.said(name, "lease.held"), 60.0, f"{name} lives again")
    return float(took[0]) - began


@pytest.mark.proves("lease later")
@pytest.mark.timeout(120)
async def test_a_replica_that_comes_later_gets_its_share(own_servers: Callable[..., Any], tmp_path: Path) -> None:
    servers = own_servers(only=["nats", "valkey"])
    async with Replicas(servers, tmp_path, [one()]) as world:
        world.gateway("a")
        await world.until_bound("a", 2)
        world.gateway("b")
        began = time.monotonic()
        await world.until_bound("b", 1, timeout=60.0)
        shared = time.monotonic() - began
        await world.until_bound("a", 1)
        assert sorted((await world.holders()).values()) == ["a", "b"]
        binds = binds_on_the_wire(world.log())
    figures.record("lease later", recovered=shared, note=f"at most {binds.most} binds at once, 2 allowed")
    assert (binds.most, binds.refused) == (2, 0)
