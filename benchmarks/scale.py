"""What many binds cost in one gateway, and what a large ledger costs.

`binds`: operators in one gateway, each with a bind: time to bind all, CPU and memory when nothing happens, time and
CPU until all are back after the SMSC was killed and started again. `ledger`: rows laid by before the measurement,
spread over the days of the retention: messages a second with receipts, and how long a look-up takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import Any

from benchmarks import ledger, results, usage
from benchmarks.rig import Rig, rig
from benchmarks.smsc_process import SmscOptions

_STORM = 120.0


async def binds(operators: int, idle: float) -> dict[str, Any]:
    """One gateway with that many operators, on servers of its own."""
    with rig(operators, SmscOptions(receipts="never")) as made:
        made.start_management()
        await asyncio.sleep(2)
        began = time.monotonic()
        made.product.run_gateway()
        await made.until_bound(180.0)
        bound = time.monotonic() - began
        await asyncio.sleep(5)
        found = {"operators": operators, "secondsToBind": round(bound, 2), **await _idle(made, idle)}
        return found | await _storm(made)


async def _idle(made: Rig, seconds: float) -> dict[str, float]:
    roots = {name: pid for name, pid in made.roots().items() if name in ("gateway", "nats")}
    before = usage.cpu_seconds(roots)
    await asyncio.sleep(seconds)
    after = usage.cpu_seconds(roots)
    share = {name: round(100 * (after[name] - before[name]) / seconds, 2) for name in roots}
    memory = usage.memory_mib(roots)
    return {
        "gatewayIdlePercent": share["gateway"],
        "natsIdlePercent": share["nats"],
        "gatewayMib": round(memory["gateway"], 1),
    }


async def _storm(made: Rig) -> dict[str, float]:
    """All sessions drop at once; their SMSC is back a moment later on the same ports."""
    roots = {"gateway": made.roots()["gateway"]}
    before = usage.cpu_seconds(roots)
    made.smsc.child.kill()
    made.smsc.start()
    began = time.monotonic()
    await made.until_bound(_STORM)
    took = time.monotonic() - began
    cpu = usage.cpu_seconds(roots)["gateway"] - before["gateway"]
    return {"secondsToBindAgain": round(took, 2), "stormCpuSeconds": round(cpu, 2)}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--binds", type=int, nargs="*", default=[1, 10, 100, 1000])
    parser.add_argument("--idle", type=float, default=10.0, help="seconds of silence that are measured")
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 1_000_000, 10_000_000])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--more", action="store_true", help="keep what is stored of other sizes")


def run(arguments: argparse.Namespace) -> None:
    found: dict[str, dict[str, Any]] = {"binds": {}, "ledger": {}}
    if arguments.more:
        found |= results.stored("scale")["results"]
    for count in arguments.binds:
        found["binds"][str(count)] = one = asyncio.run(binds(count, arguments.idle))
        print(json.dumps({"binds": one}), flush=True)
        _store(arguments, found)
    for rows in arguments.rows:
        found["ledger"][str(rows)] = one = asyncio.run(ledger.measure(rows, arguments.messages))
        print(json.dumps({"ledger": one}), flush=True)
        _store(arguments, found)


def _store(arguments: argparse.Namespace, found: dict[str, Any]) -> None:
    results.store("scale", {"idle": arguments.idle, "messages": arguments.messages}, found)
