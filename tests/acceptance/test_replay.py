"""Dead letters sent again by `manage.py replay`: killed half-way, interrupted, twice at once; counted at the SMSC."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ghasi.bus import Publication
from ghasi.contracts import subjects
from ghasi.devstack.servers import Servers
from tests.support.platform import Platform, command, iso
from tests.support.product import ROOT, Product, operator

REJECTED, HELD, OLD = 40, 20, 10
ALL = REJECTED + HELD + OLD


def mno() -> dict[str, Any]:
    """Refuses each command once."""
    rules = [
        {"to": "*404", "status": "ESME_RINVDSTADR", "times": REJECTED},
        {"to": "*455", "status": 0x0455, "times": HELD},
    ]
    return operator(rules=rules)


def commands(operator_id: str) -> list[dict[str, Any]]:
    """What ends in SMPP_DEAD: refused, held, and too old to be sent."""
    long_ago = iso(datetime.now(UTC) - timedelta(days=40))
    return [
        *(command(operator_id, f"+93701{n:03}404") for n in range(REJECTED)),
        *(command(operator_id, f"+93702{n:03}455") for n in range(HELD)),
        *(command(operator_id, f"+93703{n:03}100", enqueuedAt=long_ago) for n in range(OLD)),
    ]


async def start(product: Product, *argv: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "replay",
        *argv,
        env=product.env(),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def replay(product: Product, *argv: str) -> tuple[int | None, dict[str, Any]]:
    process = await start(product, *argv, "--json")
    out, err = await process.communicate()
    assert out, err.decode()[-6000:]
    return process.returncode, json.loads(out)


@pytest.fixture
async def product(servers: Servers, django_ready: None, tmp_path: Path) -> AsyncIterator[Product]:
    made = Product(servers, tmp_path, [mno()])
    try:
        await made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.timeout(240)
async def test_a_replay_never_doubles(servers: Servers, product: Product) -> None:
    """Each command leaves once more after its refusal, however often and by however many it is replayed."""
    [operator_id] = product.operator_ids
    chosen = ("--operator", operator_id)
    async with await Platform.over(servers.nats_url) as platform:

        def accepted() -> int:
            return sum(one["result"] == "ACCEPTED" for one in platform.results)

        await platform.send(commands(operator_id))
        await platform.until(lambda: len(platform.dead) >= ALL, what=product.tails())
        first = list(platform.dead)
        code, plan = await replay(product, *chosen, "--dry-run")
        assert (code, plan["toReplay"], plan["possibleDuplicates"], plan["replayed"]) == (0, ALL, HELD, 0)
        assert len(product.smsc_log(operator_id)) == REJECTED + HELD, "a dry run sends nothing"

        await _stopped_half_way(product, platform, chosen, signal.SIGKILL, accepted)
        assert await _stopped_half_way(product, platform, chosen, signal.SIGINT, accepted) == 130
        both = await asyncio.gather(*(replay(product, *chosen, "--yes", "--rate", "200") for _ in range(2)))
        assert [code for code, _ in both] == [0, 0]
        await platform.until(lambda: accepted() >= ALL, what=product.tails())

        # What JetStream would not recognise any more the ledger does.
        await platform.bus.publish_many([_again(one, operator_id) for one in first])
        await _idle(platform, operator_id)
        code, plan = await replay(product, *chosen, "--yes")
        assert (code, plan["toReplay"], plan["replayed"], plan["leftAlone"]) == (0, 0, 0, {"sent": ALL})
        results = Counter(one["messageId"] for one in platform.results if one["result"] == "ACCEPTED")
        doubtful = {one["messageId"] for one in platform.results if one["possibleDuplicate"]}
    log = product.smsc_log(operator_id)
    taken = Counter(one["destination_addr"] for one in log)
    assert {to: taken[to] for to in taken if taken[to] != (1 if to.endswith("100") else 2)} == {}
    assert len(taken) == ALL
    assert len(results) == ALL
    assert len(doubtful) == HELD, "what may have arrived is told as a possible duplicate"


async def _stopped_half_way(
    product: Product, platform: Platform, chosen: tuple[str, ...], number: int, accepted: Callable[[], int]
) -> int | None:
    """Its exit code; some were sent, others not."""
    before = accepted()
    process = await start(product, *chosen, "--yes", "--rate", "10")
    await platform.until(lambda: accepted() >= before + 5, what=product.tails())
    process.send_signal(number)
    await process.communicate()
    assert before < accepted() < ALL
    return process.returncode


def _again(dead: tuple[str, dict[str, str], bytes], operator_id: str) -> Publication:
    _, headers, data = dead
    attempt = "0" if headers["Smpp-Reason"] == "bad_time" else "1"
    return Publication(subjects.dispatch(operator_id), data, "", {subjects.HEADER_REPLAY: attempt})


async def _idle(platform: Platform, operator_id: str) -> None:
    """Until nothing of the operator waits or is in hand."""
    durable = subjects.dispatch_durable(operator_id)
    end = asyncio.get_running_loop().time() + 60
    while True:
        info = await platform.bus.js.consumer_info(subjects.SMS_DISPATCH, durable)
        if not info.num_pending and not info.num_ack_pending:
            return
        assert asyncio.get_running_loop().time() < end, info
        await asyncio.sleep(0.1)
