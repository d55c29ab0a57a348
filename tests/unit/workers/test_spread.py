"""workers.spread: batches go where there is room, messages that have begun stay where they are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ghasi.contracts.sessions import SessionRecord, State
from workers.holders import Holders
from workers.shelf import Load
from workers.spread import Spread


def record(replica: str, binds: int = 1, window: int = 10, state: State = State.BOUND) -> SessionRecord:
    return SessionRecord(operator_id="o", replica=replica, epoch="e", state=state, binds=binds, window_size=window)


def spread(*records: SessionRecord) -> Spread:
    holders = Holders(lambda: 0.0)
    for one in records:
        holders.put(one)
    return Spread(holders)


def load(replica: str = "", *, left: bool = False, open_parts: int = 0) -> Load:
    outgoing: Any = SimpleNamespace(replica=replica, left=left, open_parts=open_parts)
    return Load(outgoing, 1)


def placed(made: Spread, chosen: SessionRecord, *loads: Load) -> dict[str, list[Load]]:
    return {to.replica: group for to, group in made.by_replica("o", loads, chosen)}


def test_nobody_bound_means_nowhere_to_go() -> None:
    made = spread(record("a", state=State.UNBOUND, binds=0))
    assert made.next("o") is None
    assert (made.window("o"), made.credit("o")) == (0, 0)


def test_window_and_credit_are_those_of_all_binds_of_all_replicas() -> None:
    made = spread(record("a", binds=2), record("b"))
    assert made.window("o") == 30
    assert made.credit("o") == 60
    made.leave(record("a"), 7)
    made.leave(record("b"), 3)
    assert made.credit("o") == 50
    made.back(record("a"), 7)
    made.back(record("b"), 3)
    assert made.credit("o") == 60


def test_batches_go_where_the_most_room_is_by_the_size_of_its_window() -> None:
    big, small = record("a", binds=3), record("b")
    made = spread(big, small)
    sent = {"a": 0, "b": 0}
    for _ in range(40):
        chosen = made.next("o")
        assert chosen is not None
        made.leave(chosen, 1)
        sent[chosen.replica] += 1
    assert sent == {"a": 30, "b": 10}
    made.back(record("b"), 10)
    assert made.next("o") is small


def test_what_is_on_its_way_over_another_operator_counts_there() -> None:
    backup = SessionRecord(operator_id="b", replica="a", epoch="e", state=State.BOUND, binds=1, window_size=10)
    made = spread(record("a"), backup)
    made.leave(record("a"), 5)
    assert (made.credit("o"), made.credit("b"), made.room(backup)) == (15, 20, 20)


def test_a_batch_is_no_larger_than_the_room_and_never_nothing() -> None:
    one = record("a")
    made = spread(one)
    assert made.room(one) == 20
    made.leave(record("a"), 15)
    assert made.room(one) == 5
    made.leave(record("a"), 15)
    assert made.room(one) == 1


def test_a_message_that_has_begun_stays_with_its_replica_while_that_is_bound() -> None:
    first, second = record("a"), record("b")
    made = spread(first, second)
    fresh, begun, under_way = load(), load("a", left=True), load("a", open_parts=2)
    assert placed(made, second, fresh, begun, under_way) == {"b": [fresh], "a": [begun, under_way]}
    gone = load("z", left=True)
    came_back = load("a")
    assert placed(made, second, gone, came_back) == {"b": [gone, came_back]}


def test_credit_follows_what_the_operators_queue_takes() -> None:
    holders = Holders(lambda: 0.0)
    given: dict[str, Any] = {"epoch": "e", "state": State.BOUND, "binds": 2, "window_size": 20, "tps_limit": 100}
    holders.put(SessionRecord(operator_id="op", replica="r1", window_effective=7, **given))
    holders.put(SessionRecord(operator_id="op", replica="r2", **given))
    spread = Spread(holders)
    assert spread.window("op") == 47
    assert spread.credit("op") == 94
