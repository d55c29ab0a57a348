"""How exactly a limit is kept and how much of it is used, over a minute at each limit and number of processes.

`worst`: the most submit_sm in any second that starts at one, from the very first. The rest is counted after a run-in,
because a limit that was not used before lets a second's worth leave at once: `use` is the part of the limit used over
the whole time, `second` the mean part of it in the seconds that start at a submit_sm. Arrivals by the kernel's clock
where this process may read it (root on Linux), else by the SMSC's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from benchmarks import results, smsclog
from benchmarks.rig import Rig, commands, connect, load_backlog, rig
from benchmarks.smsc_process import SmscOptions
from benchmarks.wiretap import wiretap
from tests.support.rate import worst_second

RUN_IN = 3.0
_EXTRA = RUN_IN + 5.0
"""Seconds of backlog beyond the time measured."""


def figures(arrivals: Sequence[float], limit: int, seconds: float) -> dict[str, Any]:
    """`arrivals` in seconds, ascending; what is later than the run-in and `seconds` after the first is left out."""
    begin = arrivals[0] + RUN_IN
    end = begin + seconds
    inside = arrivals[bisect_left(arrivals, begin) : bisect_left(arrivals, end)]
    whole = inside[: bisect_left(inside, end - 1)]
    counts = [bisect_left(inside, at + 1) - bisect_left(inside, at) for at in whole]
    return {
        "arrivals": len(inside),
        "worst": worst_second(arrivals[: bisect_left(arrivals, end)]),
        "use": round(len(inside) / (limit * seconds), 4),
        "second": round(statistics.fmean(counts) / limit, 4) if counts else None,
    }


async def measure(limit: int, processes: int, seconds: float) -> dict[str, Any]:
    """One limit with so many dispatch processes, on servers of its own."""
    smsc = SmscOptions(receipts="never", log=True)
    window = min(500, max(50, limit))
    with rig(1, smsc, limit=limit, window=window, first=True) as made, wiretap(made.smsc.ports[0]) as tap:
        bus = await connect(made.servers)
        try:
            made.start_gateway()
            await made.until_bound()
            await load_backlog(bus, commands(made.operator_ids, int(limit * (seconds + _EXTRA)) + 1))
            made.product.run_pool("dispatch", processes, 4)
            await _run(made, seconds)
        finally:
            await bus.close()
        made.smsc.stop()
        noted = smsclog.read(made.smsc.log_file.read_bytes()).by_port[0]
        arrivals = tap.stop() if tap else noted
    by = "kernel" if tap else "SMSC"
    return {"limit": limit, "processes": processes, "by": by, **figures(arrivals, limit, seconds)}


async def _run(made: Rig, seconds: float) -> None:
    await made.until(lambda: made.smsc.counters().submits > 0, 60.0, "the first submit_sm")
    await asyncio.sleep(RUN_IN + seconds + 0.5)
    made.product.check_alive()


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limits", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--more", action="store_true", help="keep what is stored of other limits and processes")


def run(arguments: argparse.Namespace) -> None:
    found = results.stored("tps")["results"] if arguments.more else []
    for limit in arguments.limits:
        for processes in arguments.processes:
            one = asyncio.run(measure(limit, processes, arguments.seconds))
            print(json.dumps(one), flush=True)
            found = [old for old in found if (old["limit"], old["processes"]) != (limit, processes)] + [one]
    found.sort(key=lambda one: (one["limit"], one["processes"]))
    results.store("tps", {"seconds": arguments.seconds}, found)
