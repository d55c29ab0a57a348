"""How many messages a second go through, durable throughout, and what they cost.

A backlog stands before the clock starts: servers, SMSC, gateway and the receipts pool run and the binds are up, the
commands are stored, then the dispatch pool starts. The clock is the SMSC's: from its first response to its last; with
receipts also to the last DLR event stored. CPU time is counted from the first response until everything is settled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks import results
from benchmarks.load import Load, cost, rounded
from benchmarks.rig import Rig, commands, connect, last_stored, load_backlog, rig, stored
from benchmarks.smsc_process import smsc_options
from benchmarks.usage import Peak
from ghasi.bus import Bus
from ghasi.contracts import subjects
from ghasi.devstack.servers import Servers

PATIENCE = 600.0
_LOOK_EVERY = 0.05
_MEMORY_EVERY = 1.0


async def measure(
    load: Load, *, pids: bool = False, prepare: Callable[[Servers], None] = lambda _: None
) -> dict[str, Any]:
    """One run on servers of its own, which `prepare` may do something to first."""
    with rig(load.operators, smsc_options(load), window=load.window) as made:
        prepare(made.servers)
        bus = await connect(made.servers)
        try:
            made.start_gateway()
            made.product.run_pool("receipts", load.receipts_processes, load.receipts_threads)
            await made.until_bound()
            loading = await load_backlog(bus, commands(made.operator_ids, load.messages))
            found = await _run(made, bus, load, pids)
        finally:
            await bus.close()
        summary = made.smsc.stop()
        share = summary["cpuSeconds"] / (summary["lastResponse"] - summary["firstResponse"])
        return {"loadedPerSecond": round(load.messages / loading), **found, "smscShareOfCore": round(share, 4)}


async def _run(made: Rig, bus: Bus, load: Load, pids: bool) -> dict[str, Any]:
    made.product.run_pool("dispatch", load.dispatch_processes, load.dispatch_threads)
    await made.until(lambda: made.smsc.counters().responses > 0, 60.0, "the first response")
    before = made.cpu()
    if pids:
        print(json.dumps({"pids": made.roots()}), flush=True)
    peak = Peak(made.roots())
    await _settled(made, bus, load, peak)
    after = made.cpu()
    counters = made.smsc.counters()
    span = (counters.last_response - counters.first_response) / 1e9
    found: dict[str, Any] = {"messagesPerSecond": round(load.messages / span, 1), "seconds": round(span, 3)}
    end = await last_stored(bus, subjects.SUBMIT_EVENTS)
    found["toLastResultPerSecond"] = _rate(load.messages, counters.first_response, end)
    if load.receipts:
        end = await last_stored(bus, subjects.DLR_EVENTS)
        found["toLastDlrPerSecond"] = _rate(load.messages, counters.first_response, end)
    return found | cost(before, after, load.messages) | {"memoryMib": rounded(peak.mib, 1)}


async def _settled(made: Rig, bus: Bus, load: Load, peak: Peak) -> None:
    """Until every message has its result event and, with receipts, its DLR event."""
    wanted = {subjects.SUBMIT_EVENTS: load.messages} | ({subjects.DLR_EVENTS: load.messages} if load.receipts else {})
    end, next_sample = time.monotonic() + PATIENCE, 0.0
    for stream, count in wanted.items():
        while await stored(bus, stream) < count:
            made.product.check_alive()
            assert time.monotonic() < end, f"{stream} stays short\n{made.product.tails()}"
            if time.monotonic() >= next_sample:
                peak.sample()
                next_sample = time.monotonic() + _MEMORY_EVERY
            await asyncio.sleep(_LOOK_EVERY)
    peak.sample()


def _rate(messages: int, first_ns: int, end: float) -> float:
    return round(messages / (end - first_ns / 1e9), 1)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--operators", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--receipts", choices=["with", "without", "both"], default="both")
    parser.add_argument("--window", type=int, default=500, help="PDUs unanswered on a bind")
    parser.add_argument("--receipt-window", type=int, default=500, help="receipts the SMSC leaves unanswered")
    parser.add_argument("--response-ms", type=int, default=0, help="how long the SMSC takes")
    parser.add_argument("--receipt-ms", type=int, default=100, help="how much later a receipt follows")
    parser.add_argument("--dispatch-processes", type=int, default=2)
    parser.add_argument("--dispatch-threads", type=int, default=4)
    parser.add_argument("--receipts-processes", type=int, default=2)
    parser.add_argument("--receipts-threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--more", action="store_true", help="add to the runs that are stored already")
    parser.add_argument("--pids", action="store_true", help="print the processes once the load is on")


def loads(arguments: argparse.Namespace) -> list[Load]:
    """The loads that the options ask for."""
    receipts = {"with": [True], "without": [False], "both": [True, False]}[arguments.receipts]
    shared = {
        name: getattr(arguments, name)
        for name in (
            "messages",
            "window",
            "receipt_window",
            "response_ms",
            "receipt_ms",
            "dispatch_processes",
            "dispatch_threads",
            "receipts_processes",
            "receipts_threads",
        )
    }
    return [Load(operators=count, receipts=one, **shared) for count in arguments.operators for one in receipts]


def run(arguments: argparse.Namespace) -> None:
    """Loads in turn, as often as `--runs` says, so that a slow minute of the machine meets all of them."""
    wanted = loads(arguments)
    found: dict[str, list[dict[str, Any]]] = results.stored("throughput")["results"] if arguments.more else {}
    for _ in range(arguments.runs):
        for load in wanted:
            one = asyncio.run(measure(load, pids=arguments.pids))
            found.setdefault(load.name, []).append(one)
            print(json.dumps({"load": load.name, **one}), flush=True)
    settings = {key: value for key, value in vars(arguments).items() if key not in ("run", "pids", "more")}
    results.store("throughput", settings, found)
