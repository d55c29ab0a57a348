"""workers.shelf: first come first served, parts in order, nothing lost between take and put back."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from ghasi.correlations.types import Part
from workers.shelf import Shelf

NOW = datetime(2026, 4, 18, tzinfo=UTC)


def outgoing(pdus: int, expires: float = 60.0) -> Any:
    """Stands for workers.outgoing.Outgoing: what a shelf looks at."""

    class One(SimpleNamespace):
        @property
        def unsent(self) -> int:
            return len(self.pdus) if self.todo is None else len(self.todo)

        def expired(self, now: datetime) -> bool:
            return self.todo is None and now >= self.expires_at

    return One(pdus=[b""] * pdus, todo=None, expires_at=NOW + timedelta(seconds=expires), message_id=uuid4())


def claimed(one: Any, first: int = 1) -> list[Part]:
    day = NOW.date()
    parts = [Part(uuid4(), day, one.message_id, segment, 1) for segment in range(first, len(one.pdus) + 1)]
    one.todo = deque(parts)
    return parts


def test_singles_leave_in_order_up_to_the_count() -> None:
    shelf = Shelf()
    ones = [outgoing(1) for _ in range(5)]
    for one in ones:
        shelf.put(one)
    loads = shelf.take(3)
    assert [load.outgoing for load in loads] == ones[:3]
    assert all(not load.parts and load.count == 1 for load in loads)
    assert (shelf.waiting, shelf.held) == (2, 5)


def test_a_long_message_stops_the_take_until_its_claim_is_back() -> None:
    shelf = Shelf()
    long, single = outgoing(5), outgoing(1)
    shelf.put(long)
    shelf.put(single)
    (load,) = shelf.take(3)
    assert (load.outgoing, load.count) == (long, 3)
    parts = claimed(long)
    for _ in range(3):
        long.todo.popleft()
    shelf.put_back(long)
    loads = shelf.take(5)
    assert [load.outgoing for load in loads] == [long, single]
    assert loads[0].parts == parts[3:]


def test_a_command_is_put_back_once() -> None:
    shelf = Shelf()
    one = outgoing(2)
    shelf.put(one)
    shelf.take(1)
    claimed(one)
    shelf.put_back(one)
    shelf.put_back(one)
    assert shelf.waiting == 1


def test_pdus_are_counted_only_as_far_as_needed() -> None:
    shelf = Shelf()
    for _ in range(4):
        shelf.put(outgoing(5))
    assert shelf.pdus_waiting(7) == 7
    assert shelf.pdus_waiting(100) == 20


def test_expired_commands_come_out_unless_something_of_them_is_claimed() -> None:
    shelf = Shelf()
    late, begun, fresh = outgoing(1, -1), outgoing(2, -1), outgoing(1)
    for one in (late, begun, fresh):
        shelf.put(one)
    claimed(begun)
    assert shelf.take_expired(NOW) == [late]
    assert [load.outgoing for load in shelf.take(9)] == [begun, fresh]


def test_a_stop_takes_out_only_what_has_not_begun() -> None:
    shelf = Shelf()
    begun, fresh = outgoing(2), outgoing(1)
    for one in (begun, fresh):
        shelf.put(one)
    claimed(begun)
    assert shelf.drain() == [fresh]
    assert shelf.waiting == 1


def test_what_is_forgotten_counts_once_and_is_not_taken_back() -> None:
    shelf = Shelf()
    one, other = outgoing(1), outgoing(1)
    for each in (one, other):
        shelf.put(each)
    shelf.take(1)
    shelf.forget(one)
    shelf.forget(one)
    assert shelf.held == 1
    shelf.put_back(one)
    assert [load.outgoing for load in shelf.take(9)] == [other]


def test_what_is_dropped_leaves_the_queue_too() -> None:
    shelf = Shelf()
    one, other = outgoing(2), outgoing(1)
    for each in (one, other):
        shelf.put(each)
    shelf.take(1)
    claimed(one, 2)
    shelf.put_back(one)
    shelf.drop(one)
    shelf.drop(one)
    assert (shelf.held, shelf.waiting) == (1, 1)
    assert [load.outgoing for load in shelf.take(9)] == [other]
