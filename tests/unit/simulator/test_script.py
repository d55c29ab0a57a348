import random
from itertools import islice
from typing import Any

import pytest

from ghasi.simulator.rules import Rule
from ghasi.simulator.script import NO_FAULTS, Occasion, Script, clock_times


def script(*rules: dict[str, Any], seed: int = 1) -> Script:
    return Script([Rule(**rule) for rule in rules], random.Random(seed))


def statuses(of: Script, occasion: Occasion, count: int) -> list[int]:
    return [of.faults("submit", occasion).code for _ in range(count)]


HERE = Occasion(at=5.0, system_id="test", mode="TRX", source="GHASI", destination="93700000404", rate=3, waiting=5)


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({"to": "*404"}, True),
        ({"to": "*405"}, False),
        ({"from_": "GHASI"}, True),
        ({"from_": "ghasi"}, False),
        ({"system_id": "t*"}, True),
        ({"mode": "TX"}, False),
        ({"has": "udh"}, False),
        ({"over_rate": 2}, True),
        ({"over_rate": 3}, False),
        ({"over_window": 4}, True),
        ({"over_window": 5}, False),
        ({"after": 5.0}, True),
        ({"after": 5.1}, False),
        ({"until": 5.0}, False),
        ({"until": 5.1}, True),
        ({"to": "*404", "mode": "TX"}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], holds: bool) -> None:
    assert (script({"status": 8, **conditions}).faults("submit", HERE).code == 8) is holds


def test_features() -> None:
    occasion = Occasion(at=0, features=frozenset({"udh"}))
    assert script({"status": 8, "has": "udh"}).faults("submit", occasion).code == 8


def test_the_first_match_decides() -> None:
    assert script({"to": "*4", "status": 1}, {"status": 2}).faults("submit", HERE).code == 1
    assert script({"to": "*5", "status": 1}, {"status": 2}).faults("submit", HERE).code == 2
    assert script({"to": "*5", "status": 1}).faults("submit", HERE) is NO_FAULTS


def test_more_joins_later_rules() -> None:
    found = script({"status": 8, "more": True}, {"status": 9, "delay": 2.0}, {"unbind": True}).faults("submit", HERE)
    assert (found.code, found.delay, found.unbind) == (8, 2.0, None)


def test_skip_and_times() -> None:
    assert statuses(script({"status": 8, "skip": 2, "times": 3}), HERE, 7) == [0, 0, 8, 8, 8, 0, 0]


def test_probability_is_seeded() -> None:
    rule = {"status": 8, "probability": 0.3}
    first = statuses(script(rule), HERE, 300)
    assert first == statuses(script(rule), HERE, 300)
    assert first != statuses(script(rule, seed=2), HERE, 300)
    assert 60 < first.count(8) < 120


def test_moments_are_kept_apart() -> None:
    of = script({"on": "bind", "status": 5}, {"on": "connect", "drop": "answered"})
    assert of.faults("bind", HERE).code == 5
    assert of.faults("connect", HERE).drop == "answered"
    assert of.faults("submit", HERE) is NO_FAULTS


def test_concerns_a_session_without_counting() -> None:
    of = script()
    rule = Rule(on="clock", unbind=True, times=1, mode="TRX")
    assert [of.concerns(rule, HERE) for _ in range(3)] == [True] * 3
    assert not of.concerns(Rule(on="clock", unbind=True, times=1, mode="RX"), HERE)


def test_seconds() -> None:
    of = script()
    assert of.seconds(2.0) == 2.0
    assert all(1.0 <= of.seconds((1.0, 3.0)) <= 3.0 for _ in range(50))


def test_clock_times() -> None:
    def times(**keys: Any) -> list[float]:
        return list(islice(clock_times(Rule(on="clock", unbind=True, **keys)), 5))

    assert times(after=3.0, times=1) == [3.0]
    assert times(after=3.0, every=2.0) == [3.0, 5.0, 7.0, 9.0, 11.0]
    assert times(after=3.0, every=2.0, times=2) == [3.0, 5.0]
    assert times(every=2.0, until=5.0) == [0.0, 2.0, 4.0]
