"""workers.upkeep_runner: each job at its time, published and confirmed; one that fails stops no other."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from ghasi.bus import Bus, BusError, Publication
from ghasi.contracts import subjects
from ghasi.correlations import inbox
from ghasi.correlations.models import InboxReceipt
from ghasi.correlations.types import ReceiptFacts
from tests.unit.workers.build import Bench, until
from workers import metrics
from workers import upkeep_runner as module
from workers.ledger_work import LedgerAway
from workers.upkeep import Job
from workers.upkeep_runner import UpkeepRunner


class Present:
    def __init__(self, first: bool = True) -> None:
        self._first = first
        self.asked = 0

    @property
    def first(self) -> bool:
        self.asked += 1
        return self._first

    @first.setter
    def first(self, value: bool) -> None:
        self._first = value


@pytest.fixture
def runner(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., UpkeepRunner]:
    def make(*own: Job, present: Any = None, bus: Any = None) -> UpkeepRunner:
        works: Any = bench.works
        monkeypatch.setattr(module, "TICK", 0.01)
        if own:
            monkeypatch.setattr(module, "jobs", lambda retention_days, sessions: list(own))
        return UpkeepRunner(bus or bench.bus, works, present or Present(), 30, lambda: [])

    return make


def event(name: str) -> Publication:
    return Publication(subjects.SUBMIT_RESULT, json.dumps({"messageId": name}).encode(), name)


async def test_what_a_job_gives_is_stored_before_it_is_confirmed(bench: Bench, runner: Callable[..., Any]) -> None:
    name, order = str(uuid4()), []

    class Noting:
        async def publish_many(self, publications: list[Publication]) -> None:
            await bench.bus.publish_many(publications)
            order.append("stored")

    def work(now: datetime) -> list[Publication]:
        assert now.tzinfo is UTC
        order.append("run")
        return [event(name)]

    one = runner(Job("one", 3600.0, work, lambda now: order.append("confirmed")), bus=Noting())
    one.start()
    try:
        await until(lambda: order == ["run", "stored", "confirmed"])
        await until(lambda: len(bench.platform.results_of(name)) == 1)
    finally:
        await one.stop()
    assert order == ["run", "stored", "confirmed"], "not again before its time"


async def test_each_job_comes_at_its_own_time(runner: Callable[..., Any]) -> None:
    often, rarely = [], []

    def keep(where: list[datetime]) -> Callable[[datetime], list[Publication]]:
        return lambda now: where.append(now) or []

    one = runner(Job("rarely", 3600.0, keep(rarely)), Job("often", 0.0, keep(often)))
    one.start()
    try:
        await until(lambda: len(often) >= 5)
    finally:
        await one.stop()
    assert len(rarely) == 1


@pytest.mark.parametrize("error", [LedgerAway("OperationalError"), ValueError("a fault")])
async def test_a_job_that_fails_is_tried_again_and_stops_no_other(
    runner: Callable[..., Any], error: Exception
) -> None:
    tries, others, confirmed = [], [], []

    def fail(now: datetime) -> list[Publication]:
        tries.append(now)
        if len(tries) < 3:
            raise error
        return []

    one = runner(
        Job("fails", 0.0, fail, lambda now: confirmed.append(len(tries))),
        Job("other", 0.0, lambda now: others.append(now) or []),
    )
    one.start()
    try:
        await until(lambda: len(confirmed) >= 1)
    finally:
        await one.stop()
    assert confirmed[0] == 3
    assert len(others) >= 2


async def test_what_could_not_be_published_is_not_confirmed(bench: Bench, runner: Callable[..., Any]) -> None:
    name, confirmed = str(uuid4()), []

    class Losing:
        failures = 2

        async def publish_many(self, publications: list[Publication]) -> None:
            if self.failures:
                self.failures -= 1
                raise BusError("away")
            await bench.bus.publish_many(publications)

    losing = Losing()
    one = runner(
        Job("one", 0.0, lambda now: [event(name)], lambda now: confirmed.append(losing.failures)), bus=losing
    )
    one.start()
    try:
        await until(lambda: len(confirmed) >= 1)
    finally:
        await one.stop()
    assert confirmed[0] == 0
    await until(lambda: len(bench.platform.results_of(name)) == 1)


async def test_only_the_first_process_works(runner: Callable[..., Any]) -> None:
    present, ran = Present(first=False), []
    one = runner(Job("one", 0.0, lambda now: ran.append(now) or []), present=present)
    one.start()
    try:
        await until(lambda: present.asked >= 5)
        assert ran == []
        present.first = True
        await until(lambda: ran != [])
    finally:
        await one.stop()


async def test_what_another_process_shows_now_is_hidden_and_done_at_once_when_it_is_ours_again(
    runner: Callable[..., Any],
) -> None:
    present, ran = Present(), []

    def work(now: datetime) -> list[Publication]:
        ran.append(now)
        metrics.ledger_until.set(99.0)
        return []

    one = runner(Job("one", 3600.0, work), present=present)
    one.start()
    try:
        await until(lambda: len(ran) == 1)
        present.first = False
        await until(lambda: REGISTRY.get_sample_value("smpp_connector_ledger_until_timestamp_seconds") == 0)
        present.first = True
        await until(lambda: len(ran) == 2)
    finally:
        await one.stop()


def _given_up(name: str) -> bool:
    return InboxReceipt.objects.filter(operator_message_id=name, given_up_at__isnull=False).exists()


async def test_a_receipt_nobody_can_match_is_told_without_a_message(bench: Bench, runner: Callable[..., Any]) -> None:
    """The product's own jobs, on the real ledger."""
    taken = datetime.now(UTC) - timedelta(minutes=11)
    name = f"lost-{uuid4().hex}"
    facts = ReceiptFacts(
        receipt_key=secrets.randbits(62),  # the server drops an id it knows, and tests share the server
        operator_id=UUID(bench.operator_id),
        operator_message_id=name,
        lookup_keys=(name,),
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        done_at=taken,
        taken_at=taken,
        destination="93700000001",
    )
    assert await bench.works.plainly(lambda: inbox.take_receipts([facts], now=taken)) == []
    one = runner()
    one.start()
    try:
        await until(lambda: [e for e in bench.platform.receipts if e["operatorMessageId"] == name])
        async with asyncio.timeout(60):
            while not await bench.works.plainly(_given_up, name):
                pass
    finally:
        await one.stop()
    (told,) = [e for e in bench.platform.receipts if e["operatorMessageId"] == name]
    assert (told["messageId"], told["status"], told["operatorId"]) == (None, "DELIVERED", bench.operator_id)
    again = datetime.now(UTC) + timedelta(minutes=5)
    _, given_up = await bench.works.plainly(lambda: inbox.sweep_inbox(now=again))
    assert name not in [one.operator_message_id for one in given_up]


async def test_stopped_before_it_started_is_stopped(bus: Bus, runner: Callable[..., Any]) -> None:
    await asyncio.wait_for(runner().stop(), 60)
