"""Streams at their limit: a refusal the sender hears, nothing settled that is not told, all of it told later."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from ghasi.bus import Bus
from ghasi.contracts import subjects
from tests.faults import figures
from tests.faults.brim import Brim, full, with_purged
from tests.faults.conftest import Lines
from tests.faults.evidence import Evidence
from tests.faults.gather import TEMPORARY, gather, pending
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge

RATE = 40.0
STAYS = 4.0
REFUSED = "JetStream error 10077"
"""The server's own word for "maximum bytes exceeded"."""
CONSUMED = {subjects.SMS_DISPATCH: "dispatch", subjects.SMPP_RECEIPTS: "receipts"}
"""Streams that fill up because the pool that reads them is down, and get room because it is back."""


@dataclass(frozen=True, slots=True)
class Case:
    stream: str
    suffix: str = ""
    scenario: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case(subjects.SMS_DISPATCH),
    Case(subjects.SMPP_RECEIPTS),
    Case(subjects.DLR_EVENTS),
    Case(subjects.SUBMIT_EVENTS),
    Case(subjects.SMPP_DEAD, "404", {"rules": [{"to": "*404", "status": "ESME_RINVDSTADR"}]}),
)


@pytest.mark.fault_set("full")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stream)
async def test_a_full_stream_refuses_and_loses_nothing(lines: Lines, case: Case) -> None:
    fault = f"full {case.stream}"
    line: Line = await lines(**case.scenario)
    bus = await line.bus("brim")
    try:
        async with Load(line) as load:
            healed, before = await _fill(bus, line, load, case, fault)
            drained = await load.drained(90.0)
            evidence = with_purged(await gather(line, load.commands), before, case.stream)
    finally:
        await bus.close()
    verdict = judge(evidence)
    figures.write([figures.of(fault, verdict, evidence, at=healed)])
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()


async def _fill(bus: Bus, line: Line, load: Load, case: Case, fault: str) -> tuple[float, Evidence]:
    """The stream is full for some seconds under load, then gets room; when, and what had been told until then."""
    pool = CONSUMED.get(case.stream, "")
    before = Evidence()
    stop = asyncio.Event()
    if pool:
        await line.end(pool)
    async with full(bus, case.stream) as brim:
        sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop, suffix=case.suffix))
        try:
            await brim.reached(30.0)
            await asyncio.sleep(STAYS)
            await _check_refusals(bus, line, load, case)
            if pool:
                line.launch(pool)
            else:
                before = await gather(line, load.commands)
                await brim.purge()
                await brim.lift()
            healed = time.time()
            await _goes_on(brim)
        finally:
            stop.set()
            await sending
        assert await load.drained(60.0), line.tails()
    return healed, before


async def _check_refusals(bus: Bus, line: Line, load: Load, case: Case) -> None:
    """Who hears that the stream is full, and how."""
    if case.stream == subjects.SMS_DISPATCH:
        assert set(load.refusals) == {REFUSED}
        return
    assert not load.refusals
    if case.stream == subjects.SMPP_RECEIPTS:
        heard = line.smsc_log(line.operator_id, "deliver_resp")
        refused = [one for one in heard if one["command_status"] != 0]
        assert refused
        assert {one["command_status"] for one in refused} <= set(TEMPORARY)
        assert not [one for event in ("unbind", "closed") for one in line.smsc_log(line.operator_id, event)]
        return
    assert await pending(bus, line), "what nobody could be told of is not acknowledged"


async def _goes_on(brim: Brim) -> None:
    """Something new is taken."""
    end = time.monotonic() + 30.0
    before = await brim.last()
    while await brim.last() == before:
        assert time.monotonic() < end, "there is room, and nothing comes"
        await asyncio.sleep(0.2)
