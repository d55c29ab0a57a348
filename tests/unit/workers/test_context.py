"""workers.context: what the ledger settled is published until it is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects
from ghasi.devstack.servers import Servers
from tests.unit.workers.build import Bench
from workers.context import PUBLISH_RETRY, utc_now


async def test_publications_are_repeated_until_the_stream_has_them_once(
    bench: Bench, own_servers: Callable[..., Servers]
) -> None:
    servers = own_servers(only=["nats"])
    bare = await Bus.connect(BusSettings((servers.nats_url,)), "test")
    tries = len(PUBLISH_RETRY) + 2

    async def appear() -> None:
        if len(bench.sleeps.slept) == tries:
            await bare.ensure(buckets=False)

    bench.sleeps.then = appear
    context = bench.context
    context.bus = bare
    publications = [Publication(subjects.SUBMIT_RESULT, b"%d" % n, f"id-{n}") for n in range(3)]
    try:
        await context.publish(publications)
        await context.publish(publications)
        info = await bare.js.stream_info(subjects.SUBMIT_EVENTS)
        assert info.state.messages == 3
        assert bench.sleeps.slept == [*PUBLISH_RETRY, PUBLISH_RETRY[-1], PUBLISH_RETRY[-1]]
    finally:
        await bare.close()


async def test_nothing_to_publish_asks_nobody(bench: Bench) -> None:
    await bench.bus.close()
    await bench.context.publish([])
    assert bench.sleeps.slept == []


def test_now_has_a_zone() -> None:
    assert utc_now().tzinfo is UTC
