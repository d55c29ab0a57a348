"""Operators that misbehave in traffic, each in its own way, side by side: every alert names its own operator."""

from __future__ import annotations

import asyncio

from tests.observability.scenario import Scenario, alert
from tests.observability.stage import Cast, Stage

SECONDS = 150
STRANGE = "0000001000000abc0000000000000001"
"""A PDU whose command nobody knows."""
HEX_DEC = {"response": "paddedHex", "receipt": "decimal", "digits": 8, "start": 523894000}

CHANGED = range(920, 946, 2)
"""Ends of numbers whose receipts name ids of nobody, each another one."""


def answering() -> Cast:
    cast = Cast()
    add = cast.add
    add("well")
    add("throttles", tpsLimit=40, rules=[{"probability": 0.3, "status": "ESME_RTHROTTLED"}])
    add("refuses", rules=[{"to": "*404", "status": "ESME_RINVDSTADR"}])
    add("own-status", rules=[{"to": "*455", "status": 0x0455}])
    add("slow", responseDelay=[6.5, 7.5], windowSize=4)
    add("silent-answers", rules=[{"to": "*500", "answer": "none", "receipt": "none"}])
    add("strange-pdus", rules=[{"probability": 0.3, "garbage": STRANGE}])
    return cast


async def answers(stage: Stage) -> None:
    stage.keep("well", 5)
    await stage.until(8)
    for name, rate, suffix in (
        ("throttles", 10, "100"),
        ("refuses", 1, "404"),
        ("refuses", 2, "100"),
        ("own-status", 0.3, "455"),
        ("own-status", 1, "100"),
        ("slow", 2, "100"),
        ("silent-answers", 0.5, "500"),
        ("strange-pdus", 2, "100"),
    ):
        stage.keep(name, rate, suffix)
    await stage.until(SECONDS)


def loaded() -> Cast:
    cast = Cast()
    cast.add("well")
    cast.add("narrow", tpsLimit=40, windowSize=50)
    cast.add("not-now", tpsLimit=500, windowSize=50, rules=[{"status": "ESME_RX_T_APPN"}])
    return cast


async def load_comes(stage: Stage) -> None:
    stage.keep("well", 3)
    await stage.until(8)
    await stage.send("narrow", 3_500)
    await stage.send("not-now", 4_200)
    await stage.until(150)


def receipts() -> Cast:
    cast = Cast()
    add = cast.add
    add("well")
    add("none-come", receipts={"when": "never"})
    add("unknown-ids", rules=[{"receipt": {"id": "424242424242"}}])
    add("unreadable", receipts={"delay": 0.2, "dialect": "ack"})
    add("other-ids", ids=HEX_DEC, rules=[{"to": "*7", "receipt": {"id": "777777777"}}])
    other = [{"to": f"*{suffix}", "receipt": {"id": str(7 * 10**8 + 9_371 * suffix)}} for suffix in CHANGED]
    add("changed-ids", ids=HEX_DEC, rules=[{"to": "*7", "receipt": {"id": "777777777"}}, *other])
    cast.stranger("nobodys")
    cast.stranger("no-lane")
    return cast


async def receipts_come(stage: Stage) -> None:
    stage.keep("well", 4)
    stage.keep("none-come", 3)
    stage.keep("unreadable", 0.5)
    await stage.until(8)
    await stage.send("nobodys", 20)
    await _stray_receipts(stage, 15)
    for name in ("other-ids", "changed-ids"):
        await stage.send(name, 22)
        await stage.send(name, 2, "107")
    await stage.until(20)
    await _accept(stage, "changed-ids")
    await stage.send("unknown-ids", 1_300)
    # For a minute after a decision nothing is taken for drift.
    await stage.until(120)
    for suffix in CHANGED:
        await stage.send("changed-ids", 1, str(suffix))
    await stage.until(200)


async def _stray_receipts(stage: Stage, count: int) -> None:
    """Of an operator that no gateway serves and no pool is assigned to."""
    for number in range(count):
        await stage.platform.bus.nc.jetstream().publish(
            f"smpp.receipt.{stage.id('no-lane')}", f"receipt {number}".encode()
        )


async def _accept(stage: Stage, name: str) -> None:
    """As a person would, once something is proposed."""
    for _ in range(40):
        if await stage.manage("ids", stage.id(name), "accept") == 0:
            return
        await asyncio.sleep(1.0)
    raise AssertionError("nothing was proposed")


SCENARIOS = (
    Scenario(
        "answers",
        "Operators whose answers are wrong or late, beside one that is well.",
        answering,
        answers,
        must=(
            *alert("OperatorThrottles", "throttles"),
            *alert("Rejects", "refuses"),
            *alert("DeadLetters", "refuses"),
            *alert("UnknownStatus", "own-status"),
            *alert("PartsHeld", "own-status"),
            *alert("SlowResponses", "slow"),
            *alert("SlowToWire", "slow"),
            *alert("WindowFull", "slow"),
            *alert("InDoubt", "silent-answers"),
            *alert("ProtocolFaults", "strange-pdus"),
        ),
        may=(
            *alert("DeadLetters", "own-status"),
            *alert("Rejects", "own-status"),
            *alert("BacklogOld", "slow", "silent-answers", "throttles"),
            *alert("SlowToWire", "silent-answers", "throttles"),
        ),
        replays=(1, 8),
    ),
    Scenario(
        "load",
        "More commands than the limit of one operator lets out; another one that always says to come later.",
        loaded,
        load_comes,
        must=(*alert("HighThrottleRate", "narrow"), *alert("RetriesWaiting", "not-now")),
        may=(*alert("Rejects", "not-now"), *alert("BacklogOld", "narrow"), *alert("SlowToWire", "narrow", "not-now")),
        replays=(1, 3),
    ),
    Scenario(
        "receipts",
        "Operators whose receipts do not come, cannot be read or name ids that do not fit, beside one that is well.",
        receipts,
        receipts_come,
        must=(
            *alert("NoReceipts", "none-come"),
            *alert("HighDlrCorrelationMiss", "unknown-ids"),
            *alert("ReceiptsInbox", "unknown-ids"),
            *alert("ReceiptsUnreadable", "unreadable"),
            *alert("IdsProposed", "other-ids"),
            *alert("IdsDrift", "changed-ids"),
            *alert("UnassignedBacklog", "nobodys"),
            *alert("ReceiptsUnconsumed", "no-lane"),
        ),
        may=(*alert("SlowToWire", "unknown-ids"), *alert("HighThrottleRate", "unknown-ids")),
        replays=(1, 8),
    ),
)
