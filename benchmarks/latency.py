"""How long a message takes at an offered load: publish to the wire, response to its record, receipt to its event.

All clocks are one: the machine's. `wire`: from the publish to the submit_sm at the SMSC. `recorded`: from the SMSC's
response to the result event stored, so that the ledger has it. `receipt`: from the SMSC's receipt to its DLR event
stored. Milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

import msgspec
from nats.js.api import DeliverPolicy

from benchmarks import kannel_latency, results, smsclog
from benchmarks.load import figures
from benchmarks.missing import PeerMissing
from benchmarks.offer import publish_steadily
from benchmarks.rig import commands, connect, rig, stored
from benchmarks.smsc_process import SmscOptions
from ghasi.bus import Bus
from ghasi.contracts import subjects

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
            at = await publish_steadily(bus, commands(made.operator_ids, count, start=_WARM_UP), rate)
            await _until_stored(bus, subjects.DLR_EVENTS, total)
            await _until_stored(bus, subjects.SUBMIT_EVENTS, total)
            recorded = await event_times(bus, subjects.SUBMIT_EVENTS, subjects.SUBMIT_RESULT, total)
            receipts = await event_times(bus, subjects.DLR_EVENTS, subjects.DLR_INBOUND, total)
            made.smsc.stop()
            times = smsclog.read(made.smsc.log_file.read_bytes())
        finally:
            await bus.close()
    published = {93_700_000_000 + _WARM_UP + number: moment for number, moment in enumerate(at)}
    measured = {number for number, moment in times.responses.items() if moment >= at[0]}
    return {
        "offered": rate,
        "reached": round((count - 1) / (at[-1] - at[0]), 1),
        "wire": figures(times.arrivals[to] - moment for to, moment in published.items()),
        "recorded": figures(recorded[number] - times.responses[number] for number in measured),
        "receipt": figures(receipts[number] - times.receipts[number] for number in measured),
    }


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
        found.setdefault("ours", []).append(asyncio.run(measure(rate, arguments.seconds)))
        print(json.dumps({"system": "ours", **found["ours"][-1]}), flush=True)
        if "kannel" in arguments.peers:
            try:
                one = asyncio.run(kannel_latency.measure(rate, arguments.seconds))
            except PeerMissing as error:
                missing["kannel"] = str(error)
                continue
            found.setdefault("kannel", []).append(one)
            print(json.dumps({"system": "kannel", **one}), flush=True)
    results.store("latency", {"seconds": arguments.seconds, "receiptMs": RECEIPT_MS, "missing": missing}, found)
