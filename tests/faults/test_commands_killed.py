"""Kill -9 of `manage.py` commands, each time a little later: what they do is done once or not at all."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable

import msgspec
import psycopg
import pytest
from nats.js.errors import KeyNotFoundError

from ghasi.contracts import subjects
from ghasi.contracts.sessions import Wanted, WantedRecord
from tests.faults import figures
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge
from tests.support.product import ROOT

RATE = 20.0
FIRST, STEP, MOST = 0.3, 0.3, 30.0
FINDINGS = 300
_PLANT = (
    "insert into smpp.accounting_doubles (message_id, segment, operator_id, at) "
    "select gen_random_uuid(), 1, %(one)s, now() - interval '2 days' from generate_series(1, %(count)s)",
    "insert into smpp.accounting_open (operator_id, stream_seq, stored_at, lost_at) "
    "select %(one)s, n, now() - interval '2 days', now() from generate_series(1, %(count)s) n",
)
_AUDIT = ("audit", "--last", "3d", "--acknowledge", "--reason", "planted by a test", "--yes")
_ACKNOWLEDGED = (
    "select (select count(acknowledged_at) from smpp.accounting_doubles where operator_id = %(one)s), "
    "(select count(acknowledged_at) from smpp.accounting_open where operator_id = %(one)s)"
)


@pytest.mark.fault_set("full")
@pytest.mark.timeout(240)
async def test_done_once_or_not_at_all(lines: Lines) -> None:
    fault = "commands killed"
    line: Line = await lines()
    async with Load(line) as load:
        stop = asyncio.Event()
        sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop))
        kills = await _orders(line) + await _acknowledgements(line)
        assert await _run(line, MOST, "bind", line.operator_id) == 0, "the order can be given again"
        healed = time.time()
        stop.set()
        await sending
        drained = await load.drained(90.0)
        evidence = await gather(line, load.commands)
    verdict = judge(evidence)
    figures.write([figures.of(fault, verdict, evidence, at=healed, note=f"{kills} kills")])
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()


async def _orders(line: Line) -> int:
    """`drain`: the wanted state is the old one or the new one, never half of it."""

    async def check() -> None:
        assert await _wanted(line) in (None, Wanted.DRAINED)

    kills = await _later_and_later(line, check, "drain", line.operator_id)
    assert await _wanted(line) is Wanted.DRAINED
    return kills


async def _acknowledgements(line: Line) -> int:
    """`audit --acknowledge`: what is known is known in both tables or in none."""
    other = str(uuid.uuid4())
    given = {"one": other, "count": FINDINGS}
    with psycopg.connect(line.servers.database_url, autocommit=True) as database:
        for statement in _PLANT:
            database.execute(statement, given)

        async def check() -> None:
            assert database.execute(_ACKNOWLEDGED, given).fetchone() in ((0, 0), (FINDINGS, FINDINGS))

        kills = await _later_and_later(line, check, *_AUDIT, "--operator", other)
        assert database.execute(_ACKNOWLEDGED, given).fetchone() == (FINDINGS, FINDINGS)
    return kills


async def _later_and_later(line: Line, check: Callable[[], Awaitable[None]], *words: str) -> int:
    """Runs the command again and again, killed after a longer time each, until it ends by itself; how many kills."""
    kills, after = 0, FIRST
    while await _run(line, after, *words) is None:
        kills += 1
        after += STEP
        assert after < MOST, f"{words[0]} does not end"
        await check()
    assert kills
    return kills


async def _run(line: Line, within: float, *words: str) -> int | None:
    """The exit code of the command; None where it was killed after `within` seconds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        *words,
        cwd=ROOT,
        env=line.env(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        return await asyncio.wait_for(process.wait(), within)
    except TimeoutError:
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        return None


async def _wanted(line: Line) -> Wanted | None:
    bus = await line.bus("wanted")
    try:
        bucket = await bus.bucket(subjects.BUCKET_WANTED)
        entry = await bucket.get(line.operator_id)
        return msgspec.json.decode(entry.value or b"", type=WantedRecord).wanted
    except KeyNotFoundError:
        return None
    finally:
        await bus.close()
