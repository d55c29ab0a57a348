"""workers.blocks: what kept a lane from booking for a second or more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ghasi.correlations.types import Delay
from workers.blocks import LIMITER, NOT_BOUND, WINDOW_FULL, Blocks

NOW = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_it_is_told_once_it_is_over() -> None:
    blocks = Blocks()
    for seconds in (0, 5, 10):
        blocks.begin(NOT_BOUND, at(seconds))
    assert blocks.last is None
    blocks.end(at(11))
    assert blocks.last == Delay(NOT_BOUND, at(0), at(11))
    blocks.end(at(90))
    assert blocks.last == Delay(NOT_BOUND, at(0), at(11))


def test_what_passes_at_once_is_not_kept() -> None:
    blocks = Blocks()
    blocks.begin(WINDOW_FULL, at(0))
    blocks.end(at(0.9))
    assert blocks.last is None


def test_of_two_without_a_gap_the_longer_is_kept() -> None:
    blocks = Blocks()
    blocks.begin(NOT_BOUND, at(0))
    blocks.begin(LIMITER, at(8))
    blocks.end(at(9.1))
    assert blocks.last == Delay(NOT_BOUND, at(0), at(8))
    blocks.begin(LIMITER, at(30))
    blocks.end(at(31.1))
    assert blocks.last == Delay(LIMITER, at(30), at(31.1))


def test_one_thing_after_the_other() -> None:
    blocks = Blocks()
    blocks.begin(WINDOW_FULL, at(0))
    blocks.begin(NOT_BOUND, at(3))
    assert blocks.last == Delay(WINDOW_FULL, at(0), at(3))
    blocks.end(at(7))
    assert blocks.last == Delay(NOT_BOUND, at(3), at(7))
