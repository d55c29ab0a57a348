"""When a session is at fault itself, judged by the errors it answers in a row; and which rules count meanwhile."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from structlog.testing import capture_logs

from ghasi.contracts.rules import ReceiptForm
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.statuses import StatusOverride
from ghasi.contracts.submission import Fate, PartFate
from ghasi.smpp.pdu import DeliverSm, Pdu
from ghasi.smpp.receipt import ReceiptRules
from ghasi.smpp.status_rules import StatusRules, parse_status_rules
from sessions_gateway import traffic as module
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import Metrics
from sessions_gateway.traffic import Traffic


class Answering:
    """Stands for a link; nothing is asked of it."""


LINK: Any = Answering()


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
    assert not faults


async def test_a_link_that_has_ended_is_not_kept_for_what_it_refused_last() -> None:
    faults: list[str] = []
    judged, link = traffic(faults), Answering()
    anything: Any = link
    judged._judge(anything, refused(0x04))
    gone = weakref.ref(link)
    del link, anything
    gc.collect()
    assert gone() is None
    assert not judged._errors


async def test_throttling_is_told_at_once_and_then_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TELL_THROTTLED_EVERY", 0.01)
    judged = traffic([])
    with capture_logs() as lines:
        for _ in range(5):
            judged._judge(LINK, refused(0x58))
        assert len(lines) == 1
        async with asyncio.timeout(60):
            while judged._told is not None:
                await asyncio.sleep(0.005)
    assert [(line["event"], line["operatorId"], line["count"]) for line in lines] == [
        ("smpp.submit_sm.throttled", "op", 1),
        ("smpp.submit_sm.throttled", "op", 4),
    ]


def own_rules(*entries: dict[str, Any]) -> StatusRules:
    return parse_status_rules(list(entries))


async def test_an_operators_own_meaning_counts_here_too() -> None:
    faults: list[str] = []
    judged = traffic(faults)
    judged._judge(LINK, refused(0x455))
    assert not faults, "what nobody knows is no fault of the session"
    judged.statuses = own_rules({"code": 0x455, "action": "rebind"}, {"code": 0x04, "action": "permanent"})
    judged._judge(LINK, refused(0x04))
    assert not faults
    judged._judge(LINK, refused(0x455))
    assert faults == ["session at fault: 0x00000455"]


async def test_what_slows_and_what_narrows_follow_the_rules() -> None:
    judged = traffic([])
    assert [code for code in (0x14, 0x58, 1038, 1039) if judged.is_queue_full(code)] == [0x14]
    judged.statuses = own_rules(
        {"code": 1038, "action": "retry_later", "shrinksWindow": True},
        {"code": 1039, "action": "retry_soon"},
        {"code": 0x14, "action": "retry_later", "shrinksWindow": False},
    )
    assert [code for code in (0x14, 0x58, 1038, 1039) if judged.is_queue_full(code)] == [1038]
    assert [code for code in (0x14, 0x58, 1038, 1039) if judged._wants_less(code)] == [0x58, 1039]
    with capture_logs() as logs:
        judged._judge(LINK, refused(1039))
    assert [line["event"] for line in logs] == ["smpp.submit_sm.throttled"]
    assert judged._told is not None
    judged._told.cancel()


class Receipts:
    """What was handed over, with the rules it is to be judged by."""

    def __init__(self) -> None:
        self.rules: list[ReceiptRules] = []

    def take(
        self, operator_id: str, metrics: Any, link: Any, request: Pdu, frame: bytes, rules: ReceiptRules
    ) -> None:
        self.rules.append(rules)


async def test_each_request_is_judged_by_the_rules_that_stand_when_it_comes() -> None:
    receipts: Any = Receipts()
    judged = Traffic("op", Memory(0.0), Metrics().operator("op"), receipts, lambda: True, lambda link, reason: None)
    judged.received(LINK, DeliverSm(), b"")
    judged.follow(SendRules(receipts=ReceiptForm(unmarked=False)))
    judged.received(LINK, DeliverSm(), b"")
    judged.follow(SendRules(receipts=ReceiptForm(keys={"msgref": "id"}, mark="=")))
    judged.received(LINK, DeliverSm(), b"")
    first, second, third = receipts.rules
    assert (first.unmarked, second.unmarked, third.unmarked) == (True, False, True)
    assert (second.mark, third.mark, third.keys) == (":", "=", {"msgref": "id"})


async def test_equal_rules_are_made_once_and_statuses_follow_them_too() -> None:
    judged = traffic([])
    judged.follow(SendRules(statuses=(StatusOverride(code="0x0E", action="retry_soon"),)))
    made = judged.receipt_rules
    assert judged._wants_less(0x0E)
    judged.follow(SendRules(statuses=(StatusOverride(code="0x0E", action="retry_soon"),)))
    assert judged.receipt_rules is made
    judged.follow(SendRules())
    assert judged.receipt_rules is not made
    assert not judged._wants_less(0x0E)
