"""The rate that is concluded, against limiters of three kinds."""

from collections.abc import Callable

import pytest

from ghasi.probe.facts import Sent
from ghasi.probe.pace import accepted_before_refusal, rate_of, steady_rate
from ghasi.probe.plan import hold_rate, hold_seconds, rate_levels, rate_messages
from ghasi.smpp.constants import CommandStatus
from tests.unit.probe.build import sent

Limiter = Callable[[float], bool]


def sliding(limit: int) -> Limiter:
    taken: list[float] = []

    def take(now: float) -> bool:
        if sum(each > now - 1.0 for each in taken) >= limit:
            return False
        taken.append(now)
        return True

    return take


def by_the_clock(limit: int) -> Limiter:
    used: dict[int, int] = {}

    def take(now: float) -> bool:
        used[int(now)] = used.get(int(now), 0) + 1
        return used[int(now)] <= limit

    return take


def bucket(limit: int) -> Limiter:
    level, last = float(limit), 0.0

    def take(now: float) -> bool:
        nonlocal level, last
        level, last = min(float(limit), level + (now - last) * limit), now
        if level < 1:
            return False
        level -= 1
        return True

    return take


def measured(limiter: Limiter, declared: int, most: int) -> float | None:
    """The steps of `find_rate` on a clock of our own."""
    log: list[Sent] = []
    now = 100.3

    def stretch(rate: float, seconds: float) -> bool:
        nonlocal now
        begin = now
        for number in range(round(rate * seconds)):
            at = begin + number / rate
            taken = limiter(at)
            log.append(sent(status=0 if taken else CommandStatus.ESME_RTHROTTLED, began=at))
        now = begin + seconds
        return any(not each.accepted for each in log)

    for level in rate_levels(declared, most):
        if stretch(level, 1.0):
            held_from = len(log)
            stretch(hold_rate(accepted_before_refusal(log) or level), hold_seconds())
            return rate_of(log, log[held_from:])
    return rate_of(log, [])


@pytest.mark.parametrize("make", [sliding, by_the_clock, bucket])
@pytest.mark.parametrize("limit", [5, 12, 30, 77, 100])
@pytest.mark.parametrize("wrong", [0.5, 1.0, 2.0])
def test_within_a_tenth(make: Callable[[int], Limiter], limit: int, wrong: float) -> None:
    found = measured(make(limit), round(limit * wrong), 4 * limit)
    assert found is not None
    assert abs(found - limit) <= 0.1 * limit


def test_a_second_in_which_this_machine_paused_does_not_count() -> None:
    limiter, log, at = sliding(47), [], 100.0
    for number in range(134):
        at += 0.5 if number == 60 else 1 / 61
        taken = limiter(at)
        log.append(sent(status=0 if taken else CommandStatus.ESME_RTHROTTLED, began=at))
    assert steady_rate(log) is None
    assert rate_of(log, log) == 47


def test_no_refusal_no_rate() -> None:
    assert measured(lambda _: True, 10, 40) is None


def test_levels_and_what_they_take() -> None:
    assert rate_levels(10, 20) == [8.0, 12.0, 18.0, 20.0]
    assert rate_levels(1, 1) == [1.0]
    assert rate_levels(100, 10) == [10.0]
    assert rate_messages(10, 20) == 58 + 88
