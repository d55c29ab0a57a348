"""What the parts of the path cost by themselves, so that a regression shows where it is. Microseconds a call.

The best of several rounds: what disturbs a round only ever makes it slower.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import redis.asyncio
import smpp34
import smpplib.gsm
import smpplib.smpp

from benchmarks import results
from benchmarks.rig import TEXT
from ghasi.devstack.servers import Servers
from ghasi.smpp.codec import decode_pdu, encode_pdu
from ghasi.smpp.pdu import DeliverSm, SubmitSm, SubmitSmResp
from ghasi.smpp.receipt import parse_receipt
from ghasi.sms.coding import Wanted
from ghasi.sms.segmentation import Strategy
from ghasi.sms.submit import build_submits, segment_message
from tests.support.servers import new_run_dir
from workers.throttle import Throttle

_ROUND = 0.1
_MESSAGE = UUID("7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071")
_LONG = "Dear customer, your balance is 25.40 and your bundle ends on Friday. " * 6
_RECEIPT = (
    b"id:1000000001 sub:001 dlvrd:001 submit date:2604181030 done date:2604181031 stat:DELIVRD err:000 text:Your code"
)
_SUBMIT: dict[str, Any] = {
    "source_addr_ton": 5,
    "source_addr_npi": 0,
    "source_addr": "GHASI",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": "93701234567",
    "registered_delivery": 1,
    "short_message": TEXT.encode(),
}


def microseconds(call: Callable[[], Any], rounds: int) -> float:
    """The best round's mean."""
    times, best = 1, float("inf")
    while _timed(call, times) < _ROUND / 10:
        times *= 4
    for _ in range(rounds):
        best = min(best, _timed(call, times) / times)
    return round(best * 1e6, 3)


def _timed(call: Callable[[], Any], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - began


def calls() -> dict[str, dict[str, Callable[[], Any]]]:
    """By what is done, then by who does it."""
    submit = encode_pdu(SubmitSm(sequence_number=7, **_SUBMIT))
    answer = encode_pdu(SubmitSmResp(sequence_number=7, message_id="1000000001"))
    report = _receipt()
    receipt = encode_pdu(report)
    return {
        "build submit_sm": {
            "ours": lambda: encode_pdu(SubmitSm(sequence_number=7, **_SUBMIT)),
            "smpplib": lambda: smpplib.smpp.make_pdu("submit_sm", client=_Client(), **_SUBMIT).generate(),
            "smpp34": _smpp34_submit,
        },
        "parse submit_sm": {
            "ours": lambda: decode_pdu(submit),
            "smpplib": lambda: smpplib.smpp.parse_pdu(submit, client=_Client(), allow_unknown_opt_params=False),
            "smpp34": lambda: smpp34.decode(submit),
        },
        "parse submit_sm_resp": {
            "ours": lambda: decode_pdu(answer),
            "smpplib": lambda: smpplib.smpp.parse_pdu(answer, client=_Client(), allow_unknown_opt_params=False),
            "smpp34": lambda: smpp34.decode(answer),
        },
        "parse deliver_sm": {
            "ours": lambda: decode_pdu(receipt),
            "smpplib": lambda: smpplib.smpp.parse_pdu(receipt, client=_Client(), allow_unknown_opt_params=False),
            "smpp34": lambda: smpp34.decode(receipt),
        },
        "segment, one part": {
            "ours": lambda: segment_message(TEXT, Wanted.GSM7, Strategy.CSMS, _MESSAGE),
            "smpplib": lambda: smpplib.gsm.make_parts(TEXT),
        },
        "segment, three parts": {
            "ours": lambda: segment_message(_LONG, Wanted.GSM7, Strategy.CSMS, _MESSAGE),
            "smpplib": lambda: smpplib.gsm.make_parts(_LONG),
        },
        "command to octets": {"ours": _whole},
        "read a receipt": {"ours": lambda: parse_receipt(report)},
    }


class _Client:
    """smpplib asks its client for sequence numbers."""

    sequence = 7

    def next_sequence(self) -> int:
        return self.sequence


def _receipt() -> DeliverSm:
    return DeliverSm(
        sequence_number=9,
        source_addr="93701234567",
        destination_addr="GHASI",
        esm_class=4,
        short_message=_RECEIPT,
    )


def _smpp34_submit() -> bytes:
    rest = {name: value for name, value in _SUBMIT.items() if name not in ("source_addr", "destination_addr")}
    made = smpp34.SubmitSm(_SUBMIT["source_addr"], _SUBMIT["destination_addr"], sequence_number=7, **rest)
    encoded: bytes = made.encode()
    return encoded


def _whole() -> list[bytes]:
    segmented = segment_message(TEXT, Wanted.GSM7, Strategy.CSMS, _MESSAGE)
    return [encode_pdu(one) for one in build_submits(segmented, to="+93701234567", sender="GHASI")]


async def limiter(rounds: int) -> dict[str, float]:
    """One call of the limiter on a real server, for one PDU and for a hundred."""
    servers = Servers.start(new_run_dir(), only=["valkey"])
    client = redis.asyncio.Redis.from_url(servers.redis_url)
    try:
        throttle = Throttle(client, cluster=False)
        return {
            "book 1 PDU": await _booking(throttle, 1, rounds),
            "book 100 PDUs": await _booking(throttle, 100, rounds),
        }
    finally:
        await client.aclose()
        servers.discard()


async def _booking(throttle: Throttle, n: int, rounds: int) -> float:
    """The limit is so high that every call books at once."""
    operator, times, best = f"bench-{n}", 500, float("inf")
    await throttle.book(operator, 10_000_000, n)
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(times):
            await throttle.book(operator, 10_000_000, n)
        best = min(best, (time.perf_counter() - began) / times)
    return round(best * 1e6, 1)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7)


def run(arguments: argparse.Namespace) -> None:
    found: dict[str, dict[str, float]] = {}
    for name, each in calls().items():
        found[name] = {who: microseconds(call, arguments.rounds) for who, call in each.items()}
        print(json.dumps({name: found[name]}), flush=True)
    for name, value in asyncio.run(limiter(arguments.rounds)).items():
        found[name] = {"ours": value}
        print(json.dumps({name: found[name]}), flush=True)
    results.store("micro", {"rounds": arguments.rounds}, found)
