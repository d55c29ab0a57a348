from hypothesis import given
from hypothesis import strategies as st

from ghasi.simulator.meter import SlidingSecond


def test_a_second_is_half_open() -> None:
    meter = SlidingSecond()
    assert [meter.add(now) for now in (0.0, 0.5, 0.999, 1.0)] == [True, True, True, False]
    assert (meter.worst, meter.worst_at) == (3, 0.0)


def test_count_forgets() -> None:
    meter = SlidingSecond()
    meter.add(0.0)
    meter.add(0.5)
    assert [meter.count(now) for now in (0.5, 0.999, 1.0, 1.5)] == [2, 2, 1, 0]


@given(st.lists(st.floats(0, 5, allow_subnormal=False), min_size=1, max_size=60))
def test_worst_is_the_fullest_second_that_starts_at_an_event(times: list[float]) -> None:
    times.sort()
    meter = SlidingSecond()
    for now in times:
        meter.add(now)
    assert meter.worst == max(sum(start <= now and now - 1.0 < start for now in times) for start in times)
