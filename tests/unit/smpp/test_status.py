from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.constants import SMPP5_STATUSES, CommandStatus
from ghasi.smpp.status import SUBMIT_RULES, Action, BindAction, bind_action, retry_delay
from ghasi.smpp.status_rules import PLAIN

NOT_PERMANENT = {
    0x00: Action.OK,
    0x04: Action.REBIND,
    0x05: Action.REBIND,
    0x08: Action.RETRY_SOON,
    0x0D: Action.HOLD,
    0x0E: Action.HOLD,
    0x0F: Action.HOLD,
    0x53: Action.HOLD,
    0x14: Action.RETRY_LATER,
    0x45: Action.RETRY_LATER,
    0x58: Action.RETRY_SOON,
    0x64: Action.RETRY_LATER,
    0xFF: Action.RETRY_LATER,
}


@pytest.mark.parametrize("status", list(CommandStatus), ids=lambda status: status.name)
def test_first_answer(status: CommandStatus) -> None:
    assert PLAIN.action(status) is NOT_PERMANENT.get(status, Action.PERMANENT)


def test_the_table_names_every_status_it_could_know() -> None:
    assert set(SUBMIT_RULES) == {*map(int, CommandStatus), *SMPP5_STATUSES}


@pytest.mark.parametrize("status", [0x100, 0x104, 0x112])
def test_codes_of_smpp_5_are_permanent(status: int) -> None:
    assert PLAIN.action(status) is Action.PERMANENT


@pytest.mark.parametrize("status", [0x09, 0x10, 0x99, 0x113, 0x400, 0x455, 0x4FF, 0x1038, 0xFFFFFFFF])
def test_what_nobody_knows_is_held_however_often_it_comes(status: int) -> None:
    assert PLAIN.action(status) is PLAIN.action(status, 10_000) is Action.HOLD


@pytest.mark.parametrize(
    ("status", "limit", "then"),
    [
        (0x08, 5, Action.REBIND),
        (0x45, 2, Action.PERMANENT),
        (0xFF, 2, Action.PERMANENT),
        (0x02, 3, Action.REBIND),
    ],
)
def test_bounded_statuses(status: int, limit: int, then: Action) -> None:
    first = PLAIN.action(status)
    assert first is not then
    assert [PLAIN.action(status, failures) for failures in range(limit + 2)] == [first] * limit + [then] * 2


@pytest.mark.parametrize("status", [0x14, 0x58, 0x64])
def test_unbounded_statuses(status: int) -> None:
    assert PLAIN.action(status, 10_000) is PLAIN.action(status)


def test_one_status_slows_down_and_one_narrows_the_window() -> None:
    assert [status for status, rule in SUBMIT_RULES.items() if rule.slows] == [CommandStatus.ESME_RTHROTTLED]
    assert [status for status, rule in SUBMIT_RULES.items() if rule.narrows] == [CommandStatus.ESME_RMSGQFUL]


@pytest.mark.parametrize(
    ("status", "transceiver", "failures", "action"),
    [
        (0x00, True, 0, BindAction.BOUND),
        (0x03, True, 0, BindAction.FALL_BACK_TO_PAIR),
        (0x04, True, 0, BindAction.FALL_BACK_TO_PAIR),
        (0x0D, True, 3, BindAction.FALL_BACK_TO_PAIR),
        (0x53, True, 0, BindAction.FALL_BACK_TO_PAIR),
        (0x03, False, 0, BindAction.BACK_OFF),
        (0x0D, False, 0, BindAction.BACK_OFF),
        (0x53, False, 0, BindAction.BACK_OFF),
        (0x05, True, 0, BindAction.WAIT_OLD_SESSION),
        (0x05, True, 1, BindAction.FALL_BACK_TO_PAIR),
        (0x05, True, 2, BindAction.WAIT_OLD_SESSION),
        (0x05, False, 1, BindAction.WAIT_OLD_SESSION),
        (0x0E, True, 0, BindAction.CREDENTIALS),
        (0x0F, False, 9, BindAction.CREDENTIALS),
        (0x08, True, 0, BindAction.BACK_OFF),
        (0x58, True, 0, BindAction.BACK_OFF),
        (0x401, True, 0, BindAction.BACK_OFF),
    ],
)
def test_bind(status: int, transceiver: bool, failures: int, action: BindAction) -> None:
    assert bind_action(status, transceiver=transceiver, failures=failures) is action


def test_delays_double_to_their_cap() -> None:
    assert [retry_delay(Action.RETRY_SOON, n, 0.5) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [retry_delay(Action.REBIND, n, 0.5) for n in (0, 99)] == [1, 60]
    assert [retry_delay(Action.RETRY_LATER, n, 0.5) for n in range(6)] == [20, 40, 80, 160, 180, 180]


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_delays_stay_within_their_bounds(failures: int, jitter: float) -> None:
    assert 0.8 <= retry_delay(Action.RETRY_SOON, failures, jitter) <= 60
    assert 20 <= retry_delay(Action.RETRY_LATER, failures, jitter) <= 180


@given(st.integers(0, 5))
def test_jitter_spreads(failures: int) -> None:
    low, high = (retry_delay(Action.RETRY_SOON, failures, jitter) for jitter in (0.0, 1.0))
    assert high > low * 1.4


@pytest.mark.parametrize("action", [Action.OK, Action.PERMANENT, Action.HOLD])
def test_no_delay_for_what_is_not_tried_again(action: Action) -> None:
    with pytest.raises(ValueError):
        retry_delay(action, 0, 0.5)


def test_delays_of_an_operators_own() -> None:
    delays = (2.0, 30.0)
    assert [retry_delay(Action.RETRY_LATER, n, 0.5, delays) for n in range(4)] == [2, 30, 30, 30]
    assert [retry_delay(Action.RETRY_SOON, 0, jitter, delays) for jitter in (0.0, 1.0)] == pytest.approx([1.6, 2.4])
