from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_gateway.gate import SPAN, Gate


def worst(writes: list[float], span: float) -> int:
    return max((sum(1 for other in writes if at <= other < at + span) for at in writes), default=0)


@given(
    limit=st.integers(1, 30),
    steps=st.lists(st.tuples(st.floats(0.0, 0.7), st.integers(0, 40)), max_size=60),
)
def test_never_more_than_the_limit_in_any_span(limit: int, steps: list[tuple[float, int]]) -> None:
    gate, now, writes = Gate(limit), 0.0, []
    for pause, wanted in steps:
        now += pause
        count = min(wanted, gate.available(now))
        gate.take(count, now)
        writes += [now] * count
    # Rounding of the times' sums may move an edge by less than a nanosecond.
    assert worst(writes, SPAN - 1e-9) <= limit


@given(limit=st.integers(1, 50))
def test_a_greedy_sender_reaches_the_limit(limit: int) -> None:
    gate, now, sent = Gate(limit), 0.0, 0
    for _ in range(20):
        count = gate.available(now)
        gate.take(count, now)
        sent += count
        assert gate.available(now) == 0
        following = gate.next_at(now)
        assert following > now
        now = following
    assert sent == 20 * limit


def test_next_at_is_now_while_there_is_room() -> None:
    gate = Gate(2)
    assert gate.next_at(5.0) == 5.0
    gate.take(1, 5.0)
    assert gate.next_at(5.5) == 5.5
    gate.take(1, 5.5)
    assert gate.next_at(5.6) == pytest.approx(5.0 + SPAN)


def test_next_at_looks_past_writes_that_are_old_by_then() -> None:
    gate = Gate(2)
    gate.take(2, 0.0)
    gate.take(1, 0.5)
    gate.take(1, 0.6)
    assert gate.next_at(SPAN) == pytest.approx(0.5 + SPAN)


def test_after_a_cut_of_the_limit_the_excess_drains_first() -> None:
    gate = Gate(3)
    gate.take(2, 0.0)
    gate.take(1, 0.5)
    gate.set_limit(1)
    assert gate.available(0.6) == 0
    assert gate.next_at(0.6) == pytest.approx(0.5 + SPAN)


def test_the_share_follows_the_binds() -> None:
    gate = Gate(100)
    gate.set_limit(100, own=1, total=4)
    assert gate.most == 25
    gate.set_limit(100, own=0, total=4)
    assert gate.most == 100


def test_less_than_one_a_second_is_one_in_a_longer_span() -> None:
    gate = Gate(1)
    gate.set_limit(1, own=1, total=2)
    gate.take(1, 0.0)
    assert gate.next_at(0.0) == pytest.approx(2 * SPAN)


def test_current_counts_the_last_second() -> None:
    gate = Gate(10)
    gate.take(3, 0.0)
    gate.take(2, 0.5)
    assert gate.current(0.9) == 5
    assert gate.current(1.2) == 2
    gate.take(0, 1.3)
    assert gate.current(2.0) == 0


@pytest.mark.parametrize(("limit", "own", "total"), [(0, 1, 1), (1, -1, 1), (1, 2, 1)])
def test_impossible_limits_are_refused(limit: int, own: int, total: int) -> None:
    with pytest.raises(ValueError, match="limit of 1 or more"):
        Gate(1).set_limit(limit, own, total)
