"""Whether memory stays flat: a steady load with receipts for a long time.

Messages are offered one by one at a rate that the stack carries easily. Every ten seconds the memory of each process
is read (its own and its share of what is shared). The slope is that between the medians of the first and the last
third of the samples, in MiB an hour. Left out before that are the first 16 minutes, at most half of the run: the
gateway remembers outcomes for 15 minutes and NATS message ids for 10, so both grow until then and no further. At the
end every message must have its result and its DLR event.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks import results, usage
from benchmarks.offer import publish_steadily
from benchmarks.rig import Rig, commands, connect, rig, stored
from benchmarks.smsc_process import SmscOptions
from ghasi.bus import Bus
from ghasi.contracts import subjects

EVERY = 10.0
WARM_UP = 960.0
_AT_ONCE = 20.0
"""Seconds of load that are made ahead."""
_PATIENCE = 300.0

Sample = tuple[float, Mapping[str, float]]
"""Seconds since the load began, MiB by process."""


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """MiB an hour from the median of the first third to that of the last; 0 with fewer than three samples."""
    third = len(samples) // 3
    if not third:
        return 0.0
    first, last = _thirds(samples, third)
    hours = (_median(at for at, _ in last) - _median(at for at, _ in first)) / 3600
    return (_median(mib for _, mib in last) - _median(mib for _, mib in first)) / hours


def _median(values: Iterable[float]) -> float:
    return float(statistics.median(values))


def _thirds(samples: Sequence[tuple[float, float]], third: int) -> tuple[Sequence[tuple[float, float]], ...]:
    return samples[:third], samples[-third:]


def summary(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """By process: MiB in the first and the last third, the most, and the slope, after the warm-up."""
    warm = min(WARM_UP, samples[-1][0] / 2)
    counted = [sample for sample in samples if sample[0] >= warm]
    return {name: _one([(at, mib[name]) for at, mib in counted if name in mib]) for name in counted[-1][1]}


def _one(samples: Sequence[tuple[float, float]]) -> dict[str, float]:
    third = max(1, len(samples) // 3)
    first, last = (_median(mib for _, mib in part) for part in _thirds(samples, third))
    found = {"firstMib": first, "lastMib": last, "mostMib": max(mib for _, mib in samples)}
    return {name: round(mib, 1) for name, mib in found.items()} | {"mibPerHour": round(slope(samples), 1)}


async def measure(minutes: float, rate: float, operators: int) -> dict[str, Any]:
    """One soak on servers of its own."""
    with rig(operators, SmscOptions(receipt_ms=200, receipts="requested")) as made:
        bus = await connect(made.servers)
        try:
            made.start_gateway()
            made.product.run_pool("receipts", 1, 2)
            made.product.run_pool("dispatch", 1, 4)
            await made.product.wait_ready()
            await made.until_bound()
            sampling = asyncio.create_task(_sample(made))
            before, began = made.cpu(), time.monotonic()
            count = await _offer(made, bus, rate, minutes * 60.0)
            seconds = time.monotonic() - began
            await _settled(made, bus, count)
            after = made.cpu()
            sampling.cancel()
            (samples,) = await asyncio.gather(sampling)
        finally:
            await bus.close()
    cpu = {name: round(100 * (after[name] - before.get(name, 0.0)) / seconds, 1) for name in after}
    return {
        "minutes": round(seconds / 60, 2),
        "offered": round(count / seconds, 1),
        "messages": count,
        "cpuPercent": cpu,
        "memory": summary(samples),
        "samples": [[round(at, 1), {name: round(mib, 1) for name, mib in each.items()}] for at, each in samples],
    }


async def _sample(made: Rig) -> list[Sample]:
    """Until it is cancelled."""
    samples: list[Sample] = []
    began = time.monotonic()
    try:
        while True:
            made.product.check_alive()
            # In a thread: reading the memory map of every process takes a while, and the load goes on.
            samples.append((time.monotonic() - began, await asyncio.to_thread(usage.memory_mib, made.roots())))
            await asyncio.sleep(EVERY)
    except asyncio.CancelledError:
        return samples


async def _offer(made: Rig, bus: Bus, rate: float, seconds: float) -> int:
    """How many messages were offered."""
    end, count = time.monotonic() + seconds, 0
    while (left := end - time.monotonic()) > 0:
        few = max(1, int(rate * min(_AT_ONCE, left)))
        await publish_steadily(bus, commands(made.operator_ids, few, start=count), rate)
        count += few
    return count


async def _settled(made: Rig, bus: Bus, count: int) -> None:
    end = time.monotonic() + _PATIENCE
    for stream in (subjects.SUBMIT_EVENTS, subjects.DLR_EVENTS):
        while (found := await stored(bus, stream)) < count:
            made.product.check_alive()
            assert time.monotonic() < end, f"{stream} holds {found} of {count}\n{made.product.tails()}"
            await asyncio.sleep(0.2)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=200.0, help="messages a second")
    parser.add_argument("--operators", type=int, default=4)


def run(arguments: argparse.Namespace) -> None:
    found = asyncio.run(measure(arguments.minutes, arguments.rate, arguments.operators))
    print(json.dumps({name: value for name, value in found.items() if name != "samples"}), flush=True)
    settings = {"minutes": arguments.minutes, "rate": arguments.rate, "operators": arguments.operators}
    results.store("soak", settings, found)
