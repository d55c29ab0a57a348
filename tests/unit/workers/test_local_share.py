"""workers.local_share: the limit of one process while Redis is away."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.local_share import AHEAD_US, SPAN_US, LocalShare, Share, share_of

START = 1_000_000_000

calls = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 40)), min_size=1, max_size=60)


def worst(leaves: list[int], span: int) -> int:
    """The most leaves that any half-open span holds."""
    return max((sum(start <= leave < start + span for leave in leaves) for start in leaves), default=0)


@given(calls, st.integers(1, 50), st.integers(1, 12))
def test_no_span_ever_holds_more_than_the_share(steps: list[tuple[int, int]], limit: int, processes: int) -> None:
    share, local, now, leaves = share_of(limit, processes), LocalShare(), START, []
    for pause, wanted in steps:
        now += pause
        booked, _ = local.book(share, wanted, now)
        assert all(now <= leave <= now + AHEAD_US for leave in booked)
        leaves += booked
    assert leaves == sorted(leaves)
    assert worst(leaves, share.span_us) <= share.count


@given(calls, st.lists(st.integers(1, 30), min_size=60, max_size=60))
def test_a_changing_share_never_lets_out_more_than_the_larger_one(
    steps: list[tuple[int, int]], counts: list[int]
) -> None:
    local, now, leaves = LocalShare(), START, []
    for (pause, wanted), count in zip(steps, counts, strict=False):
        now += pause
        before = len(leaves)
        leaves += local.book(Share(count, SPAN_US), wanted, now)[0]
        for index in range(before, len(leaves)):
            leave = leaves[index]
            assert sum(leave - SPAN_US < other <= leave for other in leaves[: index + 1]) <= count


@given(st.integers(1, 2_000), st.integers(1, 100))
def test_all_shares_together_stay_below_the_limit(limit: int, processes: int) -> None:
    share = share_of(limit, processes)
    assert share.count * processes * SPAN_US <= limit * share.span_us


@given(st.integers(1, 50), st.integers(1, 80))
def test_the_wait_told_is_long_enough_and_no_longer(limit: int, wanted: int) -> None:
    share, local = share_of(limit, 1), LocalShare()
    local.book(share, 200, START)
    _, wait = local.book(share, wanted, START)
    assert wait > 0
    assert local.book(share, 1, START + wait - 1)[0] == []
    assert len(local.book(share, 1, START + wait)[0]) == 1


def test_a_backlog_leaves_evenly_after_what_a_silence_let_out() -> None:
    share, local = Share(10, SPAN_US), LocalShare()
    assert local.book(share, 30, START)[0] == [START] * 10
    later = START + 500_000
    leaves = local.book(share, 30, later)[0]
    steps = {after - before for before, after in itertools.pairwise(leaves)}
    assert leaves[0] == START + SPAN_US
    assert steps == {SPAN_US // 10}


def test_fewer_pdus_a_second_than_processes_stretch_the_time() -> None:
    assert share_of(2, 5) == Share(1, SPAN_US * 5 // 2)
    assert share_of(5, 2) == Share(2, SPAN_US)
    assert share_of(5, 0) == Share(5, SPAN_US)
    local = LocalShare()
    assert local.last_leave is None
    assert local.book(share_of(1, 4), 2, START) == ([START], 4 * SPAN_US - AHEAD_US)
    assert local.last_leave == START


@pytest.mark.parametrize("limit", [0, -1])
def test_no_limit_is_no_licence(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        share_of(limit, 1)


def test_memory_stays_bounded() -> None:
    local, share = LocalShare(), Share(100, SPAN_US)
    for tick in range(2_000):
        local.book(share, 100, START + tick * 50_000)
    assert len(local._leaves) < 400
