"""ghasi.profiles.rules: nothing that a profile says of PDUs and receipts is lost on the way to the workers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ghasi.contracts.sessions import SendRules, SessionRecord, State
from ghasi.profiles.merge import overlay, to_data
from ghasi.profiles.presets import effective
from ghasi.profiles.rules import override, send_rules
from ghasi.profiles.schema import PLAIN

OTHER: dict[str, dict[str, Any]] = {
    "addresses": {
        "destination": {"ton": 2, "npi": 8},
        "international": {"ton": 0, "npi": 0},
        "shortCode": {"ton": 6, "npi": 9},
        "alphanumeric": {"ton": 5, "npi": 1},
        "plus": True,
    },
    "text": {
        "alphabet": "latin1",
        "strict": True,
        "allowedDataCodings": [0, 8],
        "flash": "f0",
        "transliteration": "letters",
        "dataCodingFallback": True,
        "wholeClusters": False,
    },
    "longMessages": {"csms": "sar", "tlv": "udh", "referenceBits": 16, "maxParts": 6, "moreMessagesToSend": True},
    "submit": {
        "registeredDelivery": 17,
        "esmClassBase": 3,
        "serviceType": "CMT",
        "protocolId": 1,
        "priority": 2,
        "validity": {"form": "absolute"},
        "userMessageReference": True,
    },
    "inDoubt": {"policy": "hold", "wait": 5.0},
    "tlvs": {"send": [{"tag": 0x1400, "value": "x"}], "read": [{"tag": 0x1403, "name": "mccMnc"}]},
    "receipts": {
        "encoding": "latin1",
        "dateForms": ["YYMMDDhhmm"],
        "zone": "Asia/Kabul",
        "idBase": "hex",
        "idSource": "tlv",
        "idPrefix": "x",
        "idCut": "@",
        "unmarked": False,
        "unknownIsFinal": True,
        "words": {"ACK": "enroute"},
        "keys": {"msgid": "id"},
        "mark": "=",
        "columns": ["id", "stat"],
        "separator": ";",
        "errors": {"form": "dec"},
    },
}
GSM7 = {"packed": True, "lockingShift": ["turkish"], "singleShift": ["urdu"]}
NOT_FOR_WORKERS = {"bind", "connection", "pace", "statuses", "timers", "title", "extends"}


def cases() -> list[tuple[str, str, Any]]:
    return [
        (group, name, value) for group, fields in (*OTHER.items(), ("text", GSM7)) for name, value in fields.items()
    ]


@pytest.mark.parametrize(("group", "name", "value"), cases())
def test_each_field_makes_other_rules(group: str, name: str, value: Any) -> None:
    document: dict[str, Any] = {group: {name: value}}
    if name == "separator":
        document[group]["columns"] = ["id"]
    plain = effective(overlay(document, {group: {name: None}}))
    assert send_rules(effective(document)) != send_rules(plain)


def test_no_field_of_these_groups_is_left_out_of_the_cases_above() -> None:
    complete = to_data(PLAIN, complete=True)
    for group in complete.keys() - NOT_FOR_WORKERS:
        assert set(complete[group]) == {name for one, name, _ in cases() if one == group}


def test_rules_travel_in_a_session_record_and_plain_ones_take_little_room() -> None:
    rules = send_rules(effective(OTHER))
    record = SessionRecord("op", "gw", "e", State.BOUND, rules=rules)
    assert msgspec.json.decode(msgspec.json.encode(record), type=SessionRecord).rules == rules
    assert len(msgspec.json.encode(SendRules())) < 100


def test_what_is_stated_wins_field_by_field() -> None:
    rules = send_rules(effective(OTHER))
    found = override(rules, {"alphabet": "ascii", "inDoubtWait": 9, "laterField": 1})
    assert (found.alphabet, found.in_doubt_wait, found.priority) == ("ascii", 9.0, 2)
    assert override(rules, {}) is rules
    assert override(rules, {"laterField": 1}) is rules
