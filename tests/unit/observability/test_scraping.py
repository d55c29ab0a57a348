"""tests.observability.scraping: pages become samples, second by second."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ghasi.devstack.ports import free_port
from tests.observability.notation import STALE
from tests.observability.scraping import Scraper, Target, parsed

PAGE = """# HELP a words
# TYPE a gauge
a{operator_id="x",state="BOUND"} 1.0
a_created{operator_id="x"} 1.7e+09
b 2.5e-05
"""


def test_a_page_is_read() -> None:
    assert parsed(PAGE, frozenset({"a", "b"})) == {
        ("a", (("operator_id", "x"), ("state", "BOUND"))): 1.0,
        ("b", ()): 2.5e-05,
    }
    assert len(parsed(PAGE)) == 3


async def test_a_process_that_does_not_answer_is_down_and_its_series_end() -> None:
    port, alive = free_port(), True

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, status=200 if alive else 500)

    app = web.Application()
    app.add_routes([web.get("/metrics", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    target = Target("smpp-gateway", "gateway", port)
    up = ("up", (("instance", "gateway"), ("job", "smpp-gateway")))
    b = ("b", (("instance", "gateway"), ("job", "smpp-gateway")))
    try:
        async with Scraper(frozenset({"b"})) as scraper:
            scraper.add(target)
            await until(lambda: scraper.samples.get(b, [])[-1:] == [2.5e-05])
            assert scraper.samples[up][-1] == 1.0
            alive = False
            await until(lambda: scraper.samples[up][-1] == 0.0)
            assert scraper.samples[b][-1] == STALE
            await scraper.forget(target)
            assert scraper.samples[up][-1] == STALE
    finally:
        await runner.cleanup()


async def until(holds: object) -> None:
    async with asyncio.timeout(60.0):
        while not holds():  # type: ignore[operator]
            await asyncio.sleep(0.02)
