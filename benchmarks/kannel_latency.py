"""Kannel at an offered load: request to the wire, receipt to the callback. It tells nobody when it has recorded."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks import smsclog
from benchmarks.kannel import Kannel, run_dir, version
from benchmarks.load import figures
from benchmarks.offer import steadily
from benchmarks.peer_run import until
from benchmarks.sink_process import Sink
from benchmarks.smsc_process import Smsc, SmscOptions
from ghasi.devstack.ports import free_port
from tests.support.product import ahead_of_others

RECEIPT_MS = 200
_CONNECTIONS = 16
_FIRST = 93_700_000_000
_WARM_UP = 300
"""Messages before those that are measured: the very first wait up to a second until bearerbox looks at its queue."""


class Requests:
    """HTTP requests over connections that stay open, one at a time on each."""

    def __init__(self, kannel: Kannel) -> None:
        self._kannel = kannel
        self._waiting: asyncio.Queue[int | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.at: dict[int, float] = {}

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._serve()) for _ in range(_CONNECTIONS)]

    async def offer(self, number: int) -> None:
        self.at[number] = time.time()
        self._waiting.put_nowait(number)

    async def finish(self) -> None:
        """Returns when all are answered. Raises AssertionError where one was refused."""
        for _ in self._tasks:
            self._waiting.put_nowait(None)
        await asyncio.gather(*self._tasks)

    async def _serve(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._kannel.http)
        while (number := await self._waiting.get()) is not None:
            target = self._kannel.target(range(number, number + 1), 0, receipts=True)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 202 " in head.split(b"\r\n")[0], f"smsbox refused: {head[:80]!r}"
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()


async def measure(rate: float, seconds: float) -> dict[str, Any]:
    """One rate. Raises PeerMissing."""
    version()
    count = int(rate * seconds)
    with run_dir() as run:
        sink = Sink(run).start()
        options = SmscOptions(receipt_ms=RECEIPT_MS, log=True, quick_ack=True)
        smsc = Smsc(run, [free_port()], options, before=ahead_of_others()).start()
        kannel = Kannel(run, smsc.ports, window=100, sink_port=sink.port)
        try:
            await kannel.start()
            await until(lambda: smsc.counters().sessions > 0, "the bind")
            requests = Requests(kannel)
            requests.start()
            await steadily(_WARM_UP, rate, lambda number: requests.offer(count + number))
            await until(lambda: sink.callbacks().requests >= _WARM_UP, "the last callback of the warm-up")
            await steadily(count, rate, requests.offer)
            await requests.finish()
            await until(lambda: sink.callbacks().requests >= _WARM_UP + count, "the last callback")
        finally:
            kannel.stop()
            smsc.child.stop()
            callbacks = sink.stop()
        times = smsclog.read(smsc.log_file.read_bytes())
    measured = {number: moment for number, moment in requests.at.items() if number < count}
    moments = list(measured.values())
    by_destination = {to: times.receipts[number] for to, number in times.numbers.items() if to < _FIRST + count}
    return {
        "offered": rate,
        "reached": round((count - 1) / (moments[-1] - moments[0]), 1),
        "wire": figures(times.arrivals[_FIRST + number] - moment for number, moment in measured.items()),
        "receipt": figures(callbacks[to] - moment for to, moment in by_destination.items() if to in callbacks),
    }
