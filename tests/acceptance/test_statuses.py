"""What the operator's refusals make of the connector: slower, narrower, or in a person's hands."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ghasi.devstack.servers import Servers
from tests.support.platform import Platform, command
from tests.support.product import ROOT, Product, operator
from tests.support.rate import surely_in_a_second

THROTTLED, QUEUE_FULL = 0x58, 0x14


async def metric(product: Product, name: str, port: int | None = None) -> float:
    text = await product.http(port or product.worker_ports["dispatch"], "/metrics")
    found = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in found)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_an_operator_that_takes_less_than_it_says_is_sent_what_it_takes(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    """The limit says 100 a second; above 20 the SMSC throttles, for the first forty seconds of its traffic."""
    soon = [{"code": "ESME_RTHROTTLED", "action": "retry_soon", "delays": [1, 1.5]}]
    one = operator(
        tpsLimit=100,
        receipts={"when": "never"},
        rules=[{"overRate": 20, "status": "ESME_RTHROTTLED", "until": 75}],
        management={"override": {"rules": {"statuses": soon}}},
    )
    product = Product(servers, tmp_path, [one], dispatch_processes=2, threads=4)
    try:
        async with await Platform.over(servers.nats_url) as platform:
            await product.start()
            await platform.send([command(one["id"], f"+9370{n:07}", "hello") for n in range(1500)])
            await platform.until(lambda: len(platform.results) >= 300, timeout=60, what=product.tails())
            slowed = (await product.sessions())[0]["tpsEffective"]
            await platform.until(lambda: len(platform.results) >= 1500, timeout=150, what=product.tails())
        assert {one["result"] for one in platform.results} == {"ACCEPTED"}
        assert await metric(product, "smpp_connector_tps_slowed_total") >= 3
        product.children["simulator"].stop()
        log = product.smsc_log(one["id"])
    finally:
        product.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)
    assert 5 <= slowed < 60
    assert sum(line["taken"] for line in log) == 1500
    end = max(line["mono"] for line in log if line["command_status"] == THROTTLED)
    begun = log[0]["mono"]
    settled = [line for line in log if begun + 8 <= line["mono"] <= end]
    share = sum(line["command_status"] == THROTTLED for line in settled) / len(settled)
    rates = [sum(begun + s <= line["mono"] < begun + s + 5 for line in log) / 5 for s in range(0, 100, 5)]
    print(f"throttled after settling: {share:.1%} of {len(settled)}; PDUs a second by 5 s: {rates}")
    assert share < 0.1, "1 % on a quiet machine; a busy one sends in bursts"
    after = [line["mono"] for line in log if line["mono"] > end]
    assert max(sum(at <= other < at + 1 for other in after) for at in after) > 25, "the rate recovers"


class Feed:
    """Keeps so many messages on their way, whatever the rate."""

    def __init__(self, platform: Platform, operator_id: str, ahead: int) -> None:
        self._platform = platform
        self._operator_id = operator_id
        self._ahead = ahead
        self.sent = 0

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float, what: str) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():
                more = self._ahead - (self.sent - len(self._platform.results))
                if more > 0:
                    numbers = range(self.sent, self.sent + more)
                    await self._platform.send([command(self._operator_id, f"+9370{n:07}", "hello") for n in numbers])
                    self.sent += more
                await asyncio.sleep(0.2)
        print(f"{what}: after {self.sent} messages")


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_once_the_operator_takes_its_limit_again_it_is_sent_its_limit_again(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    """A limit of ten a second that nobody told of ends with its second refusal: from 70 of 100 the way back to the
    whole limit is half a minute, on the wire as in what is shown."""
    limit = 20
    one = operator(
        tpsLimit=limit,
        receipts={"when": "never"},
        rules=[{"overRate": 10, "status": "ESME_RTHROTTLED", "times": 2}],
    )
    product = Product(servers, tmp_path, [one], dispatch_processes=2, threads=2)

    async def effective() -> int:
        return int((await product.sessions())[0]["tpsEffective"])

    async def lowered() -> bool:
        return 0 < await effective() < limit

    async def whole() -> bool:
        return await effective() == limit

    try:
        async with await Platform.over(servers.nats_url) as platform:
            await product.start()
            feed = Feed(platform, one["id"], ahead=3 * limit)
            await feed.until(lowered, 30, "lowered")
            await feed.until(whole, 120, "whole")
            seen = len(platform.results)

            async def enough() -> bool:
                return len(platform.results) >= seen + 6 * limit

            await feed.until(enough, 60, "at the limit")
            await platform.until(lambda: len(platform.results) >= feed.sent, timeout=60, what=product.tails())
        assert {one["result"] for one in platform.results} == {"ACCEPTED"}
        product.children["simulator"].stop()
        log = product.smsc_log(one["id"])
    finally:
        product.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)
    arrivals = [line["mono"] for line in log]
    assert sum(line["command_status"] == THROTTLED for line in log) == 2
    assert surely_in_a_second(arrivals, span=0.95) <= limit
    # Of any hundred in a row the fastest: the machine may stand still in between, and never sends ahead for it.
    fastest = min(there - here for here, there in zip(arrivals, arrivals[5 * limit :], strict=False))
    print(f"{5 * limit} messages in {fastest:.2f} s")
    assert 5 * limit / fastest > 0.95 * limit


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_queue_that_takes_fewer_than_the_window_makes_the_window_fit(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    """The window says 20; of one session's submits the SMSC queues five."""
    soon = [{"code": "0x14", "action": "retry_later", "delays": [1, 2]}]
    one = operator(
        windowSize=20,
        responseDelay=0.05,
        receipts={"when": "never"},
        rules=[{"overWindow": 5, "status": "ESME_RMSGQFUL", "delay": 0}],
        management={"override": {"rules": {"statuses": soon}}},
    )
    product = Product(servers, tmp_path, [one])
    try:
        async with await Platform.over(servers.nats_url) as platform:
            await product.start()
            await platform.send([command(one["id"], f"+9370{n:07}", "hello") for n in range(1500)])
            await platform.until(lambda: len(platform.results) >= 1000, timeout=120, what=product.tails())
            (session,) = await product.sessions()
            narrowed = await metric(product, "smpp_connector_window_narrowed_total", product.http_port)
            await platform.until(lambda: len(platform.results) >= 1500, timeout=60, what=product.tails())
        assert {one["result"] for one in platform.results} == {"ACCEPTED"}
        product.children["simulator"].stop()
        log = product.smsc_log(one["id"])
    finally:
        product.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)
    assert narrowed >= 2
    assert session["window"]["size"] == 20
    assert 2 <= session["window"]["effective"] <= 6
    late = log[len(log) // 4 :]
    share = sum(line["command_status"] == QUEUE_FULL for line in late) / len(late)
    print(f"queue full: {share:.1%} of {len(late)}, window {session['window']}")
    assert share < 0.05


def held_operator(**changes: Any) -> dict[str, Any]:
    return operator(rules=[{"to": "*455", "status": 0x0455}], receipts={"when": "never"}, **changes)


async def manage(product: Product, *argv: str) -> dict[str, Any]:
    """One of the product's own commands, as a person runs it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", *argv, "--json", env=product.env(), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    found: dict[str, Any] = json.loads(out)
    return found


async def a_person_decides(product: Product, servers: Servers, operator_id: str, message_id: str) -> None:
    """Sent again it is refused again and held again; said to have failed it is; and the books hold."""
    async with await Platform.over(servers.nats_url) as platform:
        (shown,) = (await manage(product, "held", "list", "--operator", operator_id))["held"]
        assert (shown["message"], shown["status"], shown["attempt"]) == (message_id, "0x00000455", 1)
        (again,) = (await manage(product, "held", "resend", message_id, "--yes"))["held"]
        assert again == {"message": message_id, "resent": 1}
        await platform.until(lambda: len(platform.results) == 1, what=product.tails())
        assert (platform.results[0]["result"], platform.results[0]["attempt"]) == ("IN_DOUBT", 2)
        (shown,) = (await manage(product, "held", "list", "--code", "1109", "--operator", operator_id))["held"]
        assert shown["attempt"] == 2
        assert (await manage(product, "held", "as-failed", message_id, "--yes"))["held"] == [{"parts": 1}]
        await platform.until(lambda: bool(platform.final_of(message_id)), what=product.tails())
        await platform.until(lambda: len(platform.results) == 2, what=product.tails())
        assert platform.results[-1]["result"] == "REJECTED"
        assert platform.results[-1]["reason"] == "held_failed"
        assert platform.final_of(message_id)[0]["status"] == "REJECTED"
    assert (await manage(product, "held", "list", "--operator", operator_id))["held"] == []
    await manage(product, "audit", "--last", "1h", "--operator", operator_id)


@pytest.mark.timeout(240)
async def test_a_code_nobody_knows_is_held_and_shown_and_an_override_ends_it(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    permanent = [{"code": "0x0400-0x04FF", "action": "permanent", "cause": "blocked"}]
    plain, told = held_operator(), held_operator(management={"override": {"rules": {"statuses": permanent}}})
    product = Product(servers, tmp_path, [plain, told])
    sent = {one["id"]: command(one["id"], "+93701234455") for one in (plain, told)}
    try:
        async with await Platform.over(servers.nats_url) as platform:
            await product.start()
            await platform.send(list(sent.values()))
            await platform.until(lambda: len(platform.results) >= 2 and len(platform.dead) >= 2, what=product.tails())
            results = {one["operatorId"]: one for one in platform.results}
            reasons = {subject: headers["Smpp-Reason"] for subject, headers, _ in platform.dead}
        held = results[plain["id"]]
        assert (held["result"], held["commandStatus"], held["reason"]) == ("IN_DOUBT", "0x00000455", "unknown_status")
        final = results[told["id"]]
        assert (final["result"], final["commandStatus"], final["reason"]) == ("REJECTED", "0x00000455", "blocked")
        assert reasons[f"smpp.dead.{plain['id']}"] == "in_doubt:hold"
        assert reasons[f"smpp.dead.{told['id']}"] == "rejected:0x00000455"
        assert await metric(product, "smpp_connector_status_held_total{") == 1
        port = product.worker_ports["receipts"]
        until = time.monotonic() + 60
        while not await metric(product, "smpp_connector_parts_held{", port):
            assert time.monotonic() < until, "the part is not shown"
        assert len(product.smsc_log(plain["id"])) == 1
        await a_person_decides(product, servers, plain["id"], sent[plain["id"]]["messageId"])
    finally:
        product.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)
