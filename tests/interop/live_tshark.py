"""What Wireshark reads in a capture of `manage.py trace` on live sessions, held against what the command itself says.

Needs tshark, so `make interop` names this file, and `make test` does not collect it. That the writer's captures stay
as Wireshark has read them once is held by tests/unit/trace/test_wireshark.py.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ghasi.smpp.constants import CommandId
from tests.integration.test_trace_command import traced
from tests.support.gateway import World, world
from tests.vectors.trace_capture import read_by_tshark

SHOWN = ("source_addr", "destination_addr", "message_id", "system_id")


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


async def test_wireshark_reads_a_live_capture_as_the_command_does(place: World, tmp_path: Path) -> None:
    await place.gateway()
    file = tmp_path / "live.pcap"
    shown = await traced(place, "--json", "--pcap", str(file), count=4)
    told = [json.loads(line)["pdu"] for line in shown.out.splitlines()]
    read = read_by_tshark(file, place.smsc.port)
    assert [_brief(pdu) for pdu in read] == [
        (pdu["command"], pdu["sequence"], [pdu["fields"].get(name, "") for name in SHOWN]) for pdu in told
    ]
    for pdu in read:
        assert "_ws.malformed" not in pdu
        assert set(pdu["tcp.checksum.status"] + pdu.get("ip.checksum.status", [])) == {"1"}


def _brief(pdu: dict[str, list[str]]) -> tuple[Any, ...]:
    command = CommandId(int(pdu["smpp.command_id"][0], 16)).name.lower()
    return command, int(pdu["smpp.sequence_number"][0]), [pdu.get(f"smpp.{name}", [""])[0] for name in SHOWN]
