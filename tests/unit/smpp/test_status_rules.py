from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.constants import CommandStatus, status_name
from ghasi.smpp.status import SUBMIT_RULES, Action, Rule
from ghasi.smpp.status_rules import (
    ACTIONS,
    PLAIN,
    StatusRules,
    StatusRulesError,
    parse_codes,
    parse_status_rules,
)

STATUS = st.integers(1, 0xFFFFFFFF)


def rules(*entries: dict[str, Any]) -> StatusRules:
    return parse_status_rules(list(entries))


def problems(data: object) -> dict[str, str]:
    with pytest.raises(StatusRulesError) as raised:
        parse_status_rules(data)
    return dict(raised.value.problems)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (1109, (0x455, 0x455)),
        ("1109", (0x455, 0x455)),
        ("0x0455", (0x455, 0x455)),
        ("0X455", (0x455, 0x455)),
        ("0x0400-0x04FF", (0x400, 0x4FF)),
        ("1024 - 0x04ff", (0x400, 0x4FF)),
        ("ESME_RMSGQFUL", (0x14, 0x14)),
        ("4294967295", (0xFFFFFFFF, 0xFFFFFFFF)),
    ],
)
def test_codes(text: object, codes: tuple[int, int]) -> None:
    assert parse_codes(text) == codes


@pytest.mark.parametrize(
    "text",
    [None, True, 1.5, "", "-", "0x", "455h", "ESME_NONSENSE", "0x500-0x400", 0, "0", "0x100000000", -5, "1-2-3", [1]],
)
def test_what_is_no_code(text: object) -> None:
    with pytest.raises(ValueError):
        parse_codes(text)


@given(STATUS)
def test_decimal_hexadecimal_and_name_mean_the_same(status: int) -> None:
    assert parse_codes(str(status)) == parse_codes(f"0x{status:X}") == parse_codes(status) == (status, status)
    assert parse_codes(status_name(status)) == (status, status)


@given(STATUS, st.sampled_from(ACTIONS))
def test_an_override_decides_its_code_and_no_other(status: int, action: str) -> None:
    own = rules({"code": status, "action": action})
    assert own.action(status) is Action(action)
    assert all(own.action(one) is PLAIN.action(one) for one in CommandStatus if one != status)


@given(st.lists(st.tuples(STATUS, STATUS, st.sampled_from(ACTIONS)), max_size=6), STATUS)
def test_the_narrowest_that_fits_decides_in_any_order(entries: list[tuple[int, int, str]], status: int) -> None:
    made = {tuple(sorted(one[:2])): one[2] for one in entries}
    data = [{"code": f"{low}-0x{high:x}", "action": action} for (low, high), action in made.items()]
    fitting = [(high - low, Action(action)) for (low, high), action in made.items() if low <= status <= high]
    narrowest = {action for width, action in fitting if width == min(fitting)[0]} if fitting else set()
    assert parse_status_rules(data).action(status) in (narrowest or {PLAIN.action(status)})


def test_a_range_and_an_exception_from_it() -> None:
    own = rules(
        {"code": "0x0400-0x04FF", "action": "permanent"},
        {"code": 1038, "action": "retry_later", "shrinksWindow": True, "cause": "queue_full", "delays": [5, 60]},
        {"code": "1039", "action": "retry_soon", "tries": 20, "then": "hold"},
    )
    assert own.rule(0x400) == Rule(Action.PERMANENT)
    assert own.rule(1038) == Rule(Action.RETRY_LATER, narrows=True, cause="queue_full", delays=(5.0, 60.0))
    assert own.rule(1039) == Rule(Action.RETRY_SOON, limit=20, then=Action.HOLD, slows=True)
    assert [own.action(1039, n) for n in (19, 20)] == [Action.RETRY_SOON, Action.HOLD]
    assert own.action(0x500) is Action.HOLD


def test_what_the_table_says_of_pace_and_window_stays_unless_said_otherwise() -> None:
    assert rules({"code": "ESME_RMSGQFUL", "action": "retry_later", "delays": [1]}).rule(0x14).narrows
    assert not rules({"code": 0x14, "action": "retry_later", "shrinksWindow": False}).rule(0x14).narrows
    assert rules({"code": 0x58, "action": "retry_later"}).rule(0x58).slows
    assert not rules({"code": 0x58, "action": "retry_soon", "slowsDown": False}).rule(0x58).slows
    assert not rules({"code": 0x58, "action": "permanent"}).rule(0x58).slows


def test_rok_is_nobodys_to_change() -> None:
    assert problems([{"code": 0, "action": "permanent"}]) == {"statuses[0].code": "is not within 1 and 0xFFFFFFFF"}
    assert rules({"code": "0x1-0xFFFFFFFF", "action": "permanent"}).action(0) is Action.OK


def test_all_problems_are_told_at_once_by_their_place() -> None:
    found = problems(
        [
            {"code": "secret", "action": "explode", "colour": 1},
            "nonsense",
            {"code": 5, "action": "permanent", "tries": 2, "delays": [1], "then": "hold"},
            {"code": 6, "action": "retry_later", "tries": 0, "delays": [0], "cause": "Bad Words", "slowsDown": 1},
            {"code": 7, "action": "retry_later", "then": "hold"},
            {"code": 8, "action": "hold"},
            {"code": "0x08", "action": "permanent"},
            {"action": "ok"},
        ]
    )
    assert set(found) == {
        "statuses[0].code",
        "statuses[0].action",
        "statuses[0].colour",
        "statuses[1]",
        "statuses[2].tries",
        "statuses[2].delays",
        "statuses[2].then",
        "statuses[3].tries",
        "statuses[3].delays",
        "statuses[3].cause",
        "statuses[3].slowsDown",
        "statuses[4].then",
        "statuses[6].code",
        "statuses[7].code",
        "statuses[7].action",
    }
    assert not any("secret" in sentence or "Bad Words" in sentence for sentence in found.values())


@pytest.mark.parametrize("data", [None, {}, "x", 5, {"code": 5}])
def test_what_is_no_list(data: object) -> None:
    assert problems(data) == {"statuses": "must be a list"}


def test_there_is_an_end_to_it() -> None:
    assert "statuses" in problems([{"code": n + 1, "action": "hold"} for n in range(257)])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ACTIONS),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["code", "action", "tries", "then", "delays", "cause", "x"]), inner)
        ),
    )
)
def test_no_data_raises_anything_else(data: Any) -> None:
    with suppress(StatusRulesError):
        assert parse_status_rules([data]).overrides


def test_the_plain_table_is_what_no_override_means() -> None:
    assert rules() == PLAIN
    assert all(PLAIN.rule(status) is rule for status, rule in SUBMIT_RULES.items())
