"""workers.parcels: what leaves together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.correlations.types import Part
from tests.unit.correlations.build import NOW
from workers.parcels import by_size, by_time


@pytest.mark.parametrize(
    ("delays", "groups"),
    [
        ((), []),
        ((0.0,), [(0.0, 1)]),
        ((0.0, 0.0, 0.05), [(0.0, 3)]),
        ((0.0, 0.02, 0.06, 0.1, 0.111), [(0.0, 2), (0.06, 2), (0.111, 1)]),
    ],
)
def test_bookings_within_fifty_milliseconds_of_the_first_leave_together(
    delays: tuple[float, ...], groups: list[tuple[float, int]]
) -> None:
    assert by_time(delays) == groups


@given(st.lists(st.floats(0, 1)).map(sorted))
def test_no_booking_is_lost_and_none_leaves_before_its_time_by_more_than_the_span(delays: list[float]) -> None:
    groups = by_time(delays)
    assert sum(count for _, count in groups) == len(delays)
    left = iter(delays)
    for first, count in groups:
        assert all(first <= next(left) <= first + 0.05 + 1e-9 for _ in range(count))


def leaving(*sizes: int) -> list[Any]:
    one = SimpleNamespace(pdus=[b"x" * size for size in sizes])
    return [(one, Part(uuid4(), NOW.date(), uuid4(), segment, 1)) for segment in range(1, len(sizes) + 1)]


@pytest.mark.parametrize(
    ("sizes", "cut"),
    [
        ((), []),
        ((5, 5), [[1, 2]]),
        ((5, 6, 4), [[1], [2, 3]]),
        ((11, 1), [[1], [2]]),
        ((1, 99, 1), [[1], [2], [3]]),
    ],
)
def test_a_request_holds_what_fits_and_one_pdu_at_least(sizes: tuple[int, ...], cut: list[list[int]]) -> None:
    assert [[part.segment for _, part in parcel] for parcel in by_size(leaving(*sizes), 10)] == cut
