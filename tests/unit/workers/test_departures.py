"""workers.departures: what the limit makes wait is counted, by PDU."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from ghasi.contracts.sessions import SessionRecord, State
from ghasi.correlations.types import Delay
from workers.blocks import Blocks
from workers.context import utc_now
from workers.departures import Departures
from workers.throttle import Booking


class Books:
    """A throttle that gives what it is told to."""

    def __init__(self, *delays: float, paused: bool = False) -> None:
        self._delays, self._paused = delays, paused
        self.mark = 0

    async def book(self, operator_id: str, limit: int, count: int) -> Booking:
        return Booking(self._delays[:count], 0.5, self.mark, self._paused)


class Bench:
    def __init__(self, throttle: Books) -> None:
        self.throttle = throttle
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.mark.parametrize(
    ("delays", "waited"), [((), 0), ((0.0, 0.02, 0.09), 0), ((0.0, 0.1, 0.5), 2), ((0.15, 0.2, 0.25), 3)]
)
async def test_a_pdu_that_leaves_later_than_it_could_is_counted_once(delays: tuple[float, ...], waited: int) -> None:
    operator_id = str(uuid.uuid4())
    context: Any = Bench(Books(*delays))
    departures = Departures(context)
    await departures.book(SessionRecord(operator_id, "r", "e", State.BOUND, binds=1, tps_limit=10), 3)
    counted = REGISTRY.get_sample_value("smpp_connector_tps_throttle_total", {"operator_id": operator_id}) or 0.0
    assert (counted, departures.booked) == (waited, len(delays))


async def test_the_permit_tells_when_it_lets_go_and_how_long_that_is_after_the_booking() -> None:
    context: Any = Bench(Books(0.0, 0.04, 0.3))
    departures = Departures(context)
    before, held = utc_now(), Delay("not bound", utc_now() - timedelta(seconds=9), utc_now() - timedelta(seconds=5))
    blocks = Blocks()
    blocks.last = held
    await departures.book(SessionRecord(str(uuid.uuid4()), "r", "e", State.BOUND, binds=1, tps_limit=10), 3, blocks)
    found = []
    for _ in range(2):
        async with departures.next() as leave:
            found.append((leave.count, leave.permit))
    (two, first), (one, last) = found
    assert (two, one) == (2, 1)
    assert first is not None
    assert last is not None
    assert (first.wait, last.wait) == (0, 300)
    assert before <= first.at <= utc_now()
    assert last.at - first.at == timedelta(seconds=0.3)
    assert first.held is last.held is held


async def test_a_pause_of_the_limiter_is_what_the_first_permits_after_it_were_kept_by() -> None:
    context: Any = Bench(Books(paused=True))
    departures, blocks = Departures(context), Blocks()
    record = SessionRecord(str(uuid.uuid4()), "r", "e", State.BOUND, binds=1, tps_limit=10)
    await departures.book(record, 1, blocks)
    assert context.slept == [0.5]
    blocks._since = utc_now() - timedelta(seconds=1.02)
    context.throttle = Books(0.0)
    await departures.book(record, 1, blocks)
    async with departures.next() as leave:
        assert leave.permit is not None
        assert leave.permit.held is not None
        assert leave.permit.held.why == "limiter"


async def test_all_that_is_due_leaves_together() -> None:
    """Messages that come one by one while a claim lasts are one claim afterwards."""
    context: Any = Bench(Books(0.0))
    departures = Departures(context)
    record = SessionRecord(str(uuid.uuid4()), "r", "e", State.BOUND, binds=1, tps_limit=10)
    for _ in range(3):
        await departures.book(record, 1)
    context.throttle = Books(3.0)
    await departures.book(record, 1)
    await departures.book(replace(record, operator_id=str(uuid.uuid4())), 1)
    found = []
    for _ in range(3):
        async with departures.next() as leave:
            assert departures.booked >= leave.count
            found.append(leave.count)
    assert found == [3, 1, 1]
    assert context.slept[-1] > 2.5
    assert departures.booked == 0


async def test_what_was_booked_under_different_marks_leaves_apart() -> None:
    context: Any = Bench(Books(0.0))
    departures = Departures(context)
    record = SessionRecord(str(uuid.uuid4()), "r", "e", State.BOUND, binds=1, tps_limit=10)
    for mark in (0, 7, 7):
        context.throttle.mark = mark
        await departures.book(record, 1)
    found = []
    for _ in range(2):
        async with departures.next() as leave:
            found.append((leave.mark, leave.count))
    assert found == [(0, 1), (7, 2)]
