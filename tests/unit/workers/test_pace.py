"""The rate an operator takes, as one process counts it."""

from __future__ import annotations

import bisect

from hypothesis import given
from hypothesis import strategies as st

from ghasi.contracts import pace
from ghasi.contracts.pace import recovered, slowed
from workers.local_share import LocalShare, share_of
from workers.pace import Pace

NOW = 1_776_508_261_000


def test_without_a_word_the_limit_counts() -> None:
    assert Pace().limit(100, NOW) == 100


def test_one_round_lowers_it_once() -> None:
    one = Pace()
    assert one.slow(100, 0, NOW)
    assert one.limit(100, NOW) == 70
    assert not one.slow(100, 0, NOW + 500), "booked before the rate was lowered"
    assert one.limit(100, NOW) == 70
    assert one.slow(100, one.mark, NOW)
    assert one.limit(100, NOW) == 49


def test_it_comes_back_by_steps_and_never_goes_beyond() -> None:
    one = Pace()
    one.slow(100, 0, NOW)
    assert [one.limit(100, NOW + 1000 * seconds) for seconds in (1, 10, 29, 30, 31, 1000)] == [
        71,
        80,
        99,
        100,
        100,
        100,
    ]
    assert one.limit(50, NOW + 1_000_000) == 50


def test_a_clock_that_goes_back_lowers_nothing() -> None:
    one = Pace()
    one.slow(100, 0, NOW)
    assert one.limit(100, NOW - 10_000) == 70
    assert one.slow(100, one.mark, NOW - 10_000)
    assert one.mark > NOW


@given(st.integers(1, 5000), st.lists(st.integers(0, 30_000), max_size=40))
def test_it_stays_between_one_and_the_limit(limit: int, waits: list[int]) -> None:
    one, now = Pace(), NOW
    for wait in waits:
        now += wait
        assert one.slow(limit, one.mark, now)
        assert 1 <= one.limit(limit, now) <= limit
        assert one.limit(limit, now) <= max(1, limit * pace.FACTOR)
    assert one.limit(limit, now + pace.RECOVERY_MS) == limit


@given(st.floats(1, 5000), st.integers(1, 5000), st.floats(0, 1e6))
def test_the_arithmetic(rate: float, limit: int, elapsed: float) -> None:
    assert 1 <= slowed(rate) <= rate
    assert 1 <= recovered(rate, limit, elapsed) <= limit
    assert recovered(rate, limit, elapsed) <= recovered(rate, limit, elapsed + 1000)


@given(st.integers(1, 200), st.lists(st.tuples(st.integers(1, 60), st.integers(0, 900), st.booleans()), max_size=40))
def test_a_share_that_slows_and_recovers_never_exceeds_the_limit_in_any_span(
    limit: int, turns: list[tuple[int, int, bool]]
) -> None:
    one, local, now = Pace(), LocalShare(), NOW
    leaves: list[int] = []
    for wanted, wait, throttled in turns:
        now += wait
        if throttled:
            one.slow(limit, one.mark, now)
        booked, _ = local.book(share_of(one.limit(limit, now), 1), wanted, now * 1000)
        leaves += booked
    assert leaves == sorted(leaves)
    for index, start in enumerate(leaves):
        assert bisect.bisect_left(leaves, start + 1_020_000) - index <= limit
