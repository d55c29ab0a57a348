"""The segment door with what an operator may allow: national tables, transliteration, binary bodies."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ghasi.doors import DoorError, segment_door
from ghasi.management.commands.segment import Command
from ghasi.management.door_profile import load_profile
from ghasi.profiles.rules import send_rules
from ghasi.profiles.submit_options import long_mode, submit_options
from ghasi.sms.coding import Wanted
from ghasi.sms.errors import SmsError
from ghasi.sms.reference import concatenation_reference
from ghasi.sms.segmentation import Strategy
from ghasi.sms.submit import build_submits, segment_message


def test_tables_and_what_was_replaced() -> None:
    given = {"text": "Şifre “1”", "single": "tr", "transliterate": "punctuation"}
    assert segment_door(given) == {
        "changes": [{"from": "“", "to": '"', "count": 1}, {"from": "”", "to": '"', "count": 1}],
        "coding": "GSM7",
        "dataCoding": 0,
        "units": 10,
        "parts": [{"units": 10, "udh": "03240101", "body": "1b536966726520223122"}],
    }


def test_an_answer_has_no_more_than_it_had_where_nothing_more_is_asked() -> None:
    assert set(segment_door({"text": "“"})) == {"coding", "dataCoding", "units", "parts"}
    assert segment_door({"text": "“", "transliterate": "off"}) == segment_door({"text": "“"})


def test_a_binary_body() -> None:
    answer = segment_door({"text": "0102", "encoding": "BINARY", "udh": "05040b8423f0"})
    assert answer["coding"] == "BINARY"
    assert answer["parts"] == [{"units": 2, "udh": "0605040b8423f0", "body": "0102"}]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"text": "x", "locking": "es"}, "bad_value"),
        ({"text": "x", "single": "tr,xx"}, "bad_value"),
        ({"text": "x", "single": ["tr"]}, "wrong_type"),
        ({"text": "x", "transliterate": "all"}, "bad_value"),
        ({"text": "x", "encoding": "BINARY"}, "bad_hex"),
        ({"text": "x", "udh": "7000"}, "bad_header"),
        ({"text": "00", "encoding": "BINARY", "udh": "00"}, "bad_header"),
    ],
)
def test_what_cannot_be_answered(given: dict[str, object], kind: str) -> None:
    with pytest.raises(DoorError) as caught:
        segment_door(given)
    assert caught.value.kind == kind


def _parsed(text: str, *arguments: str) -> tuple[Command, dict[str, Any]]:
    command = Command()
    return command, vars(command.create_parser("manage.py", "segment").parse_args([text, *arguments]))


def _words(text: str, *arguments: str) -> str:
    command, options = _parsed(text, *arguments)
    return "\n".join(f"{line.name} {line.value} {line.meaning}" for line in command.in_words(text, options))


def test_in_words() -> None:
    words = _words("ş" * 200, "--locking", "tr", "--single", "tr,es")
    assert "national tables named in the header" in words
    assert "149 septets each, 8-bit reference" in words
    assert "one part would hold 155 septets" in words
    assert f"'{'ş' * 51}'" in words.replace('"', "'")
    assert "by " in _words("’a’", "--transliterate")
    assert "149 septets each, 8-bit reference" in _words("ş" * 200, "--locking", "tr", "--strategy", "TLV")


def test_a_binary_body_in_words() -> None:
    words = _words("0102", "--encoding", "BINARY", "--udh", "7000")
    assert "octets were asked for" in words
    assert "text" not in words
    assert "Latin" not in _words("aé", "--encoding", "LATIN1").splitlines()[0]
    assert "LATIN1 was asked for" in _words("aé", "--encoding", "LATIN1")


def _bodies(text: str, *arguments: str) -> list[str]:
    command, options = _parsed(text, *arguments)
    return [part["udh"] + part["body"] for part in command.as_json(text, options)["parts"]]


ZERO_REFERENCE = next(UUID(int=n) for n in count() if concatenation_reference(UUID(int=n)) == 0)
"""The id of a message whose parts are numbered as the command shows them."""
DOCUMENTS = [
    "text: {packed: true}",
    "text: {packed: true, lockingShift: [turkish], transliteration: letters}",
    "text: {alphabet: latin1, strict: true}",
    "text: {singleShift: [turkish], wholeClusters: false, allowedDataCodings: [0]}",
    "longMessages: {csms: sar, referenceBits: 16}\ntext: {packed: true}",
    "longMessages: {csms: payload}\ntext: {packed: true}",
]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("text", ["hello", "x" * 161, "\u015f" * 30])
def test_a_profile_shows_what_the_workers_send(document: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(document)
    rules = send_rules(load_profile(str(file)))
    options = replace(submit_options(rules), long_mode=long_mode(rules, Strategy.CSMS))
    try:
        segmented = segment_message(text, Wanted.AUTO, Strategy.CSMS, ZERO_REFERENCE, options)
    except SmsError as error:
        with pytest.raises(DoorError, match=re.escape(str(error))):
            _bodies(text, "--profile", str(file))
        return
    sent = build_submits(segmented, to="+93701234567", sender="GHASI", options=options)
    octets = [one.short_message or one.tlvs[-1].value for one in sent]
    assert _bodies(text, "--profile", str(file)) == [one.hex() for one in octets]


def test_packed_septets_in_words(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text("text: {packed: true}")
    words = _words("x" * 161, "--profile", str(file))
    assert "part 1 153 septets 140 octets, 140 on the air" in words
    assert "part 2 8 septets 14 octets, 14 on the air" in words
    assert words.count("packed septets") == 2
    assert "packed septets" not in _words("\u0436", "--profile", str(file))
    assert "packed septets" not in _words("x")


def test_what_is_asked_for_goes_before_the_profile(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text("text: {alphabet: latin1, transliteration: punctuation}\nlongMessages: {referenceBits: 16}")
    assert "133 octets each, 16-bit reference" in _words("\u201c" * 141, "--profile", str(file))
    assert "UCS2" in _words("\u201c", "--profile", str(file), "--transliterate", "off")
    asked = _words("x" * 161, "--profile", str(file), "--alphabet", "gsm7", "--reference", "8")
    assert "153 septets each, 8-bit reference" in asked
