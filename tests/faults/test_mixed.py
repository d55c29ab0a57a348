"""Faults of every kind at random, all from one seed, under load; then everything heals, drains and is compared."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.gremlin import Gremlin
from tests.faults.keepsakes import keep
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge
from tests.faults.seed import SET, at_least, rng
from tests.faults.wiring import PAIRS, wired

LASTS = {"short": 12.0, "full": 60.0, "long": 600.0}[SET]
RATE = 20.0
DRAIN = 400.0 if at_least("full") else 150.0

RULES: list[dict[str, Any]] = [
    {"probability": 0.03, "status": "ESME_RTHROTTLED"},
    {"probability": 0.003, "drop": "unanswered"},
    {"probability": 0.003, "drop": "unanswered", "taken": False},
    {"probability": 0.002, "unbind": True},
    {"probability": 0.005, "answer": "none"},
    {"probability": 0.005, "answer": "none", "taken": False},
    {"probability": 0.002, "answer": "wrongSequence"},
    {"probability": 0.002, "garbage": "00000004 80000004"},
    {"probability": 0.1, "receipt": {"beforeResponse": True}},
    {"probability": 0.05, "receipt": {"copies": 2}},
    {"probability": 0.05, "receipt": {"delay": 4}},
    {"probability": 0.05, "receipt": {"enroute": True}},
]
QUEUE_FULL: dict[str, Any] = {"probability": 0.01, "status": "ESME_RMSGQFUL"}
"""Keeps a message away for three minutes at worst: only where there is time to wait for it."""


@pytest.mark.timeout(LASTS + 2 * DRAIN + 60)
async def test_anything_at_any_time(lines: Lines, plant: Servers) -> None:
    rules = [QUEUE_FULL, *RULES] if at_least("full") else RULES
    with wired(plant, PAIRS) as wiring:
        line: Line = await lines(ack_wait=8.0, rules=rules, maxBinds=2, **wiring.settings)
        gremlin = Gremlin(line, plant, wiring.proxies, ["gateway", "dispatch", "receipts"], rng("mixed"))
        async with Load(line) as load:
            stop = asyncio.Event()
            sending = asyncio.create_task(load.keep(RATE, lambda: "mixed", stop))
            try:
                await gremlin.run(LASTS)
            finally:
                stop.set()
                await sending
            healed = time.time()
            drained = await load.drained(DRAIN)
            evidence = await gather(line, load.commands)
        verdict = judge(evidence)
        told = "\n".join(gremlin.done)
        if not (verdict.holds and drained):
            told += f"\nkept in {await keep(line, evidence, verdict, gremlin.done)}"
        await line.shut()
    note = f"{len(gremlin.done)} faults in {LASTS:.0f} s"
    figures.write([figures.of("mixed", verdict, evidence, at=healed, note=note)])
    assert verdict.holds, f"{told}\n{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, f"{told}\n{line.tails()}"
