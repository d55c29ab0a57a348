"""ghasi.profiles.rule_checks: what is stated beside a profile gets its checks, under the names of the rules."""

from __future__ import annotations

import pytest

from ghasi.contracts.sessions import SendRules
from ghasi.profiles.presets import effective, names, preset
from ghasi.profiles.rule_checks import PLACES, document_of, rule_problems
from ghasi.profiles.rules import override, send_rules
from ghasi.profiles.schema import PLAIN
from tests.unit.profiles.test_rules import GSM7, OTHER


@pytest.mark.parametrize("name", names())
def test_the_rules_of_every_preset_pass_the_checks_of_stated_ones(name: str) -> None:
    profile = preset(name)
    assert profile is not None
    assert rule_problems(send_rules(profile)) == []


def test_rules_written_as_a_profile_make_the_same_rules() -> None:
    assert set(PLACES) == set(SendRules.__struct_encode_fields__) - {"statuses"}
    for document in (OTHER, {"text": GSM7}, {"tlvs": {"send": [{"tag": 5120, "value": "x"}]}}):
        rules = send_rules(effective(document))
        assert send_rules(effective(document_of(rules))) == rules


def test_what_is_wrong_is_told_by_its_name_in_the_rules() -> None:
    rules = override(
        send_rules(PLAIN),
        {
            "longMode": "pigeon",
            "dlrZone": "Asia/Nowhere",
            "idBase": "oct",
            "receipts": {"columns": ["stat"]},
            "tlvs": [{"tag": 0x0424, "value": "x"}],
            "statuses": [{"code": 0, "action": "hold"}],
        },
    )
    assert {one.path for one in rule_problems(rules)} == {
        "longMode",
        "dlrZone",
        "idBase",
        "receipts.columns",
        "tlvs[0].tag",
        "statuses[0].code",
    }
