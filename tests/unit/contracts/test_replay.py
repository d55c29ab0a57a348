"""ghasi.contracts.replay: what counts as a number in `Smpp-Replay`."""

from __future__ import annotations

import pytest

from ghasi.contracts.replay import replay_attempt


@pytest.mark.parametrize(("header", "attempt"), [("0", 0), ("1", 1), ("007", 7), ("32766", 32_766)])
def test_an_attempt_that_another_can_follow(header: str, attempt: int) -> None:
    assert replay_attempt(header) == attempt


@pytest.mark.parametrize(
    "header", [None, "", "-1", "1.0", " 1", "x", "\u00b2", "\u0663", "32767", "99999", "1" * 5_000]
)
def test_what_is_none_is_no_replay(header: str | None) -> None:
    assert replay_attempt(header) is None
