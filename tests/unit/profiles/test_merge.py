from __future__ import annotations

from typing import Any

import pytest

from ghasi.profiles.merge import Change, diff, overlay, to_data
from ghasi.profiles.presets import effective, names, preset
from ghasi.profiles.schema import PLAIN
from ghasi.profiles.validate import parse


def test_what_is_written_stands_over_what_lies_below() -> None:
    profile = effective({"extends": "vonage", "pace": {"window": 50}, "receipts": {"zone": "Europe/London"}})
    assert profile.pace.window == 50
    assert (profile.receipts.id_base, profile.receipts.zone) == ("hex", "Europe/London")
    assert profile.extends is None


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
        ({"a": 1}, {"a": None, "b": None}, {}),
        ({}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
    ],
)
def test_overlay(below: dict[str, Any], above: dict[str, Any], merged: dict[str, Any]) -> None:
    assert overlay(below, above) == merged


def test_a_none_takes_an_inherited_entry_away() -> None:
    profile = effective(
        {"extends": "smsgate", "text": {"allowedDataCodings": None}, "longMessages": {"maxParts": None}}
    )
    assert profile.text.allowed_data_codings is None
    assert profile.long_messages.max_parts == 255
    assert profile.text.strict


def test_the_difference_names_dotted_paths_in_the_order_of_the_schema() -> None:
    before = parse({"receipts": {"words": {"ACK": "enroute"}}, "pace": {"window": 5}})
    after = parse({"receipts": {"words": {"NACK": "rejected"}}, "bind": {"systemType": "VMA"}})
    assert diff(before, after) == [
        Change("bind.systemType", "", "VMA"),
        Change("pace.window", 5, 10),
        Change("receipts.words.ACK", "enroute", None),
        Change("receipts.words.NACK", None, "rejected"),
    ]
    assert str(Change("pace.tps", None, 5)) == "pace.tps: nothing -> 5"
    assert diff(after, after) == []


@pytest.mark.parametrize("name", names())
def test_a_profile_as_data_is_that_profile_again(name: str) -> None:
    profile = preset(name)
    assert profile is not None
    assert parse(to_data(profile)) == profile
    assert parse(to_data(profile, complete=True)) == profile


def test_short_data_holds_nothing_plain() -> None:
    assert to_data(PLAIN) == {}
    assert to_data(parse({"pace": {"window": 10}, "submit": {"priority": 1}})) == {"submit": {"priority": 1}}
