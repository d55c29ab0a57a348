"""The operator's limit on the wire: exact over any sliding second, whatever the number of dispatch processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ghasi.devstack.servers import Servers
from tests.support.platform import Platform, command
from tests.support.product import Product, operator
from tests.support.rate import mean_rate, surely_in_a_second, worst_second


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_four_processes_keep_the_limit_and_use_it(servers: Servers, django_ready: None, tmp_path: Path) -> None:
    """3,000 messages, every tenth of three parts, at 100 PDUs a second over four dispatch processes."""
    one = operator(tpsLimit=100, windowSize=50, receipts={"when": "never"}, rules=[])
    product = Product(servers, tmp_path, [one], dispatch_processes=4, threads=4)
    texts = ["x" * 400 if n % 10 == 0 else "hello" for n in range(3000)]
    expected = sum(3 if len(text) > 160 else 1 for text in texts)
    try:
        async with await Platform.over(servers.nats_url) as platform:
            await product.start()
            await platform.send([command(one["id"], f"+9370{n:07}", text) for n, text in enumerate(texts)])
            await platform.until(
                lambda: len({one["messageId"] for one in platform.results}) >= 3000, timeout=150, what=product.tails()
            )
        assert {one["result"] for one in platform.results} == {"ACCEPTED"}
        product.children["simulator"].stop()
        arrivals = [line["mono"] for line in product.smsc_log(one["id"])]
        assert len(arrivals) == expected
        # A busy machine notes an arrival some ms late: the test leaves it 50. `benchmarks.rate` measures the second
        # itself and the share of the limit that is used, and the gate's own tests are exact.
        assert surely_in_a_second(arrivals, span=0.95) <= 100
        assert mean_rate(arrivals) >= 90
    finally:
        product.stop()
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.timeout(240)
async def test_a_message_of_more_parts_than_the_limit_goes_out_whole_and_in_order(
    servers: Servers, django_ready: None, tmp_path: Path
) -> None:
    one = operator(tpsLimit=1, receipts={"when": "never"}, rules=[])
    product = Product(servers, tmp_path, [one], dispatch_processes=2, threads=2)
    try:
        await product.start()
        async with await Platform.over(servers.nats_url) as platform:
            await platform.send([command(one["id"], "+93701234567", "x" * 153 * 5)])
            await platform.until(lambda: bool(platform.results), timeout=60, what=product.tails())
        assert platform.results[0]["result"] == "ACCEPTED", product.tails()
        product.children["simulator"].stop()
        submits = product.smsc_log(one["id"])
        assert [bytes.fromhex(line["short_message"])[4:6] for line in submits] == [bytes([5, n]) for n in range(1, 6)]
        # Each may be noted late, and the next in time.
        arrivals = [line["mono"] for line in submits]
        assert worst_second(arrivals, span=0.5) == 1
        assert arrivals[-1] - arrivals[0] > 3.5
    finally:
        product.stop()
