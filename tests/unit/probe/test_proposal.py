import pytest

from ghasi.probe.findings import told
from ghasi.probe.proposal import current, propose, unknown_profile
from ghasi.profiles.presets import effective, read_yaml
from ghasi.profiles.problems import InvalidProfile
from tests.unit.probe.build import account

HEX = told("ids", "Message ids", "hex", {}, proposes={"receipts.idBase": "hex", "receipts.idCut": ""})
WINDOW = told("window", "Window", "7", 7, proposes={"pace.window": 7})


def test_only_what_differs_is_a_change() -> None:
    found = propose(account(), [HEX, WINDOW])
    changes = [(each.path, each.before, each.after, each.why) for each in found.changes]
    assert changes == [("pace.window", 10, 7, "Window"), ("receipts.idBase", "text", "hex", "Message ids")]
    profile = effective(read_yaml(found.profile))
    assert (profile.pace.window, profile.pace.tps, profile.receipts.id_base) == (7, 10, "hex")


def test_a_preset_stays_the_base_and_is_not_repeated() -> None:
    found = propose(account(profile="vonage"), [HEX])
    assert found.base == "vonage"
    assert found.changes == ()
    assert "extends: vonage" in found.profile
    assert "idBase" not in found.profile
    assert effective(read_yaml(found.profile)).text.alphabet == "latin1"


def test_what_operator_management_says_holds_now() -> None:
    known = account(rules={"idBase": "hex", "dlrZone": "Asia/Kabul", "longMode": "sar"}, max_binds=3)
    now = current(known)
    assert (now.receipts.id_base, now.receipts.zone, now.long_messages.csms) == ("hex", "Asia/Kabul", "sar")
    assert now.connection.max_binds == 3
    assert propose(known, [HEX]).changes == ()


def test_every_rule_of_operator_management_holds_now() -> None:
    own = effective({"receipts": {"words": {"ACKD": "enroute"}, "idBase": "dec"}, "submit": {"priority": 2}})
    rules = {"serviceType": "CMT", "tlvs": [{"tag": 0x1400, "value": "x"}], "receipts": {"mark": "="}}
    now = current(account(document=own, rules=rules))
    assert (now.submit.service_type, now.submit.priority, now.tlvs.send[0].tag) == ("CMT", 2, 0x1400)
    # Nested rules count as a whole, and what is no part of them stays.
    assert (now.receipts.mark, now.receipts.words, now.receipts.id_base) == ("=", {}, "dec")


def test_rules_that_cannot_be_used_do_not_stop_a_run() -> None:
    assert current(account(rules={"idBase": "roman"})).receipts.id_base == "text"


def test_a_profile_of_ones_own() -> None:
    own = effective({"extends": "vonage", "pace": {"window": 3}})
    assert propose(account(document=own), [WINDOW]).changes[0].before == 10  # windowSize of operator management wins
    assert current(account(document=own)).text.alphabet == "latin1"
    assert unknown_profile(account(profile="mine")) == "mine"
    assert unknown_profile(account(profile="mine", document=own)) == ""
    assert unknown_profile(account(profile="vonage")) == ""


def test_a_value_the_schema_does_not_take() -> None:
    with pytest.raises(InvalidProfile):
        propose(account(), [told("x", "X", "", 0, proposes={"pace.window": 0})])


def test_a_live_profile_keeps_the_preset_that_it_extends() -> None:
    live = effective({"extends": "vonage", "submit": {"priority": 2}})
    found = propose(account(profile="ours", document=live, extends="vonage"), [WINDOW])
    assert found.base == "vonage"
    assert [each.path for each in found.changes] == ["pace.window"]
    profile = effective(read_yaml(found.profile))
    assert (profile.submit.priority, profile.pace.window, profile.text.alphabet) == (2, 7, "latin1")


def test_the_command_makes_it_the_operators_own_profile() -> None:
    operator = "3f0b7c1e-9f61-4a42-8a51-2b6d8f0c7a10"
    found = propose(account(operator_id=operator, profile="vonage"), [WINDOW], "my profile.yaml")
    assert found.command == (
        f"python manage.py profiles import 'my profile.yaml' --name {operator} --reason 'certification run'"
    )
    by_hand = propose(account(name="smsc.example.net:2776"), [WINDOW]).command
    assert "import profile.yaml --name smsc-example-net-2776 " in by_hand
    assert propose(account(), []).command == ""
