"""What a fast operator keeps of its rate beside many others on one dispatch process.

    python -m benchmarks.fairness

One run, three phases of 30 s each on the same processes: the fast operator alone; beside 49 operators limited to
1 PDU a second with a backlog; and so again with ten of these down and twenty answering after 20 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bench import bench_servers
from tests.support.platform import Platform, command
from tests.support.product import Product, operator

FAST_LIMIT = 500
OTHERS = 49


def others() -> list[dict[str, Any]]:
    made = []
    for number in range(OTHERS):
        one = operator(tpsLimit=1, name=f"slow-{number}", receipts={"when": "never"}, rules=[])
        if number < 10:
            one["outages"] = [{"after": 0.0, "until": 100_000.0}]
        elif number < 30:
            one["responseDelay"] = 20.0
        made.append(one)
    return made


async def phase(platform: Platform, product: Product, fast: str, seconds: float) -> float:
    """PDUs a second of the fast operator over `seconds`, by the SMSC's own log, its backlog never empty."""
    start = time.monotonic()
    await asyncio.sleep(seconds)
    end = time.monotonic()
    arrivals = [line["mono"] for line in product.smsc_log(fast)]
    return sum(1 for arrival in arrivals if start <= arrival < end) / seconds


async def run(servers: Any, seconds: float, faulty: bool) -> dict[str, Any]:
    fast = operator(tpsLimit=FAST_LIMIT, windowSize=100, name="fast", receipts={"when": "never"}, rules=[])
    slow = others() if faulty else [operator(tpsLimit=1, receipts={"when": "never"}, rules=[]) for _ in range(OTHERS)]
    with tempfile.TemporaryDirectory() as folder:
        product = Product(servers, Path(folder), [fast, *slow], dispatch_processes=1, threads=8)
        try:
            async with await Platform.over(servers.nats_url, listen=False) as platform:
                await product.start()
                count = int(FAST_LIMIT * (2 * seconds + 20))
                await platform.send([command(fast["id"], f"+9370{n:07}") for n in range(count)])
                await asyncio.sleep(5)
                alone = await phase(platform, product, fast["id"], seconds)
                backlog = [command(one["id"], f"+9371{n:07}") for n in range(120) for one in slow]
                await platform.send(backlog)
                await asyncio.sleep(5)
                beside = await phase(platform, product, fast["id"], seconds)
                moving = [len(product.smsc_log(one["id"])) for one in slow]
        finally:
            product.stop()
    return {
        "faulty": faulty,
        "alone": round(alone, 1),
        "beside": round(beside, 1),
        "kept": round(beside / alone, 4),
        "othersThatMoved": sum(1 for count in moving if count),
        "othersSubmits": sum(moving),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    with bench_servers() as servers:
        for faulty in (False, True):
            print(json.dumps(asyncio.run(run(servers, arguments.seconds, faulty))), flush=True)


if __name__ == "__main__":
    main()
