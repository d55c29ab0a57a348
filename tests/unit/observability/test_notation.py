"""tests.observability.notation: what is written is read back the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.observability.notation import STALE, expanded, shortened

numbers = st.one_of(
    st.integers(-1_000, 1_000).map(float),
    st.integers(-(10**9), 10**9).map(lambda one: one / 8),
    st.sampled_from([1e-7, 1e20, 0.1]),
)
samples = st.lists(st.one_of(st.none(), st.just(STALE), numbers, st.sampled_from([0.0, 1.0, 2.0, 3.0])), max_size=60)


@given(samples)
def test_it_is_read_back_as_it_was(given_samples: list[float | str | None]) -> None:
    read = expanded(shortened(given_samples))
    assert len(read) == len(given_samples)
    for was, found in zip(given_samples, read, strict=True):
        assert found == (pytest.approx(was, rel=1e-9) if isinstance(was, float) else was)


@pytest.mark.parametrize(
    ("given_samples", "text"),
    [
        ([5.0] * 4, "5+0x3"),
        ([1.0, 3.0, 5.0, 7.0], "1+2x3"),
        ([7.0, 5.0, 3.0], "7-2x2"),
        ([None, None, 1.0, None, STALE], "_x2 1 _ stale"),
        ([0.5, 0.5, 0.75], "0.5+0x1 0.75"),
        ([], ""),
    ],
)
def test_runs_are_written_short(given_samples: list[float | str | None], text: str) -> None:
    assert shortened(given_samples) == text
