from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sessions_gateway.routing import choose


@given(st.integers(0, 2**63), st.sets(st.integers(0, 63), min_size=1, max_size=8))
def test_a_lane_keeps_its_bind_whatever_the_order(lane: int, slots: set[int]) -> None:
    candidates = [(slot, slot) for slot in slots]
    assert choose(lane, candidates) == choose(lane, candidates[::-1])


@given(st.integers(0, 2**63), st.sets(st.integers(0, 63), min_size=2, max_size=8))
def test_a_bind_that_goes_moves_only_its_own_lanes(lane: int, slots: set[int]) -> None:
    candidates = [(slot, slot) for slot in slots]
    chosen = choose(lane, candidates)
    gone = next(slot for slot in slots if slot != chosen)
    assert choose(lane, [pair for pair in candidates if pair[0] != gone]) == chosen


def test_lanes_spread_over_all_binds() -> None:
    candidates = [(slot, slot) for slot in range(4)]
    counts = [0] * 4
    for lane in range(4_000):
        counts[choose(lane, candidates)] += 1
    assert min(counts) > 800
