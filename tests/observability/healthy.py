"""Runs in which nothing is wrong: no alert may fire, whatever the time base."""

from __future__ import annotations

import asyncio

from tests.observability.scenario import Scenario
from tests.observability.stage import Cast, Stage

SECONDS = 200
"""Half an hour at ten seconds a sample, for the rules that wait for long."""


def two_operators() -> Cast:
    cast = Cast()
    cast.add("first", maxBinds=2)
    cast.add("second", ids={"response": "decimal"})
    return cast


async def steady(stage: Stage) -> None:
    await stage.gateway("gateway-b")
    stage.keep("first", 8)
    stage.keep("second", 3)
    await stage.until(SECONDS)


async def upgrade(stage: Stage) -> None:
    """Pools and gateways one after the other, as docs/operations.md has it."""
    await stage.gateway("gateway-b")
    stage.keep("first", 5)
    stage.keep("second", 2)
    await stage.until(30)
    for second, name in ((30, "dispatch"), (50, "receipts"), (70, "gateway")):
        await stage.until(second)
        await asyncio.to_thread(stage.product.children[name].stop)
        stage.again(name)
    await stage.until(120)


SCENARIOS = (
    Scenario(
        "healthy",
        "Two gateways, both pools, the web process; two operators with steady traffic.",
        two_operators,
        steady,
        replays=(1, 10),
        env={},
        web=True,
    ),
    Scenario(
        "upgrade",
        "The same while pools and a gateway are stopped and started again one by one.",
        two_operators,
        upgrade,
        env={},
    ),
)
