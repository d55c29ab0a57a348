"""What happened minute by minute, on a real PostgreSQL: added up over processes, written by the pools' keeper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from ghasi.operators import minutes
from ghasi.operators.minutes import BOUNDS, Tally
from ghasi.operators.models import OperatorMinute
from workers.ledger_work import LedgerAway
from workers.minute_keeper import MinuteKeeper
from workers.minutes import Minutes

pytestmark = pytest.mark.usefixtures("django_ready")
MINUTE = datetime.now(UTC).replace(second=0, microsecond=0)


@pytest.fixture
def operator_id() -> Iterator[str]:
    OperatorMinute.objects.all().delete()  # whatever a product on these servers wrote before
    yield str(uuid4())
    OperatorMinute.objects.all().delete()
    connection.close()


def tally(**counts: int) -> Tally:
    made = Tally(Counter(counts))
    minutes.observe(made.answered, [0.03, 500.0])
    return made


def test_what_two_processes_saw_is_added_up(operator_id: str) -> None:
    minutes.add({(MINUTE, operator_id): tally(submitted=3, dlr_delivered=1)})
    minutes.add({(MINUTE, operator_id): tally(submitted=4), (MINUTE - timedelta(minutes=1), operator_id): tally()})
    found = minutes.since(MINUTE)
    assert set(found) == {(MINUTE, operator_id)}
    assert found[MINUTE, operator_id].counts == {"submitted": 7, "dlr_delivered": 1}
    assert found[MINUTE, operator_id].answered == [*[0] * 5, 2, *[0] * (len(BOUNDS) - 6), 2]
    assert sum(found[MINUTE, operator_id].to_wire) == 0


def test_all_operators_are_added_up(operator_id: str) -> None:
    other, before = str(uuid4()), MINUTE - timedelta(minutes=7)
    minutes.add({(MINUTE, operator_id): tally(submitted=3), (before, operator_id): tally(submitted=9)})
    minutes.add({(MINUTE, other): tally(submitted=4, dlr_delivered=1)})
    OperatorMinute.objects.filter(operator_id=other).update(to_wire=[5, 6])
    found = minutes.totals(before)
    assert set(found) == {before, MINUTE}
    assert found[MINUTE].counts == {"submitted": 7, "dlr_delivered": 1}
    assert found[MINUTE].answered == [*[0] * 5, 2, *[0] * (len(BOUNDS) - 6), 2]
    assert found[MINUTE].to_wire == [5, 6, *[0] * (len(BOUNDS) - 1)], "a shorter histogram counts as far as it goes"
    assert set(minutes.totals(MINUTE)) == {MINUTE}


def test_one_operator_by_itself(operator_id: str) -> None:
    before = MINUTE - timedelta(minutes=7)
    minutes.add({(MINUTE, operator_id): tally(submitted=3), (before, operator_id): tally(submitted=9)})
    minutes.add({(MINUTE, str(uuid4())): tally(submitted=4)})
    found = minutes.of_operator(UUID(operator_id), before)
    assert {minute: one.counts["submitted"] for minute, one in found.items()} == {MINUTE: 3, before: 9}


def test_processes_that_write_at_once_lose_nothing(operator_id: str) -> None:
    others = [str(uuid4()) for _ in range(5)]

    def write() -> None:
        for _ in range(20):
            minutes.add({(MINUTE, one): tally(submitted=1) for one in (*others, operator_id)})
        connection.close()

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.counts["submitted"] for one in minutes.since(MINUTE).values()} == {80}


def test_a_histogram_of_a_release_with_fewer_buckets_is_added_too(operator_id: str) -> None:
    short = Tally(Counter(submitted=1), [1, 1], [1])
    minutes.add({(MINUTE, operator_id): short})
    minutes.add({(MINUTE, operator_id): tally()})
    found = minutes.since(MINUTE)[MINUTE, operator_id]
    assert (found.to_wire[:2], len(found.to_wire)) == ([1, 1], len(BOUNDS) + 1)
    assert found.answered[0] == 1


def test_after_a_week_a_minute_is_forgotten(operator_id: str) -> None:
    minutes.add({(MINUTE - timedelta(days=7, minutes=2), operator_id): tally(), (MINUTE, operator_id): tally()})
    assert minutes.forget(MINUTE) == 1
    assert set(minutes.since(MINUTE - timedelta(days=30))) == {(MINUTE, operator_id)}


class Works:
    """Runs at once; refuses first, as often as told."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals

    async def run(self, function: Callable[[Any], object], argument: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise LedgerAway("OperationalError")
        aside(lambda: function(argument))


def aside(work: Callable[[], object]) -> None:
    """On a thread of its own: Django's connections are not for a thread that runs a loop."""
    thread = Thread(target=lambda: (work(), connection.close()))
    thread.start()
    thread.join()


async def test_the_keeper_writes_and_keeps_what_it_cannot_write(operator_id: str) -> None:
    counted = Minutes()
    works: Any = Works(refusals=1)
    keeper = MinuteKeeper(works, counted)
    now = datetime.now(UTC)
    counted.receipts([(operator_id, "DELIVERED", 2)], now)
    await keeper.turn()
    counted.receipts([(operator_id, "DELIVERED", 3)], now)
    keeper.start()
    await keeper.stop()
    seen: list[Any] = []
    aside(lambda: seen.append(minutes.since(MINUTE)))
    assert [one.counts["dlr_delivered"] for one in seen[0].values()] == [5]
