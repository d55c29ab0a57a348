"""ghasi.profiles.writing: profiles as people read them."""

from __future__ import annotations

import yaml

from ghasi.profiles.writing import to_yaml

SHUFFLED = {
    "statuses": {"0x0455": {"cause": "spam", "action": "permanent"}},
    "notOfThisRelease": 1,
    "tlvs": {"send": [{"encoding": "ascii", "value": "{accountId}", "tag": 0x1400}]},
    "text": {"strict": True, "alphabet": "latin1"},
    "extends": "plain",
}


def test_fields_stand_in_the_order_of_the_schema() -> None:
    """A database may keep a document with its keys in any order."""
    read = yaml.safe_load(to_yaml(SHUFFLED))
    assert read == SHUFFLED
    assert list(read) == ["extends", "text", "tlvs", "statuses", "notOfThisRelease"]
    assert list(read["text"]) == ["alphabet", "strict"]
    assert list(read["tlvs"]["send"][0]) == ["tag", "value", "encoding"]
    assert list(read["statuses"]["0x0455"]) == ["action", "cause"]


def test_tags_are_hexadecimal() -> None:
    assert "tag: 0x1400" in to_yaml(SHUFFLED)
