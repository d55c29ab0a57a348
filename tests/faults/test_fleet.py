"""More than one of each, under load: a holder killed, and faults of every kind at random from one seed.

The commands of three operators, the logs of their SMSCs, the ledger and all streams are judged as one: what one
operator was asked for may have gone over another.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from ghasi.contracts import subjects
from ghasi.contracts.sessions import SlotRecord
from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.evidence import Evidence
from tests.faults.fleet import GATEWAYS, POOLS, Fleet, trio
from tests.faults.fleet_wiring import FleetWiring, wired
from tests.faults.gather import gather
from tests.faults.gremlin import Acts, Gremlin
from tests.faults.keepsakes import keep
from tests.faults.load import Load
from tests.faults.oracle import explain, judge
from tests.faults.seed import SET, at_least, rng
from tests.faults.test_mixed import QUEUE_FULL, RATE, RULES
from tests.support.replicas import TAKEOVER_AFTER_KILL, binds_on_the_wire

LASTS = {"short": 15.0, "full": 60.0, "long": 600.0}[SET]
DRAIN = 400.0
AWAY = (4.0, 9.0)
FROZEN = (1.0, 14.0)
"""Seconds: shorter than a lease lives, and longer."""


@asynccontextmanager
async def running(servers: Servers, folder: Path, **settings: Any) -> AsyncIterator[Fleet]:
    """A fleet that ends with the block."""
    fleet = Fleet(servers, Path(tempfile.mkdtemp(prefix="fleet-", dir=folder)), **settings)
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.shut()


class FleetGremlin(Gremlin):
    """With what only a fleet can stand: a gateway that is stopped, a process that is frozen, an operator away."""

    def __init__(self, fleet: Fleet, servers: Servers, wiring: FleetWiring, draw: random.Random) -> None:
        super().__init__(fleet, servers, wiring.proxies, [*GATEWAYS, *POOLS], draw)
        self._fleet = fleet
        self._wiring = wiring

    def acts(self) -> Acts:
        return super().acts() | {self._kill: 4, self._stop: 1, self._freeze: 2, self._outage: 1}

    async def _stop(self) -> str:
        name = self.draw.choice(GATEWAYS)
        await self._fleet.end(name)
        self._fleet.launch(name)
        return f"stop {name}"

    async def _freeze(self) -> str:
        name = self.draw.choice([*GATEWAYS, *POOLS])
        self._fleet.freeze(name)
        try:
            await asyncio.sleep(self.draw.uniform(*FROZEN))
        finally:
            self._fleet.thaw(name)
        return f"freeze {name}"

    async def _outage(self) -> str:
        """The operator that has a backup is away for long enough to need it."""
        proxy = self._wiring.proxies["gateways-smsc 1"]
        await asyncio.to_thread(proxy.cut)
        await asyncio.sleep(self.draw.uniform(*AWAY))
        await asyncio.to_thread(proxy.heal)
        return "operator 1 away"


@pytest.mark.fault_set("full")
@pytest.mark.proves("mixed fleet")
@pytest.mark.timeout(LASTS + 2 * DRAIN + 120)
async def test_anything_at_any_time_to_more_than_one_of_each(plant: Servers, tmp_path: Path) -> None:
    operators = trio(rules=[QUEUE_FULL, *RULES] if at_least("long") else RULES)
    with wired(plant, operators) as wiring:
        async with running(plant, tmp_path, operators=operators, ack_wait=8.0, env_of=wiring.env_of) as fleet:
            gremlin = FleetGremlin(fleet, plant, wiring, rng("mixed fleet"))
            async with Load(fleet, operators=fleet.operator_ids) as load:
                stop = asyncio.Event()
                sending = asyncio.create_task(load.keep(RATE, lambda: "mixed fleet", stop))
                try:
                    await gremlin.run(LASTS)
                finally:
                    stop.set()
                    await sending
                healed = time.time()
                drained = await load.drained(DRAIN)
                evidence = await gather(fleet, load.commands)
                verdict = judge(evidence)
                note = f"{len(gremlin.done)} faults in {LASTS:.0f} s, {over(fleet, evidence)} PDUs over the backup"
                figures.write([figures.of("mixed fleet", verdict, evidence, at=healed, note=note)])
                told = "\n".join(gremlin.done)
                if not (verdict.holds and drained):
                    told += f"\nkept in {await keep(fleet, evidence, verdict, gremlin.done)}"
            assert verdict.holds, f"{told}\n{explain(verdict, evidence)}\n{fleet.tails()}"
            assert drained, f"{told}\n{fleet.tails()}"


def over(fleet: Fleet, evidence: Evidence) -> int:
    """PDUs that the backup took for the first operator."""
    backup = {one["destination_addr"] for one in fleet.smsc_log(fleet.operator_ids[1])}
    # The first, fourth, … command of the load is the first operator's.
    return len(backup & {one.destination for one in evidence.commands[:: len(fleet.operator_ids)]})


@pytest.mark.fault_set("full")
@pytest.mark.proves("lease killed under load")
@pytest.mark.timeout(230)
async def test_a_holder_is_killed_under_load(plant: Servers, tmp_path: Path) -> None:
    """Both gateways hold binds of each operator; what one of them had out is in doubt, the other goes on at once."""
    async with running(plant, tmp_path, operators=trio()) as fleet:
        async with Load(fleet, operators=fleet.operator_ids) as load:
            fault = "lease killed under load"
            stop = asyncio.Event()
            sending = asyncio.create_task(load.keep(2 * RATE, lambda: fault, stop))
            await until(fleet, lambda: all_bound(fleet), "all binds")
            await until_shared(fleet)
            took = []
            for name in GATEWAYS:
                took.append(await taken_over_after(fleet, name))
                fleet.launch(name)
                await asyncio.sleep(1.0)
            stop.set()
            await sending
            drained = await load.drained(120.0)
            evidence = await gather(fleet, load.commands)
        verdict = judge(evidence)
        most = max(binds_on_the_wire(log_of(fleet, one)).most for one in fleet.operator_ids)
        note = f"takeovers after {', '.join(f'{one:.1f}' for one in took)} s; "
        note += f"at most {most} binds of one operator at once, 2 allowed"
        made = figures.of(fault, verdict, evidence, note=note)
        figures.write([replace(made, runs=len(took), recovered=round(max(took), 1))])
        assert verdict.holds, f"{explain(verdict, evidence)}\n{fleet.tails()}"
        assert drained, fleet.tails()
        assert most == 2
        assert max(took) < TAKEOVER_AFTER_KILL


async def until_shared(fleet: Fleet, within: float = 90.0) -> None:
    """Until both gateways hold binds: the first to come takes all, and hands them on one by one."""
    bus = await fleet.bus("shares")
    try:
        bucket = await bus.bucket(subjects.BUCKET_SLOTS)
        keys = [subjects.slot_key(one, slot) for one in fleet.operator_ids for slot in range(2)]
        end = time.monotonic() + within
        while len({await _holder(bucket, key) for key in keys} - {""}) < len(GATEWAYS):
            assert time.monotonic() < end, f"one of them holds everything\n{fleet.tails()}"
            await asyncio.sleep(0.2)
    finally:
        await bus.close()


async def _holder(bucket: KeyValue, key: str) -> str:
    """Of a slot; "" where it is free."""
    with suppress(KeyNotFoundError):
        return msgspec.json.decode((await bucket.get(key)).value or b"", type=SlotRecord).replica
    return ""


def log_of(fleet: Fleet, operator_id: str) -> list[dict[str, Any]]:
    """All lines of an operator's SMSC about its sessions, in order."""
    lines = [one for event in ("bind", "unbind", "closed") for one in fleet.smsc_log(operator_id, event)]
    return sorted(lines, key=lambda one: float(one["mono"]))


async def taken_over_after(fleet: Fleet, name: str) -> float:
    """Kills a gateway; seconds until each operator has all its binds again."""
    at = time.monotonic()
    fleet.kill(name)
    await until(fleet, lambda: not all_bound(fleet), "the SMSCs notice")
    await until(fleet, lambda: all_bound(fleet), "takeover")
    return max(binds_on_the_wire(log_of(fleet, one)).accepted[-1] for one in fleet.operator_ids) - at


def all_bound(fleet: Fleet) -> bool:
    return all(live(log_of(fleet, one)) == 2 for one in fleet.operator_ids)


async def until(fleet: Fleet, holds: Callable[[], bool], what: str, within: float = 60.0) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"did not happen: {what}\n{fleet.tails()}"
        await asyncio.sleep(0.05)


def live(log: list[dict[str, Any]]) -> int:
    """Sessions that were accepted and have not ended."""
    begun = {one["bind"] for one in log if one["event"] == "bind" and one["accepted"]}
    return len(begun - {one["bind"] for one in log if one["event"] != "bind"})
