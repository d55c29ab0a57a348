"""How long a message takes at an offered load: publish to the wire, response to its record, receipt to its event.

All clocks are one: the machine's. `wire`: from the publish to the submit_sm at the SMSC. Of it `stored`: from the
publish to its PubAck, and `handed`: from the PubAck to the submit_sm, 0 where the submit_sm was first. `recorded`:
from the SMSC's response to the result event stored, so that the ledger has it. `receipt`: from the SMSC's receipt to
its DLR event stored. `jetstream` is the same offer to a NATS server with nothing beside it: what the disk takes by
itself. Milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any
from uuid import uuid4

import msgspec
from nats.js.api import DeliverPolicy

from benchmarks import kannel_latency, results, smsclog
from benchmarks.bench import bench_servers
from benchmarks.load import figures
from benchmarks.missing import PeerMissing
from benchmarks.offer import publish_steadily
from benchmarks.rig import commands, connect, rig, stored
from benchmarks.smsc_process import SmscOptions
from ghasi.bus import Bus
from ghasi.contracts import subjects, topology

RECEIPT_MS = 200
_WARM_UP = 300
_PATIENCE = 120.0


class _Event(msgspec.Struct, rename="camel"):
    operator_message_id: str | None = None
    operator_message_ids: list[str] = []


async def event_times(bus: Bus, stream: str, subject: str, count: int) -> dict[int, float]:
    """When each event was stored, by the SMSC's message id."""
    found: dict[int, float] = {}
    subscription = await bus.js.subscribe(
        subject, stream=stream, ordered_consumer=True, deliver_policy=DeliverPolicy.ALL
    )
    for _ in range(count):
        message = await subscription.next_msg(timeout=10)
        event = msgspec.json.decode(message.data, type=_Event)
        number = event.operator_message_id or (event.operator_message_ids or ["0"])[0]
        found[int(number)] = message.metadata.timestamp.timestamp()
    await subscription.unsubscribe()
    return found


async def measure(rate: float, seconds: float) -> dict[str, Any]:
    """One rate, on servers of its own."""
    count = int(rate * seconds)
    smsc = SmscOptions(receipt_ms=RECEIPT_MS, log=True)
    with rig(1, smsc, first=True) as made:
        bus = await connect(made.servers)
        try:
            made.start_gateway()
            made.product.run_pool("receipts", 1, 2)
            made.product.run_pool("dispatch", 1, 4)
            await made.product.wait_ready()
            total = _WARM_UP + count
            await bus.publish_many(commands(made.operator_ids, _WARM_UP))
            await _until_stored(bus, subjects.DLR_EVENTS, _WARM_UP)
            offered = await publish_steadily(bus, commands(made.operator_ids, count, start=_WARM_UP), rate)
            await _until_stored(bus, subjects.DLR_EVENTS, total)
            await _until_stored(bus, subjects.SUBMIT_EVENTS, total)
            recorded = await event_times(bus, subjects.SUBMIT_EVENTS, subjects.SUBMIT_RESULT, total)
            receipts = await event_times(bus, subjects.DLR_EVENTS, subjects.DLR_INBOUND, total)
            made.smsc.stop()
            times = smsclog.read(made.smsc.log_file.read_bytes())
        finally:
            await bus.close()
    arrivals = [times.arrivals[93_700_000_000 + _WARM_UP + number] for number in range(count)]
    measured = {number for number, moment in times.responses.items() if moment >= offered.at[0]}
    return {
        **offered.figures(rate),
        "handed": figures(max(0.0, wire - moment) for wire, moment in zip(arrivals, offered.stored, strict=True)),
        "wire": figures(wire - moment for wire, moment in zip(arrivals, offered.at, strict=True)),
        "recorded": figures(recorded[number] - times.responses[number] for number in measured),
        "receipt": figures(receipts[number] - times.receipts[number] for number in measured),
    }


async def alone(rate: float, seconds: float) -> dict[str, Any]:
    """The offer to a NATS server that has nothing else to do, with one consumer on its stream."""
    with bench_servers() as servers:
        bus = await connect(servers)
        try:
            operator_id = str(uuid4())
            await bus.ensure_consumer(topology.dispatch_consumer(operator_id))
            offered = await publish_steadily(bus, commands([operator_id], int(rate * seconds)), rate)
        finally:
            await bus.close()
    return offered.figures(rate)


async def _until_stored(bus: Bus, stream: str, count: int) -> None:
    async with asyncio.timeout(_PATIENCE):
        while await stored(bus, stream) < count:
            await asyncio.sleep(0.1)


def default_rates() -> list[float]:
    """100, 1,000 and half of what the last `throughput` reached with receipts on one operator."""
    try:
        runs = results.stored("throughput")["results"]["with receipts, 1 operator"]
    except (FileNotFoundError, KeyError):
        return [100.0, 1000.0]
    half = round(sorted(one["toLastDlrPerSecond"] for one in runs)[len(runs) // 2] / 2, -1)
    return [100.0, 1000.0, half]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rates", type=float, nargs="+", help="messages a second; default: see default_rates()")
    parser.add_argument("--more", action="store_true", help="add to the rates that are stored already")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--peers", nargs="*", default=["kannel"], choices=["kannel"])


def run(arguments: argparse.Namespace) -> None:
    found: dict[str, list[dict[str, Any]]] = results.stored("latency")["results"] if arguments.more else {}
    missing = {}
    for rate in arguments.rates or default_rates():
        for name, measured in (("jetstream", alone), ("ours", measure), ("kannel", kannel_latency.measure)):
            if name == "kannel" and name not in arguments.peers:
                continue
            try:
                one = asyncio.run(measured(rate, arguments.seconds))
            except PeerMissing as error:
                missing[name] = str(error)
                continue
            found.setdefault(name, []).append(one)
            print(json.dumps({"system": name, **one}), flush=True)
    results.store("latency", {"seconds": arguments.seconds, "receiptMs": RECEIPT_MS, "missing": missing}, found)
