"""How exactly a limit is kept and how much of it is used, at the SMSC.

    python -m benchmarks.rate --limit 100 --processes 4 --messages 3000 --runs 3

`worstSecond` counts by the kernel's time of each arrival where this process may read it (root on Linux), else by the
SMSC's own log; `worstNoted` is always the log's, which shares its cores with everything it measures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bench import bench_servers
from benchmarks.wiretap import wiretap
from tests.support.platform import Platform, command
from tests.support.product import Product, operator
from tests.support.rate import mean_rate, worst_second


async def run(servers: Any, limit: int, processes: int, messages: int) -> dict[str, Any]:
    one = operator(tpsLimit=limit, windowSize=50, receipts={"when": "never"}, rules=[])
    with tempfile.TemporaryDirectory() as folder, wiretap(one["port"]) as tap:
        product = Product(servers, Path(folder), [one], dispatch_processes=processes, threads=4)
        try:
            async with await Platform.over(servers.nats_url) as platform:
                texts = ["x" * 400 if n % 10 == 0 else "hello" for n in range(messages)]
                await product.start()
                await platform.send([command(one["id"], f"+9370{n:07}", text) for n, text in enumerate(texts)])
                await platform.until(lambda: len(platform.results) >= messages, timeout=600, what=product.tails())
            product.children["simulator"].stop()
            noted = [line["mono"] for line in product.smsc_log(one["id"])]
        finally:
            product.stop()
        arrivals = tap.stop() if tap else noted
    return {
        "limit": limit,
        "processes": processes,
        "messages": messages,
        "pdus": len(arrivals),
        "by": "kernel" if tap else "SMSC",
        "worstSecond": worst_second(arrivals),
        "worstNoted": worst_second(noted),
        "mean": round(mean_rate(arrivals), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with bench_servers() as servers:
        for _ in range(arguments.runs):
            result = asyncio.run(run(servers, arguments.limit, arguments.processes, arguments.messages))
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
