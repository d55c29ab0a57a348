"""One run of a peer, whichever it is: what the SMSC and the sink of its callbacks count, and what it costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import usage
from benchmarks.load import Load, cost, rounded
from benchmarks.sink_process import Sink
from benchmarks.smsc_process import Smsc

PATIENCE = 300.0


async def run_peer(pids: Mapping[str, int], smsc: Smsc, sink: Sink, load: Load) -> dict[str, Any]:
    """From the first response to the last callback; `pids` are the peer's processes by name."""
    roots = {**pids, "smsc": smsc.pid, "sink": sink.pid}
    await until(lambda: smsc.counters().responses > 0, "the first response")
    before, peak = usage.cpu_seconds(roots), usage.Peak(roots)
    await until(lambda: smsc.counters().responses >= load.messages, "the last response", peak)
    if load.receipts:
        await until(lambda: sink.callbacks().requests >= load.messages, "the last callback", peak)
    after = usage.cpu_seconds(roots)
    counters, callbacks = smsc.counters(), sink.callbacks()
    span = (counters.last_response - counters.first_response) / 1e9
    found: dict[str, Any] = {"messagesPerSecond": round(load.messages / span, 1), "seconds": round(span, 3)}
    if load.receipts:
        found["toLastDlrPerSecond"] = round(load.messages / ((callbacks.last - counters.first_response) / 1e9), 1)
    return found | cost(before, after, load.messages) | {"memoryMib": rounded(peak.mib, 1)}


async def until(holds: Callable[[], bool], what: str, peak: usage.Peak | None = None) -> None:
    """Samples the memory once a second meanwhile, not more often: the samples run on the same cores."""
    end, next_sample = time.monotonic() + PATIENCE, 0.0
    while not holds():
        now = time.monotonic()
        assert now < end, f"{what} did not come within {PATIENCE} s"
        if peak and now >= next_sample:
            peak.sample()
            next_sample = now + 1.0
        await asyncio.sleep(0.01)
    if peak:
        peak.sample()
