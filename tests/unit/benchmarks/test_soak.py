"""What a soak makes of its samples."""

import pytest

from benchmarks.soak import WARM_UP, slope, summary
from benchmarks.tables import soak


def test_slope_is_that_between_the_medians_of_the_outer_thirds() -> None:
    climbing = [(60.0 * minute, 100.0 + minute) for minute in range(30)]
    assert round(slope(climbing), 6) == 60.0
    spiked = [(at, 500.0 if at == 120.0 else 100.0) for at, _ in climbing]
    assert slope(spiked) == 0.0
    assert slope(climbing[:2]) == 0.0


@pytest.mark.parametrize(("minutes", "warm"), [(30, WARM_UP), (2, 60.0)])
def test_the_warm_up_is_left_out_half_of_the_run_at_most(minutes: int, warm: float) -> None:
    samples = [(10.0 * n, {"gateway": 10.0 if 10.0 * n < warm else 90.0}) for n in range(6 * minutes + 1)]
    assert summary(samples)["gateway"] == {"firstMib": 90.0, "lastMib": 90.0, "mostMib": 90.0, "mibPerHour": 0.0}


def test_a_process_that_came_later_is_counted_from_then_on() -> None:
    samples = [(60.0 + number, {"a": 1.0} | ({"b": 2.0} if number else {})) for number in range(4)]
    assert summary(samples)["b"]["firstMib"] == 2.0
    assert summary(samples[:1]) == {"a": {"firstMib": 1.0, "lastMib": 1.0, "mostMib": 1.0, "mibPerHour": 0.0}}


def test_tables() -> None:
    memory = {"firstMib": 90.0, "lastMib": 91.0, "mostMib": 95.0, "mibPerHour": 3.0}
    content = {
        "results": {"minutes": 30.0, "offered": 200.0, "cpuPercent": {"gateway": 2.5}, "memory": {"gateway": memory}}
    }
    assert "| gateway | 2.5 % | 90.0 | 91.0 | 95.0 | 3.00 |" in soak(content)
