"""The books of the whole stack: they hold whatever becomes of commands, until something is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from ghasi.contracts import topology
from ghasi.correlations.ids import row_id
from ghasi.correlations.models import MessageCorrelation
from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.support.platform import Platform, command, iso
from tests.support.product import ROOT, Product, operator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def mno() -> dict[str, Any]:
    """Refuses …404, never answers …500; what is in doubt is held after a second."""
    return operator(
        receipts={"delay": 0.1},
        rules=[
            {"to": "*404", "status": "ESME_RINVDSTADR"},
            {"to": "*500", "answer": "none", "receipt": "none"},
        ],
        management={"override": {"rules": {"inDoubtPolicy": "hold", "inDoubtWait": 1}}},
    )


async def audit(product: Product) -> tuple[int, dict[str, Any]]:
    """Exit code and what is said of the one operator."""
    argv = [sys.executable, "manage.py", "audit", "--operator", product.operator_ids[0], "--json"]
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=ROOT, env=product.env(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode in (0, 1), err.decode()
    told = json.loads(out)["operators"]
    return process.returncode or 0, told[0] if told else {"taken": 0, "inHand": 0}


async def settled(product: Product, taken: int) -> dict[str, Any]:
    """Audits until everything published is taken and settled; each audit on the way must hold."""
    for _ in range(100):
        code, told = await audit(product)
        assert code == 0, f"{told}\n{product.tails()}"
        if (told["taken"], told["inHand"]) == (taken, 0):
            return told
        await asyncio.sleep(0.2)
    raise AssertionError(f"{told}\n{product.tails()}")


async def difference(product: Product, count: int) -> float:
    """Seconds until the metric of the alarm says so."""
    began = time.monotonic()
    sample = f'smpp_connector_accounting_difference{{operator_id="{product.operator_ids[0]}"}} {float(count)}'
    url = f"http://127.0.0.1:{product.worker_ports['dispatch']}/metrics"
    await product.until_http(url, lambda _, text: sample in text, timeout=90)
    return time.monotonic() - began


async def stolen(platform: Platform, operator_id: str) -> str:
    """One command of fifty, taken and acknowledged behind the workers' backs; the message it was."""
    lane = await platform.bus.pull(topology.dispatch_consumer(operator_id))
    taking = asyncio.create_task(lane.fetch(1, 10.0))
    await asyncio.sleep(0)
    await platform.bus.flush()
    await platform.send([command(operator_id, f"+9371{n:05}100") for n in range(50)])
    (message,) = await taking
    await platform.bus.settle_surely(message, 5.0)
    await lane.stop()
    return str(json.loads(message.data)["messageId"])


@sync_to_async
def doubled(operator_id: str) -> str:
    """A second submission of a message, in a row that does not say so."""
    row = MessageCorrelation.objects.filter(operator_id=operator_id, status="DLR_RECEIVED", attempt=1).earliest(
        "prepared_at"
    )
    row.id, row.attempt, row.prepared_at = row_id(datetime.now(UTC)), 2, datetime.now(UTC)
    row.save(force_insert=True)
    return str(row.message_id)


@pytest.mark.proves("books loss", "books double")
async def test_the_books_hold_until_a_loss_or_a_double_is_planted(
    tmp_path: Path, servers: Servers, django_ready: None
) -> None:
    product = Product(servers, tmp_path, [mno()], dispatch_processes=2, env={"SMPP_RESPONSE_TIMEOUT": "5"})
    operator_id = product.operator_ids[0]
    try:
        await product.start()
        async with await Platform.over(servers.nats_url) as platform:
            good = [command(operator_id, f"+9370{n:05}100", "x" * (200 if n % 9 == 0 else 20)) for n in range(230)]
            past = iso(datetime.now(UTC) - timedelta(seconds=1))
            await platform.send(good)
            await platform.send([command(operator_id, f"+9370{n:05}404") for n in range(25)])
            await platform.send([command(operator_id, f"+9370{n:05}500") for n in range(10)])
            await platform.send([command(operator_id, expiresAt=past) for _ in range(15)])
            for n in range(10):
                await platform.send_raw(operator_id, b"not json" if n % 2 else json.dumps({"version": "2"}).encode())
            await settled(product, 290)
            again = [one | {"eventId": str(uuid.uuid4())} for one in good[:10]]
            await platform.send(again)
            told = await settled(product, 300)
            expected = {"submitted": 230, "rejected": 25, "inDoubt": 10, "expired": 15, "dead": 10, "duplicates": 10}
            assert {name: told[name] for name in expected} == expected
            await difference(product, 0)

            lost = await stolen(platform, operator_id)
            took = await difference(product, 1)
            code, told = await audit(product)
            note = f"1 planted, {len(told['lost'])} named by audit"
            figures.record("books loss", recovered=took, note=note)
            assert (code, told["lost"], told["difference"]) == (1, [lost], 1)

            twice = await doubled(operator_id)
            took = await difference(product, 2)
            code, told = await audit(product)
            note = f"1 planted, {len(told['doubled'])} named by audit"
            figures.record("books double", recovered=took, note=note)
            assert (code, told["lost"], told["doubled"]) == (1, [lost], [twice])
            log = product.children["dispatch"].log_file.read_text(encoding="utf-8", errors="replace")
            assert "accounting.difference" in log
    finally:
        product.stop()


@pytest.mark.proves("books killed worker")
async def test_the_books_hold_over_a_killed_worker_under_load(
    tmp_path: Path, servers: Servers, django_ready: None
) -> None:
    """A dispatch pool killed in the middle of its work: what it had in hand comes again, and nothing is missing."""
    product = Product(servers, tmp_path, [operator(tpsLimit=200, rules=[])], dispatch_processes=2)
    operator_id = product.operator_ids[0]
    try:
        async with await Platform.over(servers.nats_url) as platform:
            consumer = replace(topology.dispatch_consumer(operator_id), ack_wait=5.0)
            await platform.bus.ensure_consumer(consumer)
            await product.start()
            await platform.send([command(operator_id, f"+9370{n:07}") for n in range(2_000)])
            await platform.until(lambda: len(platform.results) > 300, what=product.tails())
            product.children.pop("dispatch").kill()
            product.run_pool("dispatch", 2, 8)
            killed = time.monotonic()
            told = await settled(product, 2_000)
            note = f"difference {told['difference']} once all is settled, 0 at every audit on the way"
            figures.record("books killed worker", recovered=time.monotonic() - killed, note=note)
            assert told["submitted"] == 2_000
    finally:
        product.stop()
