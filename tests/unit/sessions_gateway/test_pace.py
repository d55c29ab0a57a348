"""The rate the workers say they send at, as the gateway shows it."""

from __future__ import annotations

from sessions_gateway.pace import HeardPace


def test_it_is_shown_until_it_has_come_back() -> None:
    now = 0.0
    pace = HeardPace(lambda: now)
    assert pace.below(100) == 0
    pace.hear(20)
    assert pace.below(100) == 20
    now = 30.0
    assert pace.below(100) == 50
    assert pace.below(40) == 32
    now = 1000.0
    assert pace.below(100) == 0


def test_the_last_word_counts() -> None:
    pace = HeardPace(lambda: 0.0)
    pace.hear(20)
    pace.hear(0)
    assert pace.below(100) == 0
    pace.hear(300)
    assert pace.below(100) == 0
    assert pace.below(0) == 0
