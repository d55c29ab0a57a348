"""What Wireshark read in a capture of ours (tests/vectors/trace_capture.py), against what was put into it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ghasi.smpp.constants import RESPONSE_BIT
from ghasi.smpp.pdu import decode_pdu
from tests.vectors.trace_capture import CAPTURE, READ, capture, shown

FRAMES = shown()
PDUS: list[dict[str, list[str]]] = json.loads(READ.read_text("utf-8"))["pdus"]


def test_the_writer_still_makes_the_capture_that_was_read() -> None:
    assert capture() == CAPTURE.read_bytes()


def test_every_pdu_was_found_and_none_is_malformed() -> None:
    assert len(PDUS) == len(FRAMES)
    for pdu in PDUS:
        assert "_ws.malformed" not in pdu
        assert set(pdu["tcp.checksum.status"] + pdu.get("ip.checksum.status", [])) == {"1"}


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_wireshark_reads_what_was_sent(number: int) -> None:
    read, pdu = PDUS[number], decode_pdu(FRAMES[number])
    assert int(read["smpp.command_id"][0], 16) == pdu.command_id
    assert int(read["smpp.sequence_number"][0]) == pdu.sequence_number
    if pdu.command_id & RESPONSE_BIT:
        assert int(read["smpp.command_status"][0], 16) == pdu.command_status
    for name in ("system_id", "password", "source_addr", "destination_addr", "message_id"):
        value: Any = getattr(pdu, name, "")
        assert read.get(f"smpp.{name}", [""])[0] == value
    if "smpp.data_coding" in read:
        assert int(read["smpp.data_coding"][0], 16) == getattr(pdu, "data_coding", None)
    if "smpp.sm_length" in read:
        assert int(read["smpp.sm_length"][0]) == len(getattr(pdu, "short_message", b""))
