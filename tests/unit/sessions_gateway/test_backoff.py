from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_gateway.backoff import Backoff, jittered


def test_the_steps_of_the_contract() -> None:
    backoff = Backoff()
    assert [backoff.failed(0.5) for _ in range(7)] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    assert backoff.failures == 7


def test_a_bind_that_held_ends_the_series() -> None:
    backoff = Backoff()
    backoff.failed(0.5)
    backoff.failed(0.5)
    backoff.lived(10.0)
    assert backoff.failures == 0
    assert backoff.failed(0.5) == 5.0


def test_a_bind_that_died_at_once_does_not() -> None:
    backoff = Backoff()
    backoff.failed(0.5)
    backoff.lived(9.9)
    assert backoff.failed(0.5) == 10.0


@given(st.integers(0, 30), st.floats(0.0, 1.0))
def test_jitter_stays_within_a_fifth(failures: int, roll: float) -> None:
    backoff = Backoff()
    for _ in range(failures):
        backoff.failed(0.5)
    step = (5.0, 10.0, 20.0, 40.0, 60.0)[min(failures, 4)]
    assert step * 0.8 - 1e-9 <= backoff.failed(roll) <= step * 1.2 + 1e-9


def test_jitter_uses_its_whole_range() -> None:
    assert jittered(10.0, 0.0) == pytest.approx(8.0)
    assert jittered(10.0, 1.0) == pytest.approx(12.0)


def test_a_table_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        Backoff(())
