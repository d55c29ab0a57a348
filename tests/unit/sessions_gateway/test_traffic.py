"""When a session is at fault itself, judged by the errors it answers in a row."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from ghasi.contracts.submission import Fate, PartFate
from sessions_gateway import traffic as module
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import Metrics
from sessions_gateway.traffic import Traffic

LINK: Any = object()


def traffic(faults: list[str]) -> Traffic:
    metrics = Metrics().operator("op")
    nobody: Any = None
    return Traffic("op", Memory(0.0), metrics, nobody, lambda: True, lambda link, reason: faults.append(reason))


def refused(status: int) -> PartFate:
    return PartFate("ab", Fate.REJECTED, "", status)


async def test_a_wrong_bind_state_is_the_session_at_once() -> None:
    faults: list[str] = []
    traffic(faults)._judge(LINK, refused(0x04))
    assert faults == ["session at fault: 0x00000004"]


async def test_a_refused_destination_never_is() -> None:
    faults: list[str] = []
    judged = traffic(faults)
    for _ in range(100):
        judged._judge(LINK, refused(0x0B))
    assert not faults


async def test_only_a_long_row_of_system_errors_is() -> None:
    faults: list[str] = []
    judged = traffic(faults)
    for _ in range(20):
        judged._judge(LINK, refused(0x08))
    assert not faults
    judged._judge(LINK, refused(0x08))
    assert faults == ["session at fault: 0x00000008"]


async def test_anything_between_ends_the_row() -> None:
    faults: list[str] = []
    judged = traffic(faults)
    for _ in range(15):
        judged._judge(LINK, refused(0x08))
    judged._judge(LINK, PartFate("ab", Fate.ACCEPTED, "x"))
    for _ in range(15):
        judged._judge(LINK, refused(0x08))
    judged._judge(LINK, refused(0x0B))
    for _ in range(15):
        judged._judge(LINK, refused(0x08))
    judged.forget(LINK)
    for _ in range(15):
        judged._judge(LINK, refused(0x08))
    assert not faults


async def test_throttling_is_told_at_once_and_then_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TELL_THROTTLED_EVERY", 0.01)
    judged = traffic([])
    with capture_logs() as lines:
        for _ in range(5):
            judged._judge(LINK, refused(0x58))
        assert len(lines) == 1
        async with asyncio.timeout(5):
            while judged._told is not None:
                await asyncio.sleep(0.005)
    assert [(line["event"], line["operatorId"], line["count"]) for line in lines] == [
        ("smpp.submit_sm.throttled", "op", 1),
        ("smpp.submit_sm.throttled", "op", 4),
    ]
