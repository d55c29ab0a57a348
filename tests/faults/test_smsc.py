"""What SMSCs do: storms of refusals, wrong numbers, garbage, silence, receipts early, late, twice and of strange ids.

One line with two binds; each fault is a rule of the simulator for the numbers that end in its digits, and the line
must get back to nothing waiting before the next.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge
from tests.faults.seed import rng

COUNT = 20
THREE_PARTS = "".join(f"{number:04} " for number in range(80))
"""No two parts begin alike, so that no two receipts are the same octets: those are stored once."""

ANSWERS: dict[str, dict[str, Any]] = {
    "throttle storm": {"status": "ESME_RTHROTTLED", "times": 60},
    "queue full": {"status": "ESME_RMSGQFUL", "times": 30},
    "wrong sequence numbers": {"answer": "wrongSequence", "times": 5},
    "answers twice": {"answer": "twice"},
    "answers under another command": {"answer": "wrongCommand", "times": 5},
    "no answer, taken": {"answer": "none", "times": 5},
    "no answer, not taken": {"answer": "none", "taken": False, "times": 5},
    "generic_nack": {"answer": "nack", "taken": False, "times": 5},
    "answers out of order": {"delay": [0.05, 1.0]},
    "answers too late": {"delay": 6.5, "times": 5},
    "empty message ids": {"messageId": ""},
}
SESSIONS: dict[str, dict[str, Any]] = {
    "length under 16": {"garbage": "00000004 80000004", "times": 2},
    "absurd length": {"garbage": "7fffffff 80000004 00000000 00000001", "times": 2},
    "garbage for a header": {"garbage": "00000010 deadbeef 00000000 00000001", "times": 2},
    "PDUs split into octets": {"trickle": {"octets": 1, "delay": 0.002, "seconds": 2}, "times": 1},
    "unbind mid-window": {"unbind": True, "times": 2},
    "reset mid-window, taken": {"drop": "unanswered", "times": 2},
    "reset mid-window, not taken": {"drop": "unanswered", "taken": False, "times": 2},
    "FIN after an answer": {"drop": "answered", "hangup": "close", "times": 2},
    "silence": {"silence": 7, "times": 1},
}
RECEIPTS: dict[str, dict[str, Any]] = {
    "receipts before their responses": {"receipt": {"beforeResponse": True}},
    "late receipts": {"receipt": {"delay": 4}},
    "receipts twice": {"receipt": {"copies": 2}},
    "receipts out of order": {"receipt": {"delay": [0.0, 2.0], "enroute": True}},
    "receipts of unknown ids": {"receipt": {"id": "never-given"}},
    "one id for two messages": {"messageId": "77bb", "receipt": {"id": "77bb"}, "times": 2},
    "one id for all parts": {"messageId": "77aa", "receipt": {"id": "77aa"}, "times": 3},
}
FAMILIES = {"answers": ANSWERS, "sessions": SESSIONS, "receipts": RECEIPTS}
LONG_TEXTS = {"one id for all parts": (1, THREE_PARTS), "one id for two messages": (2, None)}
"""How many commands, and their text, where it matters."""


@pytest.mark.timeout(120)
async def test_a_few_faults(lines: Lines) -> None:
    draw = rng("SMSC, a few")
    quick = ["throttle storm", "unbind mid-window", "receipts before their responses", "reset mid-window, taken"]
    chosen = draw.sample(quick, 2)
    every = ANSWERS | SESSIONS | RECEIPTS
    await _suffer(lines, {name: every[name] for name in chosen})


@pytest.mark.fault_set("full")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("family", list(FAMILIES))
async def test_every_fault(lines: Lines, family: str) -> None:
    await _suffer(lines, FAMILIES[family])


@pytest.mark.fault_set("full")
@pytest.mark.timeout(180)
async def test_a_refusal_is_believed(lines: Lines) -> None:
    """The limit of what can be promised: an SMSC that refuses a message and delivers it all the same makes a double
    that nobody on this side can see. Nothing is lost by it, and only what it lied about is doubled."""
    lies = 5
    rule = {"to": "*101", "status": "ESME_RSYSERR", "taken": True, "times": lies}
    line: Line = await lines(maxBinds=2, rules=[rule])
    fault = "refused, and delivered all the same"
    async with Load(line) as load:
        await load.send(COUNT, fault, suffix="101")
        drained = await load.drained(60.0)
        evidence = await gather(line, load.commands)
    verdict = judge(evidence)
    figures.write([figures.of(f"SMSC: {fault}", verdict, evidence)])
    assert (len(verdict.lost), len(verdict.doubled)) == (0, lies), f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()


async def _suffer(lines: Lines, faults: dict[str, dict[str, Any]]) -> None:
    suffixes = {name: f"{number}" for number, name in enumerate(faults, 101)}
    rules = [{"to": f"*{suffixes[name]}"} | rule for name, rule in faults.items()]
    line: Line = await lines(maxBinds=2, rules=rules)
    began: dict[str, float] = {}
    async with Load(line) as load:
        for name in faults:
            count, text = LONG_TEXTS.get(name, (COUNT, None))
            began[name] = time.time()
            await load.send(count, name, suffix=suffixes[name], text=text)
            await load.drained(45.0)
        drained = await load.drained(45.0)
        evidence = await gather(line, load.commands)
    verdict = judge(evidence)
    figures.write(figures.of(f"SMSC: {name}", verdict, evidence, batch=name, at=at) for name, at in began.items())
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()
