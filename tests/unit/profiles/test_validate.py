from __future__ import annotations

from typing import Any

import pytest

from ghasi.profiles.presets import effective, names, preset, read_yaml, source
from ghasi.profiles.problems import InvalidProfile
from ghasi.profiles.schema import PLAIN
from ghasi.profiles.validate import check, parse

SECRET = "hunter2"


def problems(document: object) -> dict[str, str]:
    return {one.path: one.text for one in check(document)}


def test_nothing_said_is_plain() -> None:
    assert parse({}) == PLAIN


def test_all_problems_come_at_once_each_with_its_path() -> None:
    found = problems(
        {
            "bind": {"modes": ["sideways"], "systemTyp": "x"},
            "pace": {"window": 0, "tps": "many"},
            "inDoubt": {"wait": -1},
            "receipts": {"zone": "Asia/Nowhere", "words": {"GONE": "lost"}},
            "tlvs": {"send": [{"tag": 0x1400, "value": "{text}"}, {"tag": 0x0424, "value": "x"}]},
            "statuses": {"0x0455": {"action": "hope"}},
            "connection": {"hosts": ["nohost"]},
        }
    )
    assert found["bind.modes[0]"] == "has to be one of transceiver, pair"
    assert found["bind.systemTyp"] == "is no field of a profile, perhaps systemType is meant"
    assert found["pace.window"] == "has to be from 1 to 5000"
    assert found["pace.tps"] == "has to be a whole number"
    assert found["inDoubt.wait"] == "has to be from 0 to 604800"
    assert found["receipts.zone"] == "is no time zone of the IANA database"
    assert found["receipts.words.GONE"].startswith("has to be one of accepted, deleted")
    assert found["tlvs.send[0].value"].startswith("names a field that is none of messageId")
    assert found["tlvs.send[1].tag"] == "is written by another field of the profile"
    assert found["statuses.0x0455.action"].startswith("has to be one of retry_soon")
    assert found["connection.hosts[0]"] == "is not host:port"
    assert len(found) == 11, found


@pytest.mark.parametrize(
    ("document", "path", "text"),
    [
        ([], "", "has to hold named fields"),
        ({"bind": []}, "bind", "has to hold named fields"),
        ({"bind": {"modes": []}}, "bind.modes", "has to have 1 to 2 entries"),
        ({"bind": {"modes": ["pair", "pair"]}}, "bind.modes", "has to name pair last"),
        ({"bind": {"modes": ["transceiver", "transceiver"]}}, "bind.modes", "names a mode twice"),
        ({"bind": {"modes": [None]}}, "bind.modes[0]", "has to be one of"),
        ({"tlvs": {"send": [{"tag": None, "value": "x"}]}}, "tlvs.send[0].tag", "is missing"),
        ({"bind": {"modes": "pair"}}, "bind.modes", "has to be a list"),
        ({"receipts": {"dateForms": ["YYMMDDhhmm", "hhmm"]}}, "receipts.dateForms[1]", "cannot be used: a date form"),
        ({"receipts": {"keys": {" ": "id"}}}, "receipts.keys.?", "cannot be used: a key"),
        ({"receipts": {"errors": {"table": "mine"}}}, "receipts.errors.table", "is none of 8x8, gatewayapi"),
        ({"receipts": {"errors": {"causes": {"1": "LAZY"}}}}, "receipts.errors.causes.1", "is no cause of"),
        ({"bind": {"systemType": "x" * 13}}, "bind.systemType", "is longer than 12 characters"),
        ({"bind": {"addressRange": "\0"}}, "bind.addressRange", "has characters that do not belong here"),
        ({"text": {"strict": 1}}, "text.strict", "has to be true or false"),
        ({"text": {"alphabet": "latin1", "packed": True}}, "text.packed", "goes with alphabet gsm7 only"),
        ({"text": {"lockingShift": ["spanish"]}}, "text.lockingShift", "names a language that has no locking"),
        ({"text": {"allowedDataCodings": []}}, "text.allowedDataCodings", "allows nothing"),
        ({"text": {"allowedDataCodings": [256]}}, "text.allowedDataCodings[0]", "has to be from 0 to 255"),
        ({"longMessages": {"referenceBits": True}}, "longMessages.referenceBits", "has to be one of 8, 16"),
        ({"submit": {"esmClassBase": 0x43}}, "submit.esmClassBase", "has the bit of the user data header"),
        ({"submit": {"validity": {"seconds": 60}}}, "submit.validity.form", "has to be relative or absolute"),
        ({"inDoubt": {"wait": float("nan")}}, "inDoubt.wait", "has to be from 0"),
        ({"receipts": {"columns": ["stat"]}}, "receipts.columns", "has to name the column of the id"),
        ({"receipts": {"errors": {"base": 1}}}, "receipts.errors.form", "has to be dec or hex"),
        ({"receipts": {"errors": {"form": "dec", "lowBits": 12, "base": 1}}}, "receipts.errors.base", "has bits"),
        ({"tlvs": {"send": [{"value": "x"}]}}, "tlvs.send[0].tag", "is missing"),
        ({"tlvs": {"send": [{"tag": 5120, "value": "x", "encoding": "hex"}]}}, "tlvs.send[0].value", "is not hex"),
        ({"tlvs": {"send": [{"tag": 5120, "value": "{a"}]}}, "tlvs.send[0].value", "has a brace"),
        ({"statuses": {0: {"action": "hold"}}}, "statuses.?", "is no command_status from 1"),
        ({"statuses": {"0x14": {"action": "hold", "tries": 2}}}, "statuses.0x0014.tries", "has no meaning"),
        ({"statuses": {"0x14": {"action": "retry_later", "then": "hold"}}}, "statuses.0x0014.then", "needs tries"),
        ({"statuses": {"0x14": {"action": "hold", "cause": "late\n"}}}, "statuses.0x0014.cause", "has characters"),
        ({"statuses": {n + 1: {"action": "hold"} for n in range(257)}}, "statuses", "has more than 256 entries"),
        ({"receipts": {"errors": {"causes": {"1": "EXPIRED\n"}}}}, "receipts.errors.causes.1", "has characters"),
        ({"tlvs": {"read": [{"tag": 5120, "name": "a\n"}]}}, "tlvs.read[0].name", "has characters"),
        (
            {"tlvs": {"read": [{"tag": 5120, "name": "cost"}, {"tag": 5121, "name": "cost"}]}},
            "tlvs.read[1].name",
            "stands here twice",
        ),
        ({"submit": {"serviceType": "CMT\n"}}, "submit.serviceType", "has characters"),
        (
            {"submit": {"validity": {"form": "absolute", "seconds": 2, "most": 1}}},
            "submit.validity.seconds",
            "is more than most",
        ),
    ],
)
def test_one_problem_by_its_sentence(document: Any, path: str, text: str) -> None:
    found = problems(document)
    assert found[path].startswith(text)


