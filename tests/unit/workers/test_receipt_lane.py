"""workers.receipt_lane: record, publish, confirm, acknowledge; what fails is tried again, nothing is passed over."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from ghasi.bus import BusError, Publication
from ghasi.contracts import subjects, topology
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.submission import LateResponse, encode
from ghasi.correlations import ledger
from ghasi.correlations.models import InboxReceipt
from ghasi.correlations.types import Intent, Part, Verdict
from ghasi.smpp.pdu import DeliverSm, encode_pdu
from tests.unit.workers.build import Bench, Step, raising, until
from workers import fates
from workers import receipt_lane as module
from workers.receipt_lane import ReceiptLane
from workers.receipts import RetryLater, confirm, take_in

TO = "93701234567"
numbers = itertools.count(1)
Wire = list[tuple[str, bytes]]


class TakesIn:
    """The bench's works, with `take_in` known by its name: a lane binds its rules to it. `steps` of a name come
    before its next call."""

    def __init__(self, bench: Bench) -> None:
        self._works = bench.works
        self.calls: list[str] = []
        self.sizes: list[int] = []
        self.steps: dict[str, list[Step]] = {}

    async def run(self, function: Any, argument: Any) -> Any:
        name = "take_in" if isinstance(function, partial) and function.func is take_in else function.__name__
        self.calls.append(name)
        if name == "take_in":
            self.sizes.append(len(argument))
        for step in self.steps.pop(name, []):
            await step()
        return await self._works.plainly(function, argument)


class Station:
    """A receipt lane, and an operator that says things."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.works = TakesIn(bench)
        works: Any = self.works
        if bench.holders.rules(bench.operator_id) is None:
            bench.bind()
        self.lane = ReceiptLane(bench.bus, works, bench.holders, bench.operator_id)

    def _claim(self) -> Part:
        now = datetime.now(UTC)
        operator = UUID(self.bench.operator_id)
        intent = Intent(
            uuid4(), uuid4(), operator, operator, TO, "GHASI", "account", 1, now, now + timedelta(minutes=10)
        )
        (claim,) = ledger.claim([intent], replica="r1", epoch="e1", now=now, arm={})
        assert claim.verdict is Verdict.SEND
        return claim.parts[0]

    async def sent(self) -> Part:
        """A part that was handed over and of which nothing is known yet."""
        part: Part = await self.bench.works.plainly(self._claim)
        return part

    async def accepted(self, name: str) -> Part:
        part = await self.sent()
        now = datetime.now(UTC)
        outcome = fates.accepted(part, name, at=now, id_base="text")
        await self.bench.works.plainly(partial(ledger.record, now=now), [outcome])
        return part

    async def says(self, *names: str, **headers: str) -> None:
        """Receipts in one write, so that one pull finds them together."""
        await self.publish(*(receipt(name) for name in names), **headers)

    async def publish(self, *bodies: bytes, **headers: str) -> None:
        subject = subjects.receipt(self.bench.operator_id)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.bench.bus.publish_many([Publication(subject, body, uuid4().hex, given) for body in bodies])

    async def settled(self) -> bool:
        one = topology.receipt_consumer(self.bench.operator_id)
        info = await self.bench.bus.js.consumer_info(one.stream, one.durable)
        return info.num_pending == 0 and info.num_ack_pending == 0

    def told(self) -> list[tuple[str | None, str]]:
        mine = [one for one in self.bench.platform.receipts if one["operatorId"] == self.bench.operator_id]
        return [(one["messageId"], one["status"]) for one in mine]

    async def waiting(self) -> list[str | None]:
        """The inbox: why its receipts cannot be read."""
        query = InboxReceipt.objects.filter(operator_id=self.bench.operator_id).order_by("receipt_key")
        found: list[str | None] = await self.bench.works.plainly(
            lambda: list(query.values_list("unreadable", flat=True))
        )
        return found


def receipt(name: str, stat: str = "DELIVRD") -> bytes:
    text = f"id:{name} sub:001 dlvrd:001 submit date:2604181030 done date:2604181031 stat:{stat} err:000 text:x"
    return encode_pdu(
        DeliverSm(source_addr=TO, destination_addr="GHASI", esm_class=0x04, short_message=text.encode())
    )


@pytest.fixture
def station(bench: Bench) -> Station:
    return Station(bench)


@asynccontextmanager
async def running(station: Station) -> AsyncIterator[ReceiptLane]:
    await station.lane.start()
    try:
        yield station.lane
    finally:
        await station.lane.stop(5.0)


def name() -> str:
    return f"{next(numbers)}-{uuid4().hex[:12]}"


