"""workers.histograms: many observations at once are many observations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from workers.histograms import BatchHistogram

BOUNDS = (0.5, 1.0, 2.5)


@given(st.lists(st.floats(0, 5) | st.sampled_from(BOUNDS), max_size=30))
def test_at_once_is_one_by_one(values: list[float]) -> None:
    one_by_one, at_once = CollectorRegistry(), CollectorRegistry()
    usual = Histogram("waited", "x", ["operator"], buckets=BOUNDS, registry=one_by_one).labels("a")
    batch = BatchHistogram("waited", "x", ["operator"], buckets=BOUNDS, registry=at_once).labels("a")
    for value in values:
        usual.observe(value)
    batch.observe_all(values)
    batch.observe_all([])
    for bound in (*map(str, BOUNDS), "+Inf"):
        names = {"operator": "a", "le": bound}
        assert at_once.get_sample_value("waited_bucket", names) == one_by_one.get_sample_value("waited_bucket", names)
    sums = [registry.get_sample_value("waited_sum", {"operator": "a"}) or 0.0 for registry in (at_once, one_by_one)]
    assert math.isclose(*sums)


def test_labels_that_are_missing_are_an_error() -> None:
    with pytest.raises(ValueError, match="label"):
        BatchHistogram("waited", "x", ["operator"], registry=CollectorRegistry()).observe_all([1.0])
