"""NATS stopped, killed or cut off from one replica: who keeps its binds, what the operator hears, what it costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ghasi.contracts.submission import Fate
from tests.faults import figures
from tests.faults.seed import at_least
from tests.support.product import operator
from tests.support.proxy import Proxy
from tests.support.replicas import Replicas, binds_on_the_wire, numbered

UNBOUND_WITHIN = 9.5
"""Seconds after the last renewal, which may be 3 s old when NATS goes: unbound 5.5 s to 9.5 s after that."""
RECEIPTS = 600
TEMPORARY = 0x64
GROWTH_AT_MOST = 40 * 1024
"""KiB of resident memory."""
AWAY = 60.0 if at_least("long") else 15.0

pytestmark = pytest.mark.slow


def proving(fault: str, *ways: str) -> list[Any]:
    """Parameters of which each is a fault of its own."""
    return [pytest.param(way, marks=pytest.mark.proves(fault.format(way)), id=way) for way in ways]


def flooding(**changes: Any) -> dict[str, Any]:
    """Its receipts come 1 s after the submits and again 20 ms after each temporary answer, 100 at a time."""
    receipts = {"delay": 1.0, "when": "always", "retryDelay": 0.02, "maxTries": 1_000_000, "window": 100}
    return operator(windowSize=500, receipts=receipts, rules=[], tpsLimit=10_000, **changes)


async def with_receipts_to_come(world: Replicas, name: str) -> None:
    """Submits whose receipts are still due."""
    record = await world.until_bound(name)
    for _ in range(RECEIPTS // 100):
        keys, pdus = numbered(100)
        assert {fate.fate for fate in (await world.submit(record, pdus, keys)).fates} == {Fate.ACCEPTED}


def answers(world: Replicas, since: float, until: float) -> list[dict[str, Any]]:
    return [line for line in world.log() if line["event"] == "deliver_resp" and since <= line["mono"] < until]


def resident(world: Replicas, name: str) -> int:
    """KiB."""
    status = Path(f"/proc/{world.children[name].pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


async def every_receipt_is_taken(world: Replicas, timeout: float = 60.0) -> int:
    """Waits until each receipt is answered; how many of them the stream does not hold."""

    def taken() -> bool:
        return (
            sum(line["event"] == "deliver_resp" and line["command_status"] == 0 for line in world.log()) >= RECEIPTS
        )

    await world.until(taken, timeout, "every receipt is stored and answered in the end")
    stored = await world.bus.js.stream_info("SMPP_RECEIPTS")
    return max(0, RECEIPTS - stored.state.messages)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("how", proving("nats {} for a holder", "stopped", "killed"))
async def test_the_holder_refuses_receipts_then_unbinds_and_comes_back(
    own_servers: Callable[..., Any], tmp_path: Path, how: str
) -> None:
    servers = own_servers(only=["nats", "valkey"])
    async with Replicas(servers, tmp_path, [flooding()]) as world:
        world.gateway("a")
        await with_receipts_to_come(world, "a")
        before = resident(world, "a")
        gone = time.monotonic()
        servers.nats.pause() if how == "stopped" else servers.nats.kill()
        await world.until(lambda: any(line["event"] == "unbind" for line in world.log()), 60.0, "unbind")
        (unbind,) = [line for line in world.log() if line["event"] == "unbind"]
        heard = answers(world, gone + 3.0, unbind["mono"])
        grown = resident(world, "a") - before
        await asyncio.sleep(max(0.0, gone + AWAY - time.monotonic()))
        assert len(binds_on_the_wire(world.log()).accepted) == 1, "nobody binds without a lease"
        servers.nats.resume() if how == "stopped" else servers.nats.restart()
        healed = time.monotonic()
        await world.until(lambda: len(binds_on_the_wire(world.log()).accepted) == 2, 60.0, "bound again")
        again = binds_on_the_wire(world.log()).accepted[1] - healed
        lost = await every_receipt_is_taken(world)
    stayed = unbind["mono"] - gone
    note = f"away for {healed - gone:.0f} s; unbound after {stayed:.1f} s, {len(heard)} receipts refused until then, "
    note += f"{grown} KiB more memory"
    figures.record(f"nats {how} for a holder", commands=RECEIPTS, lost=lost, recovered=again, note=note)
    assert not lost
    assert 5.0 < stayed < UNBOUND_WITHIN
    assert unbind["by"] == "esme"
    assert heard
    assert {line["command_status"] for line in heard} == {TEMPORARY}
    assert grown < GROWTH_AT_MOST


@pytest.mark.timeout(200)
@pytest.mark.parametrize("how", proving("nats {} for the only one", "stopped", "killed"))
async def test_the_only_replica_stays_bound_throughout_in_bounded_memory(
    own_servers: Callable[..., Any], tmp_path: Path, how: str
) -> None:
    servers = own_servers(only=["nats", "valkey"])
    async with Replicas(servers, tmp_path, [flooding()]) as world:
        world.gateway("a", GATEWAY_SOLE="1")
        await with_receipts_to_come(world, "a")
        gone = time.monotonic()
        servers.nats.pause() if how == "stopped" else servers.nats.kill()
        await world.until(lambda: answers(world, gone + 5.0, time.monotonic()), 60.0, "receipts refused")
        before = resident(world, "a")
        await asyncio.sleep(max(0.0, gone + AWAY - time.monotonic()))
        heard = answers(world, gone + 5.0, time.monotonic())
        grown = resident(world, "a") - before
        servers.nats.resume() if how == "stopped" else servers.nats.restart()
        healed = time.monotonic()
        lost = await every_receipt_is_taken(world)
        taken = time.monotonic() - healed
        binds = binds_on_the_wire(world.log())
        ended = [line for line in world.log() if line["event"] in ("unbind", "closed")]
    note = (
        f"away for {AWAY:.0f} s; {len(ended)} sessions ended, {len(heard)} receipts refused, {grown} KiB more memory"
    )
    figures.record(f"nats {how} for the only one", commands=RECEIPTS, lost=lost, recovered=taken, note=note)
    assert not lost
    assert len(binds.accepted) == 1
    assert ended == []
    assert len(heard) > RECEIPTS
    assert {line["command_status"] for line in heard} == {TEMPORARY}
    assert grown < GROWTH_AT_MOST


@pytest.mark.timeout(200)
@pytest.mark.parametrize("how", proving("replica cut off, {}", "black_hole", "cut", "half_open"))
async def test_a_replica_cut_off_from_nats_gives_way_to_one_that_is_not(
    own_servers: Callable[..., Any], tmp_path: Path, how: str
) -> None:
    servers = own_servers(only=["nats", "valkey"])
    with Proxy(servers.endpoints.nats_port) as proxy:
        async with Replicas(servers, tmp_path, [operator(receipts={"when": "never"}, rules=[])]) as world:
            world.gateway("a", NATS_URL=f"nats://127.0.0.1:{proxy.port}")
            await world.until_bound("a")
            world.gateway("b")
            await world.until(lambda: world.said("b", "lease.held"))
            cut = time.monotonic()
            if how == "half_open":
                # The server forgets it at once, and what it says from now on goes nowhere.
                proxy.half_open()
                proxy.black_hole()
            else:
                getattr(proxy, how)()
            record = await world.until_bound("b", timeout=60.0)
            await world.until(lambda: len(binds_on_the_wire(world.log()).accepted) == 2)
            (unbind,) = [line for line in world.log() if line["event"] == "unbind"]
            (taken,) = [line for line in world.log() if line["event"] == "bind" and line["mono"] > cut]
            keys, pdus = numbered(5)
            assert {fate.fate for fate in (await world.submit(record, pdus, keys)).fates} == {Fate.ACCEPTED}
            proxy.heal()
            await world.until(lambda: len(world.said("a", "lease.held")) == 2, 60.0, "a is back")
            await asyncio.sleep(3.0)
            assert (await world.holders()) == {0: "b"}
            binds = binds_on_the_wire(world.log())
    took = taken["mono"] - cut
    note = f"unbound after {unbind['mono'] - cut:.1f} s; at most {binds.most} binds at once, 1 allowed"
    figures.record(f"replica cut off, {how}", recovered=took, note=note)
    assert unbind["by"] == "esme"
    assert unbind["mono"] < taken["mono"]
    assert took < 15.0
    assert (binds.most, binds.refused, len(binds.accepted)) == (1, 0, 2)
