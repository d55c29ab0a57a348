"""The demo's samples say what our own segmentation says, and cover what they promise to."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from ghasi.contracts.commands import Refused, decode_command
from ghasi.devstack import samples
from ghasi.devstack.samples import Outcome, Sample
from ghasi.sms.coding import Wanted
from ghasi.sms.segmentation import Strategy, split

NAMES = ("Roshan-AF", "Etisalat-AF", "Turkcell-TR")
IDS = {name: f"550e8400-e29b-41d4-a716-44665544000{number}" for number, name in enumerate(NAMES, 1)}
NOW = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
ALL = samples.load(IDS, NOW)
SENT = [sample for sample in ALL if sample.reaches_operator]
DEAD = [sample for sample in ALL if sample.outcome is Outcome.DEAD]


def name(sample: Sample) -> str:
    return f"{sample.operator} {sample.what}"


@pytest.mark.parametrize("sample", SENT, ids=name)
def test_parts_and_coding_are_what_segmentation_makes(sample: Sample) -> None:
    command = json.loads(sample.payload)
    cut = split(command["text"], Wanted(command["encoding"]), Strategy(command["longMessageStrategy"]))
    assert (len(cut.parts), cut.coding.value) == (sample.parts, sample.coding)


@pytest.mark.parametrize("sample", [sample for sample in ALL if sample not in DEAD], ids=name)
def test_commands_keep_the_contract(sample: Sample) -> None:
    command = decode_command(sample.payload, operator_id=sample.operator_id, now=NOW, retention_days=30)
    assert str(command.message_id) == sample.message_id
    assert command.to.lstrip("+") == sample.digits


@pytest.mark.parametrize("sample", DEAD, ids=name)
def test_dead_samples_break_the_contract(sample: Sample) -> None:
    with pytest.raises(Refused):
        decode_command(sample.payload, operator_id=sample.operator_id, now=NOW, retention_days=30)


def test_they_cover_languages_parts_strategies_and_outcomes() -> None:
    assert 55 <= len(ALL) <= 65
    assert {sample.language for sample in ALL} == {"English", "Dari", "Pashto", "Turkish", "Emoji"}
    assert {sample.parts for sample in SENT} == {1, 2, 3, 4, 5}
    assert Counter(sample.outcome for sample in ALL).keys() == set(Outcome)
    commands = [json.loads(sample.payload) for sample in SENT]
    assert {command["longMessageStrategy"] for command in commands} == {"CSMS", "TLV"}
    assert {command["messageType"] for command in commands} == {"SMS", "FLASH"}
    assert any("€" in command["text"] for command in commands)


def test_each_has_a_destination_of_its_own() -> None:
    assert len({sample.digits for sample in ALL}) == len(ALL)


def test_repr_shows_neither_number_nor_text() -> None:
    shown = repr(SENT[0])
    assert SENT[0].destination not in shown
    assert json.loads(SENT[0].payload)["text"] not in shown
