from __future__ import annotations

import msgspec
import pytest

from ghasi.contracts.statuses import StatusOverride, check_statuses, overrides, status_rules
from ghasi.smpp.status import Action, Rule
from ghasi.smpp.status_rules import PLAIN, StatusRulesError


def test_overrides_become_rules() -> None:
    given = (
        StatusOverride("0x0400-0x04FF", "permanent"),
        StatusOverride(1038, "retry_later", cause="full", tries=3, then="hold", delays=(5.0,), shrinks_window=True),
    )
    rules = status_rules(given)
    assert rules.rule(0x400) == Rule(Action.PERMANENT)
    full = Rule(Action.RETRY_LATER, limit=3, then=Action.HOLD, narrows=True, delays=(5.0,), cause="full")
    assert rules.rule(1038) == full
    assert status_rules(given) is rules


def test_a_map_of_codes_means_the_same() -> None:
    class Meaning(msgspec.Struct, rename="camel", omit_defaults=True):
        action: str
        slows_down: bool | None = None
        delays: tuple[float, ...] = ()

    made = overrides({"0x0455": Meaning("retry_soon", slows_down=False, delays=(1, 2)), "1039": {"action": "hold"}})
    assert made == (
        StatusOverride("0x0455", "retry_soon", slows_down=False, delays=(1.0, 2.0)),
        StatusOverride("1039", "hold"),
    )
    with pytest.raises(msgspec.ValidationError):
        overrides({"5": {"action": "hold", "tries": "many"}})


def test_what_cannot_be_read_is_said_by_its_place_and_means_nothing() -> None:
    broken = (StatusOverride("0x0455", "explode"),)
    with pytest.raises(StatusRulesError, match=r"rules\.statuses\[0\]\.action"):
        check_statuses(broken, "rules.statuses")
    assert status_rules(broken) is PLAIN
    assert status_rules(broken).action(0x455) is Action.HOLD