async def test_receipts_wait_until_their_operators_rules_are_known(bench: Bench) -> None:
    """By other rules their ids would match nothing."""
    station = Station(bench)
    one = name()
    await station.accepted(one)
    bench.holders._rules.clear()
    async with running(station):
        await station.says(one)
        await until(lambda: len(station.lane._held) == 1)
        assert "take_in" not in station.works.calls
        bench.bind()
        await until(station.settled)
    assert [status for _, status in station.told()] == ["DELIVERED"]


async def test_a_receipt_is_recorded_told_and_acknowledged_in_this_order(station: Station, bench: Bench) -> None:
    published: list[list[Publication]] = []
    order: list[str] = []

    class Watched:
        """The bus, with a note of what is published and flushed when."""

        def __getattr__(self, attribute: str) -> Any:
            return getattr(bench.bus, attribute)

        async def publish_many(self, publications: list[Publication]) -> None:
            one = topology.receipt_consumer(bench.operator_id)
            info = await bench.bus.js.consumer_info(one.stream, one.durable)
            order.extend([*station.works.calls, f"in hand {info.num_ack_pending}"])
            published.append(publications)
            await bench.bus.publish_many(publications)

    watched: Any = Watched()
    station.lane._bus = watched
    one = name()
    part = await station.accepted(one)
    await station.says(one)
    async with running(station):
        await until(station.settled)
        await until(lambda: station.told() == [(str(part.message_id), "DELIVERED")])
    assert order == ["take_in", "in hand 1"]
    assert [publication.subject for publication in published[0]] == ["sms.dlr.inbound"]
    labels = {"operator_id": bench.operator_id}
    assert REGISTRY.get_sample_value("smpp_connector_receipt_to_event_seconds_count", labels) == 1


async def test_a_batch_is_taken_in_together_and_in_order(station: Station) -> None:
    names = [name() for _ in range(5)]
    parts = [await station.accepted(one) for one in names]
    await station.says(*names)
    async with running(station):
        await until(station.settled)
        await until(lambda: len(station.told()) == 5)
    assert station.told() == [(str(part.message_id), "DELIVERED") for part in parts]
    assert sum(station.works.sizes) == 5


async def test_the_operators_rules_are_read_by(station: Station, bench: Bench) -> None:
    """Responses in hexadecimal, receipts in decimal."""
    bench.bind(rules=SendRules(id_base="hex"))
    part = await station.sent()
    now = datetime.now(UTC)
    outcome = fates.accepted(part, f"{0x1F00 + next(numbers):x}", at=now, id_base="hex")
    await bench.works.plainly(partial(ledger.record, now=now), [outcome])
    assert outcome.operator_message_id is not None
    await station.says(str(int(outcome.operator_message_id, 16)))
    async with running(station):
        await until(lambda: station.told() == [(str(part.message_id), "DELIVERED")])


async def test_a_late_response_wakes_its_receipt_and_is_confirmed_after_it_is_told(station: Station) -> None:
    part = await station.sent()
    one = name()
    await station.says(one)
    async with running(station):
        await until(station.settled)
        assert (station.told(), await station.waiting()) == ([], [None])
        response = LateResponse(part.row_id.hex, one, 0, int(time.time() * 1000))
        await station.publish(encode(response), Smpp_Kind="response")
        await until(lambda: station.told() == [(str(part.message_id), "DELIVERED")])
        await until(station.settled)
    assert station.works.calls == ["take_in", "take_in", confirm.__name__]
    assert [one["result"] for one in station.bench.platform.results_of(str(part.message_id))] == ["ACCEPTED"]


async def test_a_ledger_that_is_away_is_asked_again_and_nothing_is_acknowledged(station: Station) -> None:
    held: list[bool] = []

    async def second_time() -> None:
        held.append(not await station.settled())

    async def first_time() -> None:
        station.works.steps["take_in"] = [second_time]
        raise RetryLater(0.0, "OperationalError")

    station.works.steps["take_in"] = [first_time]
    one = name()
    part = await station.accepted(one)
    await station.says(one)
    async with running(station):
        await until(lambda: station.told() == [(str(part.message_id), "DELIVERED")])
        await until(station.settled)
    assert station.works.calls == ["take_in", "take_in"]
    assert held == [True]


async def test_what_cannot_be_decoded_does_not_stop_what_follows(station: Station) -> None:
    one = name()
    part = await station.accepted(one)
    await station.publish(b"", b"\x00" * 16, b"no pdu at all", receipt(one)[:20])
    await station.publish(b"\xc1", b"no response", Smpp_Kind="response")
    await station.says(one)
    async with running(station):
        await until(lambda: station.told() == [(str(part.message_id), "DELIVERED")])
        await until(station.settled)
    reasons = await station.waiting()
    assert len(reasons) == 6
    assert None not in reasons
    assert reasons[-2:] == ["broken_response"] * 2


