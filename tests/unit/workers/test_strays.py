"""workers.strays: what SMPP_RECEIPTS holds of operators that nobody is assigned to is taken in, or shown."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from ghasi.bus import Bus, BusError, Publication
from ghasi.contracts import subjects
from tests.unit.workers.build import until
from workers import strays as module
from workers.strays import Strays


class Lanes:
    """Lanes as told: `states` is what each operator's says."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.states: dict[str, bool] = {}
        self.failing: list[str] = []

    async def open(self, operator_id: str) -> None:
        if operator_id in self.failing:
            raise BusError("away")
        self.opened.append(operator_id)
        self.states.setdefault(operator_id, True)

    def takes_in(self, operator_id: str) -> bool | None:
        return self.states.get(operator_id)


class Present:
    """A presence as told."""

    def __init__(self, *assigned: str, first: bool = True) -> None:
        self.assigned = frozenset(assigned)
        self.first = first


@pytest.fixture
async def stream(bus: Bus) -> AsyncIterator[Bus]:
    await bus.js.purge_stream(subjects.SMPP_RECEIPTS)
    yield bus
    await bus.js.purge_stream(subjects.SMPP_RECEIPTS)


def strays(bus: Bus, present: Present, lanes: Lanes) -> Strays:
    shown: Any = present
    return Strays(bus, shown, lanes)


def unconsumed(operator_id: str) -> float | None:
    return REGISTRY.get_sample_value("smpp_connector_receipts_unconsumed", {"operator_id": operator_id})


async def comes(bus: Bus, *names: str) -> None:
    for one in names:
        await bus.publish(Publication(subjects.receipt(one), b"x"))


async def test_a_lane_is_opened_for_whom_the_stream_holds_something(stream: Bus, operator_id: str) -> None:
    former, elsewhere = str(uuid.uuid4()), str(uuid.uuid4())
    await comes(stream, former, operator_id, elsewhere, "not-a-uuid", former.upper())
    lanes = Lanes()
    await strays(stream, Present(operator_id, elsewhere), lanes).turn()
    assert lanes.opened == [former]
    assert unconsumed(former) is None
    assert unconsumed(elsewhere) is None, "its own process speaks for it"
    assert unconsumed("other") == 2


async def test_what_no_lane_takes_in_is_shown_until_one_does(
    stream: Bus, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(module.log, "error", lambda event, **fields: said.append(fields["operatorId"]))
    former = str(uuid.uuid4())
    await comes(stream, operator_id, former, former)
    lanes = Lanes()
    lanes.states = {operator_id: False}
    lanes.failing = [former]
    one = strays(stream, Present(operator_id), lanes)
    await one.turn()
    assert (unconsumed(operator_id), unconsumed(former)) == (1, 2)
    assert said == []
    await one.turn()
    await one.turn()
    assert sorted(said) == sorted([operator_id, former]), "once each"
    lanes.states[operator_id] = True
    lanes.failing = []
    await one.turn()
    assert (unconsumed(operator_id), unconsumed(former)) == (0, 0)


async def test_only_the_first_process_shows_and_all_open(stream: Bus) -> None:
    former = str(uuid.uuid4())
    await comes(stream, former)
    lanes = Lanes()
    lanes.states = {former: False}
    await strays(stream, Present(first=False), lanes).turn()
    assert (lanes.opened, unconsumed(former)) == ([former], None)


async def test_labels_are_bounded_whatever_is_published(stream: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LABELS", 2)
    names = [str(uuid.uuid4()) for _ in range(5)]
    await comes(stream, *names)
    lanes = Lanes()
    lanes.failing = names
    await strays(stream, Present(), lanes).turn()
    assert sorted(unconsumed(one) or 0.0 for one in names) == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert unconsumed("other") == 3


async def test_it_looks_at_the_start_and_again_after_a_failure(stream: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)
    former = str(uuid.uuid4())
    await comes(stream, former)
    lanes = Lanes()
    one = strays(stream, Present(), lanes)
    turn, failures = one.turn, [TimeoutError()]

    async def failing() -> None:
        if failures:
            raise failures.pop()
        await turn()

    monkeypatch.setattr(one, "turn", failing)
    one.start()
    try:
        await until(lambda: former in lanes.opened)
    finally:
        await one.stop()
