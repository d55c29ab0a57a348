from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import nats.errors
import pytest

from ghasi.bus import BusTimeout
from ghasi.contracts.publication import Publication
from ghasi.contracts.submission import LateResponse
from ghasi.smpp.constants import MessageState
from ghasi.smpp.pdu import DataSm, DeliverSm, EnquireLink, Pdu
from ghasi.smpp.receipt import ReceiptRules
from ghasi.smpp.receipt_rules import PLAIN_RULES
from ghasi.smpp.tlv import Tag, Tlv
from sessions_gateway import receipts as module
from sessions_gateway.metrics import Metrics
from sessions_gateway.receipts import Receipts, is_receipt

TEXT = b"id:1 sub:001 dlvrd:001 submit date:2604181030 done date:2604181031 stat:DELIVRD err:000 text:x"


@pytest.mark.parametrize(
    ("pdu", "expected"),
    [
        (DeliverSm(esm_class=0x04), True),
        (DeliverSm(esm_class=0x44), True),
        (DeliverSm(esm_class=0x20), True),
        (DeliverSm(esm_class=0xC7), True),
        (DeliverSm(short_message=TEXT), True),
        (DeliverSm(tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"1"),)), True),
        (DataSm(esm_class=0x04), True),
        (DataSm(tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"1"),)), True),
        (DeliverSm(short_message=b"STOP"), False),
        (DeliverSm(esm_class=0x40, short_message=b"\5\0\3\1\2\1STOP"), False),
        (DeliverSm(esm_class=0x08, short_message=b"read"), False),
        (DataSm(), False),
        (EnquireLink(), False),
    ],
)
def test_what_speaks_of_an_earlier_message(pdu: Pdu, expected: bool) -> None:
    assert is_receipt(pdu, PLAIN_RULES) is expected


OWN_KEYS = b"MsgRef=7 Result=DELIVRD Code=000"
OWN_COLUMNS = b"00;2604181030;7"
KEYS = ReceiptRules(keys={"msgref": "id", "result": "stat", "code": "err"}, mark="=")
COLUMNS = ReceiptRules(
    columns=("stat", "done_date", "id"), separator=";", words={"00": MessageState.DELIVERED, "NOCRED": 8}
)


@pytest.mark.parametrize(
    ("pdu", "rules", "expected"),
    [
        (DeliverSm(short_message=OWN_KEYS), PLAIN_RULES, False),
        (DeliverSm(short_message=OWN_KEYS), KEYS, True),
        (DataSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, OWN_KEYS),)), KEYS, True),
        (DeliverSm(short_message=b"STOP"), KEYS, False),
        (DeliverSm(short_message=OWN_COLUMNS), PLAIN_RULES, False),
        (DeliverSm(short_message=OWN_COLUMNS), COLUMNS, True),
        (DeliverSm(short_message=b"one; two; three; four"), COLUMNS, False),
        (DeliverSm(short_message=TEXT), ReceiptRules(unmarked=False), False),
        (DeliverSm(tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"1"),)), ReceiptRules(unmarked=False), False),
        (DeliverSm(esm_class=0x04, short_message=TEXT), ReceiptRules(unmarked=False), True),
        (DeliverSm(esm_class=0x04), COLUMNS, True),
    ],
)
def test_what_lacks_its_mark_is_judged_by_the_operators_rules(pdu: Pdu, rules: ReceiptRules, expected: bool) -> None:
    assert is_receipt(pdu, rules) is expected


class Bus:
    """Fails as told, then stores."""

    connected = True

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.stored: list[Publication] = []

    async def publish_many(self, publications: Sequence[Publication]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.stored += publications


class Link:
    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.pumped = asyncio.Event()

    def respond(self, request: Pdu, status: int) -> None:
        self.statuses.append(status)

    def pump(self) -> None:
        self.pumped.set()


ERRORS = [nats.errors.ConnectionClosedError(), OSError("broken pipe"), ValueError("a fault of ours")]


@pytest.mark.parametrize("error", ERRORS)
async def test_an_error_of_the_connection_leaves_the_receipt_with_the_operator(error: Exception) -> None:
    bus: Any = Bus(error)
    link: Any = Link()
    Receipts(bus).take("op", Metrics().operator("op"), link, DeliverSm(esm_class=0x04), b"frame", PLAIN_RULES)
    async with asyncio.timeout(60):
        await link.pumped.wait()
    assert link.statuses == [0x64]


async def test_late_responses_are_tried_again_until_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_LATE_AFTER", 0.01)
    bus: Any = Bus(*ERRORS)
    receipts, metrics = Receipts(bus), Metrics().operator("op")
    for key in ("aa", "bb"):
        receipts.take_late("op", metrics, LateResponse(key, "x", 0, 1))
    await receipts.stop(5)
    assert len(bus.stored) == 2


async def test_after_silence_of_the_server_the_operator_hears_at_once_that_it_keeps_its_receipts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_RUNNING", 1)
    monkeypatch.setattr(module, "SILENT_FOR", 0.2)
    monkeypatch.setattr(module, "RETRY_LATE_AFTER", 0.01)
    bus: Any = Bus(BusTimeout("no PubAck in time"))
    first, behind, later, again = (Link() for _ in range(4))
    receipts, metrics = Receipts(bus), Metrics().operator("op")

    def take(link: Any) -> None:
        receipts.take("op", metrics, link, DeliverSm(esm_class=0x04), b"frame", PLAIN_RULES)

    monkeypatch.setattr(module, "MAX_BATCH", 1)
    take(first)
    take(behind)
    receipts.take_late("op", metrics, LateResponse("aa", "x", 0, 1))
    async with asyncio.timeout(60):
        await behind.pumped.wait()
    assert (first.statuses, behind.statuses) == ([0x64], [0x64])
    take(later)
    assert later.statuses == [0x64]
    async with asyncio.timeout(60):
        while not receipts._takes(1):
            await asyncio.sleep(0.01)
    take(again)
    async with asyncio.timeout(60):
        await again.pumped.wait()
    assert again.statuses == [0]
    await receipts.stop(5)
    assert len(bus.stored) == 2, "the late response is ours to keep"


async def test_what_waits_is_bounded_in_octets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_OCTETS", 25)
    bus: Any = Bus()
    receipts, metrics = Receipts(bus), Metrics().operator("op")
    links: list[Any] = [Link() for _ in range(3)]
    for link in links:
        receipts.take("op", metrics, link, DeliverSm(esm_class=0x04), b"x" * 10, PLAIN_RULES)
    assert [link.statuses for link in links] == [[], [], [0x64]]
    await receipts.stop(5)
    assert [link.statuses for link in links] == [[0], [0], [0x64]]
    assert receipts._octets == 0
