"""Jasmin beside us: commands wait in RabbitMQ while its connectors are stopped; the clock starts when they bind.

Receipts come back as HTTP callbacks from its dlrd.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from benchmarks.jasmin_stack import CONNECTORS, Jasmin, jasmin, version
from benchmarks.load import Load
from benchmarks.peer_run import run_peer
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
            return await run_peer(made.pids(), smsc, sink, load)
        finally:
            smsc.child.stop()
            sink.child.stop()