def test_the_same_code_written_in_two_ways_stands_twice() -> None:
    assert problems({"statuses": {0x455: {"action": "hold"}, "0x0455": {"action": "hold"}}}) == {
        "statuses.0x0455": "stands here twice"
    }
    assert problems({"statuses": {20: {"action": "hold"}, "ESME_RMSGQFUL": {"action": "hold"}}}) == {
        "statuses.0x0014": "stands here twice"
    }
    assert problems({"statuses": {"ESME_ROK": {"action": "hold"}}}).keys() == {"statuses.?"}
    assert problems({"statuses": {"0X455": {"action": "hold"}, 1109: {"action": "hold"}}}) == {
        "statuses.0x0455": "stands here twice"
    }


def test_no_sentence_repeats_a_value() -> None:
    document = {
        "password": SECRET,
        "title": 7,
        SECRET * 20: 1,
        "bind": {"systemType": SECRET * 3, "modes": [SECRET]},
        "text": {"alphabet": SECRET},
        "tlvs": {"send": [{"tag": SECRET, "value": "{" + SECRET + "}"}]},
        "statuses": {SECRET: {"action": SECRET}},
        "receipts": {"zone": SECRET, "columns": [SECRET]},
        "connection": {"hosts": [SECRET]},
    }
    found = check(document)
    assert len(found) >= 9
    assert SECRET not in " ".join(map(str, found))
    assert problems(document)["password"].startswith("does not belong in a profile: credentials")


def test_a_document_that_is_no_yaml_is_told_by_its_place_only() -> None:
    with pytest.raises(InvalidProfile) as caught:
        read_yaml(f"bind:\n  modes: [{SECRET}\n")
    assert "in line 3, column 1" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_numbers_may_be_written_in_hexadecimal_text_as_json_has_to() -> None:
    (one,) = effective({"tlvs": {"send": [{"tag": "0x2900", "value": "otp"}]}}).tlvs.send
    assert one.tag == 0x2900


@pytest.mark.parametrize("name", names())
def test_every_preset_is_a_profile_and_says_in_a_comment_who_states_it(name: str) -> None:
    assert preset(name) is not None
    assert source(name).startswith("#")


def test_the_presets_asked_for_are_there() -> None:
    assert set(names()) >= {"plain", "gatewayapi", "vonage", "infobip", "telesign", "kannel", "jasmin", "smsgate"}
    assert names()[0] == "plain"


def test_gatewayapi_is_complete() -> None:
    profile = preset("gatewayapi")
    assert profile is not None
    assert profile.text.allowed_data_codings == (0, 1, 2, 3, 4, 6, 8, 24, 240)
    assert profile.connection.hosts == ("a.smpp.gatewayapi.com:2775", "b.smpp.gatewayapi.com:2775")
    assert [one.tag for one in profile.tlvs.read] == [0x2900]
    assert [(one.tag, one.value) for one in profile.tlvs.send] == [(0x2900, "{metadata.messageClass}")]
    errors = profile.receipts.errors
    assert (errors.form, errors.low_bits, errors.base) == ("dec", 12, 0x1000)
    assert effective({"extends": "gatewayapi-eu"}).connection.hosts[1] == "b.smpp.gatewayapi.eu:2775"


def test_what_it_extends_has_to_exist() -> None:
    with pytest.raises(InvalidProfile, match="extends: has to be one of plain"):
        effective({"extends": "gateway-api"})
