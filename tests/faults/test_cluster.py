"""Three NATS servers, streams with three copies: the leader is killed, then paused, under load."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ghasi.contracts import subjects
from ghasi.devstack.servers import Servers
from tests.faults import figures
from tests.faults.cluster import Cluster
from tests.faults.conftest import Lines
from tests.faults.gather import gather
from tests.faults.line import Line
from tests.faults.load import Load
from tests.faults.oracle import explain, judge

RATE = 30.0
DOWN = 5.0
PAUSED = 12.0
DRAIN = 120.0


@pytest.mark.fault_set("full")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("how", ["killed", "paused"])
@pytest.mark.parametrize("stream", [subjects.SMS_DISPATCH, subjects.SMPP_RECEIPTS])
async def test_the_leader_of_a_stream_goes(
    lines: Lines, plant: Servers, tmp_path: Path, stream: str, how: str
) -> None:
    fault = f"leader of {stream} {how}"
    async with Cluster(plant, tmp_path) as cluster:
        line: Line = await lines(cluster)
        async with Load(line) as load:
            stop = asyncio.Event()
            sending = asyncio.create_task(load.keep(RATE, lambda: fault, stop))
            await asyncio.sleep(2.0)
            node = cluster.nodes[await cluster.leader(stream)]
            went = time.time()
            if how == "killed":
                node.kill()
                await asyncio.sleep(DOWN)
                node.start()
            else:
                node.pause()
                try:
                    await asyncio.sleep(PAUSED)
                finally:
                    node.resume()
            await asyncio.sleep(2.0)
            stop.set()
            await sending
            drained = await load.drained(DRAIN)
            evidence = await gather(line, load.commands)
        await line.shut()
    verdict = judge(evidence)
    figures.write([figures.of(fault, verdict, evidence, at=went, note="three nodes, three copies")])
    assert verdict.holds, f"{explain(verdict, evidence)}\n{line.tails()}"
    assert drained, line.tails()
