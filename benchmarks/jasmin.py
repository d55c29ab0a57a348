"""Jasmin beside us: commands wait in RabbitMQ while its connectors are stopped; the clock starts when they bind.

Receipts come back as HTTP callbacks from its dlrd.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from benchmarks import usage
from benchmarks.jasmin_stack import CONNECTORS, Jasmin, jasmin, version
from benchmarks.kannel import until
from benchmarks.load import Load, cost, rounded
from benchmarks.rig import TEXT
from benchmarks.sink_process import Sink
from benchmarks.smsc_process import Smsc, smsc_options

__all__ = ["measure", "version"]
_SENDERS = 8


async def _load(made: Jasmin, count: int, sink_port: int, *, receipts: bool) -> None:
    """One HTTP request a message: its API knows no other form."""
    numbers = iter(range(count))

    async def some(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            query = {"username": "bench", "password": "bench", "from": "GHASI", "content": TEXT}
            query |= {"to": f"937{number:08}", "dlr": "no"}
            if receipts:
                query |= {"dlr": "yes", "dlr-level": "2", "dlr-method": "GET"}
                query |= {"dlr-url": f"http://127.0.0.1:{sink_port}/dlr"}
            async with session.get(f"http://127.0.0.1:{made.http}/send", params=query) as response:
                text = await response.text()
                assert response.status == 200, f"Jasmin refused: {response.status} {text[:200]}"

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(some(session) for _ in range(_SENDERS)))


async def measure(load: Load) -> dict[str, Any]:
    """One run. Raises PeerMissing."""
    version()
    with jasmin() as made:
        sink = Sink(made.run).start()
        smsc = Smsc(made.run, [0], smsc_options(load)).start()
        try:
            await made.start()
            await made.configure(smsc.ports * CONNECTORS)
            await _load(made, load.messages, sink.port, receipts=load.receipts)
            await made.bind(CONNECTORS)
            return await _run(made, smsc, sink, load)
        finally:
            smsc.child.stop()
            sink.child.stop()


async def _run(made: Jasmin, smsc: Smsc, sink: Sink, load: Load) -> dict[str, Any]:
    roots = {**made.pids(), "smsc": smsc.pid, "sink": sink.pid}
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
