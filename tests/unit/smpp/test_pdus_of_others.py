"""PDUs that four other implementations wrote (tests/vectors/tools): read as they were asked for, written back alike.

What an implementation refused to write, and why, stands beside what it wrote.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ghasi.smpp.jsonform import pdu_to_json
from ghasi.smpp.pdu import PDU_CLASSES, decode_pdu, encode_pdu
from tests.vectors.receipt_cases import HERE

ASKED: dict[str, dict[str, Any]] = {
    one["name"]: one for one in json.loads((HERE / "tools" / "asked.json").read_text())
}
WRITERS = ("smpplib", "smpp34", "node", "perl")
FILES: dict[str, dict[str, Any]] = {name: json.loads((HERE / f"pdus_{name}.json").read_text()) for name in WRITERS}
MADE = [(name, one["asked"], one["hex"]) for name in WRITERS for one in FILES[name]["made"]]
COUNTS = {"sm_length", "number_of_dests", "no_unsuccess"}


@pytest.mark.parametrize(
    ("writer", "name", "frame"), MADE, ids=[f"{one[0]}-{one[1].replace(' ', '_')}" for one in MADE]
)
def test_it_is_read_as_it_was_asked_for(writer: str, name: str, frame: str) -> None:
    asked = ASKED[name]
    read = pdu_to_json(frame)
    assert (read["command"], read["status"], read["sequence"]) == (
        asked["command"],
        asked["status"],
        asked["sequence"],
    )
    fields = {field: value for field, value in read["fields"].items() if field not in COUNTS}
    assert fields == asked["fields"]
    # Each library has an order of its own for optional parameters.
    wanted = sorted((tlv["name"], tlv["value"]) for tlv in asked["tlvs"])
    assert sorted((tlv["name"], tlv["value"]) for tlv in read["tlvs"]) == wanted


@pytest.mark.parametrize(
    ("writer", "name", "frame"), MADE, ids=[f"{one[0]}-{one[1].replace(' ', '_')}" for one in MADE]
)
def test_it_is_written_back_octet_by_octet(writer: str, name: str, frame: str) -> None:
    octets = bytes.fromhex(frame)
    again = encode_pdu(decode_pdu(octets))
    if ASKED[name]["status"] and octets[-1:] == b"\0" and len(octets) == 17:
        # Of an error response with an empty body we write the header only (SMPP 3.4 §4.1.2, §4.4.2).
        octets = b"\0\0\0\x10" + octets[4:16]
    assert again == octets


def test_every_command_was_written_by_at_least_two_of_them() -> None:
    written = {command: set() for command in (pdu_class.command_name for pdu_class in PDU_CLASSES.values())}
    for writer, name, _ in MADE:
        written[ASKED[name]["command"]].add(writer)
    assert {command: len(writers) for command, writers in written.items() if len(writers) < 2} == {}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_says_where_it_comes_from_and_leaves_nothing_out(writer: str) -> None:
    file = FILES[writer]
    assert "tests/vectors/tools/made_by_" in file["origin"]
    assert any(digit.isdigit() for digit in file["origin"].partition(",")[0])
    names = [one["asked"] for one in (*file["made"], *file["refused"])]
    assert sorted(names) == sorted(ASKED)
    assert all(one["why"] for one in file["refused"])