async def test_a_publish_that_fails_repeats_the_batch_under_the_same_ids(
    station: Station, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream has it and the answer was lost: told twice, stored once."""
    monkeypatch.setattr(module, "RETRY", 0.0)
    ids: list[list[str]] = []

    class Losing:
        def __getattr__(self, attribute: str) -> Any:
            return getattr(bench.bus, attribute)

        async def publish_many(self, publications: list[Publication]) -> None:
            ids.append([one.msg_id for one in publications])
            await bench.bus.publish_many(publications)
            if len(ids) == 1:
                raise BusError("answer lost")

    losing: Any = Losing()
    station.lane._bus = losing
    one = name()
    part = await station.accepted(one)
    await station.says(one)
    async with running(station):
        await until(station.settled)
    assert len(ids) == 2
    assert ids[0] == ids[1] != []
    assert station.told() == [(str(part.message_id), "DELIVERED")]


async def test_after_a_fault_of_ours_the_stream_brings_the_batch_again(
    station: Station, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.0)
    await bench.bus.ensure_consumer(replace(topology.receipt_consumer(bench.operator_id), ack_wait=2.0))
    station.works.steps["take_in"] = [raising(ValueError("a fault"))]
    one = name()
    part = await station.accepted(one)
    await station.says(one)
    async with running(station) as lane:

        async def told() -> bool:
            await lane.renew(float("inf"))
            return station.told() == [(str(part.message_id), "DELIVERED")]

        await until(told)
        await until(station.settled)
    assert station.works.calls == ["take_in", "take_in"]


async def test_a_durable_that_was_deleted_is_made_again(
    station: Station, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FETCH_TIMEOUT", 0.3)
    one = name()
    part = await station.accepted(one)
    async with running(station):
        await until(lambda: station.lane._pull._asked > 0)
        consumer = topology.receipt_consumer(bench.operator_id)
        await bench.bus.js.delete_consumer(consumer.stream, consumer.durable)
        await station.says(one)
        await until(lambda: station.told() == [(str(part.message_id), "DELIVERED")])


async def test_what_is_in_hand_is_renewed_once_it_is_old_enough(station: Station, bench: Bench, wire: Wire) -> None:
    gate = asyncio.Event()
    station.works.steps["take_in"] = [gate.wait]
    await station.says(name(), name())
    async with running(station) as lane:
        await until(lambda: station.works.sizes != [])
        size = station.works.sizes[0]
        await lane.renew(0.0)
        await lane.renew(asyncio.get_running_loop().time())
        await until(lambda: [data for kind, data in wire if kind == "ack"] == [b"+WPI"] * size)
        gate.set()
        await until(station.settled)


async def test_a_stop_finishes_the_batch_in_hand(station: Station) -> None:
    gate = asyncio.Event()
    station.works.steps["take_in"] = [gate.wait]
    one = name()
    part = await station.accepted(one)
    await station.says(one)
    await station.lane.start()
    await until(lambda: station.works.calls == ["take_in"])
    stopping = asyncio.create_task(station.lane.stop(10.0))
    await asyncio.sleep(0)
    assert not stopping.done()
    gate.set()
    await stopping
    await until(lambda: station.told() == [(str(part.message_id), "DELIVERED")])
    await until(station.settled)


async def test_a_stop_past_its_deadline_gives_the_batch_back(station: Station, bench: Bench) -> None:
    gate = asyncio.Event()
    station.works.steps["take_in"] = [gate.wait]
    await station.says(name())
    await station.lane.start()
    await until(lambda: station.works.calls == ["take_in"])
    await asyncio.wait_for(station.lane.stop(0.05), 60)
    pull = await bench.bus.pull(topology.receipt_consumer(bench.operator_id))
    (message,) = await pull.fetch(1, 60.0)
    assert message.times == 2
    await bench.bus.settle_surely(message, 5.0)
    await pull.stop()


async def test_an_idle_lane_stops_at_once(station: Station) -> None:
    await station.lane.start()
    await until(lambda: station.lane._pull._asked > 0)
    await asyncio.wait_for(station.lane.stop(100.0), 60)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("2026-04-18T10:31:00.500Z", datetime(2026, 4, 18, 10, 31, 0, 500_000, UTC)),
        ("2026-04-18T10:31:00", datetime(2026, 4, 18, 10, 31, tzinfo=UTC)),
        ("2026-04-18T12:31:00+02:00", datetime(2026, 4, 18, 10, 31, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_taken_at_is_the_gateways_word_or_the_streams(header: str, expected: datetime | None) -> None:
    stored = datetime(2026, 1, 1, tzinfo=UTC)

    class Stored:
        stored_at = stored

        def header(self, _: str) -> str | None:
            return header or None

    delivery: Any = Stored()
    assert module._taken_at(delivery) == (expected or stored)
