"""Settling a scenario: ports, token, and what operator management is told."""

import stat
from pathlib import Path

import pytest
import yaml

from ghasi.devstack.errors import DevstackError
from ghasi.devstack.scenario import DEMO, settle
from ghasi.simulator import config


def test_the_demo_scenario_is_settled_and_still_a_scenario(tmp_path: Path) -> None:
    settled = settle(DEMO, tmp_path / "operators.yaml")
    loaded = config.load(settled.file)
    assert [operator.port for operator in loaded.operators] == [operator.port for operator in settled.operators]
    assert all(operator.port for operator in settled.operators)
    assert loaded.management.port == settled.management_port
    assert loaded.management.token == settled.token
    assert settled.token not in repr(settled)
    assert stat.S_IMODE(settled.file.stat().st_mode) == 0o600


def test_chosen_ports_and_told_rules_stay(tmp_path: Path) -> None:
    given = {
        "operators": [
            {
                "id": "550e8400-e29b-41d4-a716-446655440001",
                "name": "A",
                "systemId": "a",
                "port": 2775,
                "ids": {"response": "hex", "receipt": "decimal"},
                "management": {"override": {"rules": {"idBase": "text"}}},
            }
        ]
    }
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump(given))
    settled = settle(file, tmp_path / "settled.yaml")
    operator = yaml.safe_load(settled.file.read_text())["operators"][0]
    assert operator["port"] == 2775
    assert operator["management"]["override"]["rules"] == {"idBase": "text"}


def test_hexadecimal_response_ids_with_decimal_receipts_are_told(tmp_path: Path) -> None:
    settled = settle(DEMO, tmp_path / "operators.yaml")
    told = {one.name: one.management.override.get("rules") for one in config.load(settled.file).operators}
    assert told["Roshan-AF"] == {"idBase": "hex"}
    assert told["Etisalat-AF"] is None


@pytest.mark.parametrize("text", ["", "[]", "operators: 3", "operators: [{name: x}]", "{"])
def test_what_is_no_scenario_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "given.yaml"
    file.write_text(text)
    with pytest.raises(DevstackError, match=r"given\.yaml: not a scenario") as caught:
        settle(file, tmp_path / "settled.yaml")
    assert "\n" not in str(caught.value)
