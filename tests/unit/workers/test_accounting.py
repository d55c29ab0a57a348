"""workers.accounting: what the running check shows, and how it holds back the purge without filling the stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError
from prometheus_client import REGISTRY

from ghasi.bus import Bus, BusError
from ghasi.contracts import topology
from ghasi.correlations import acknowledging, books
from ghasi.correlations.command_reader import Unreadable
from tests.support.counter import Counter
from tests.unit.workers.build import Works, until
from tests.unit.workers.test_chores import Asked, Present, kept
from workers import accounting as module
from workers.accounting import Accounting
from workers.chores import Chores
from workers.ledger_work import LedgerAway


@pytest.fixture
async def counter(bus: Bus, operator_id: str, django_ready: None) -> AsyncIterator[Counter]:
    made = Counter(bus, operator_id)
    yield made
    await made.close()


def checks(bus: Bus, works: Works, *operator_ids: str, present: Present | None = None) -> Accounting:
    parts: Any = (works, present or Present(*operator_ids))
    return Accounting(bus, *parts, operator_ids, 30)


def shown(operator_id: str, name: str = "difference") -> float | None:
    return REGISTRY.get_sample_value(f"smpp_connector_accounting_{name}", {"operator_id": operator_id})


def _acknowledge(operator_id: UUID, now: datetime) -> None:
    hour = timedelta(hours=1)
    acknowledging.acknowledge(acknowledging.find(now - hour, now + hour, [operator_id]), now)


async def test_the_gauge_shows_a_loss_until_somebody_acknowledges_it(
    bus: Bus, works: Works, counter: Counter, operator_id: str
) -> None:
    one = checks(bus, works, operator_id)
    await counter.commands(1)
    messages = await counter.take(1)
    await one.turn()
    assert shown(operator_id) == 0
    assert (shown(operator_id, "checked_timestamp_seconds") or 0) > 0
    await counter.ack(*messages)
    await one.turn()
    assert shown(operator_id) == 1
    await counter.on_thread(_acknowledge, UUID(operator_id), module.utc_now())
    await one.turn()
    assert shown(operator_id) == 0


async def test_what_is_not_in_the_books_keeps_its_place_in_the_stream(
    bus: Bus, works: Works, counter: Counter, operator_id: str
) -> None:
    one = checks(bus, works, operator_id)
    presence: Any = Present(operator_id)
    chores = Chores(bus, presence, "dispatch", [topology.dispatch_consumer(operator_id)], one)
    for made in await counter.commands(3):
        await counter.submit(made)
    messages = await counter.take(3)
    await counter.ack(*messages)
    await chores.turn()
    assert await kept(bus, operator_id) == 3
    await one.turn()
    await chores.turn()
    assert await kept(bus, operator_id) == 0


async def test_books_that_are_not_kept_hold_the_purge_back_for_a_while_only(
    bus: Bus, works: Works, counter: Counter, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = checks(bus, works, operator_id)
    presence: Any = Present(operator_id)
    chores = Chores(bus, presence, "dispatch", [topology.dispatch_consumer(operator_id)], one)
    await counter.commands(2)
    await counter.ack(*await counter.take(2))
    await chores.turn()
    assert await kept(bus, operator_id) == 2
    monkeypatch.setattr(module, "HOLD_AT_MOST", -1.0)
    await chores.turn()
    assert await kept(bus, operator_id) == 0
    await one.turn()
    found = await counter.balance()
    assert (found.taken, found.untold, found.lost, found.holds) == (2, 2, (), True)
    await one.turn()
    assert (await counter.balance()).untold == 2, "told once"
    labels = {"operator_id": operator_id}
    assert REGISTRY.get_sample_value("smpp_connector_accounting_untold_total", labels) == 2


async def test_one_operators_trouble_is_not_the_others(
    bus: Bus, works: Works, counter: Counter, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "00000000-0000-4000-8000-000000000002"
    await bus.ensure_consumer(topology.dispatch_consumer(broken))
    one = checks(bus, works, broken, operator_id)

    async def fail(*_: Any, **__: Any) -> None:
        raise BusError("no")

    monkeypatch.setattr(one._accountants[broken], "turn", fail)
    await counter.commands(1)
    await counter.ack(*await counter.take(1))
    await one.turn()
    assert shown(operator_id) == 1
    assert one.purge_to(broken, 7) == (0,)
    assert one.purge_to("nobody's", 7) == (7,)


async def test_a_stream_that_cannot_be_read_is_not_held_back(
    bus: Bus, works: Works, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = checks(bus, works, operator_id)

    async def refuse(_: Bus) -> None:
        raise Unreadable("a work queue")

    assert one.purge_to(operator_id, 7) == (0,)
    monkeypatch.setattr(module, "read_positions", refuse)
    await one.turn()
    assert one.purge_to(operator_id, 7) == (7,)


async def test_a_quiet_operator_costs_no_look_at_the_database(
    bus: Bus, works: Works, counter: Counter, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = checks(bus, works, operator_id)
    (made,) = await counter.commands(1)
    await counter.submit(made)
    await counter.ack(*await counter.take(1))
    await one.turn()
    calls = len(works.calls)
    await one.turn()
    assert len(works.calls) == calls + 2, "the doubles and what is shown"
    monkeypatch.setattr(module, "LOOK_AGAIN_EVERY", 0.0)
    await one.turn()
    assert len(works.calls) > calls + 4


async def test_only_the_first_process_checks_and_a_failed_turn_is_not_the_last(
    bus: Bus, works: Works, counter: Counter, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_EVERY", 0.01)
    present = Present(operator_id, first=False)
    one = checks(bus, works, operator_id, present=present)
    asked = Asked(present)
    monkeypatch.setattr(one, "_presence", asked)
    failures = [LedgerAway("OperationalError"), RuntimeError("a fault of ours")]
    turns = 0
    turn = one.turn

    async def counted() -> None:
        nonlocal turns
        turns += 1
        if failures:
            raise failures.pop()
        await turn()

    monkeypatch.setattr(one, "turn", counted)
    await counter.commands(1)
    await counter.ack(*await counter.take(1))
    one.start()
    try:
        await until(lambda: asked.times > 3)
        assert turns == 0
        present.first = True
        await until(lambda: shown(operator_id) == 1)
        assert turns >= 3
        present.first = False
        await until(lambda: shown(operator_id) == 0)
        present.first = True
        await until(lambda: shown(operator_id) == 1)
    finally:
        await one.stop()


async def test_the_database_away_costs_no_entry(
    bus: Bus, works: Works, counter: Counter, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = checks(bus, works, operator_id)
    await counter.commands(2)
    await counter.ack(*await counter.take(2))
    enter = books.enter

    def away(page: books.Page) -> int:
        monkeypatch.setattr(books, "enter", enter)
        raise OperationalError("gone")

    monkeypatch.setattr(books, "enter", away)
    with pytest.raises(LedgerAway):
        await one.turn()
    await one.turn()
    found = await counter.balance()
    assert (found.taken, len(found.lost)) == (2, 2)
