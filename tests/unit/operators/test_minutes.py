"""ghasi.operators.minutes: quantiles of a histogram."""

import pytest

from ghasi.operators.minutes import BOUNDS, observe, quantile


def buckets(*seconds: float) -> list[int]:
    made = [0] * (len(BOUNDS) + 1)
    observe(made, seconds)
    return made


def test_nothing_seen_has_no_quantile() -> None:
    assert quantile(buckets(), 0.5) is None


def test_a_bound_belongs_to_its_bucket() -> None:
    assert buckets(BOUNDS[0])[0] == 1
    assert buckets(BOUNDS[0] + 0.001)[1] == 1


@pytest.mark.parametrize(("share", "low", "high"), [(0.5, 0.025, 0.05), (0.95, 0.5, 1.0), (1.0, 0.5, 1.0)])
def test_a_quantile_lies_in_the_bucket_that_holds_it(share: float, low: float, high: float) -> None:
    found = quantile(buckets(*[0.03] * 90, *[0.7] * 10), share)
    assert found is not None
    assert low < found <= high


def test_what_took_longer_than_all_bounds_is_told_as_the_last() -> None:
    assert quantile(buckets(10_000.0), 0.99) == BOUNDS[-1]
