"""`python -m sessions_gateway` as a process: it starts, serves, and ends by signal."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ghasi.bus import BusSettings
from ghasi.env import Env
from sessions_gateway.__main__ import serve
from sessions_gateway.config import GatewayConfig
from tests.support.gateway import World, until, world


@pytest.fixture
async def place(nats_url: str, redis_url: str) -> AsyncIterator[World]:
    async with world(nats_url, redis_url) as made:
        yield made


def environment(place: World, **changes: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "OPERATOR_IDS": place.operator_id,
        "NATS_URL": place.nats_url,
        "REDIS_URL": place.redis_url,
        "OPERATOR_MGMT_URL": f"http://127.0.0.1:{place.management.port}",
        "INTERNAL_SERVICE_TOKEN": "token-1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "GATEWAY_REPLICA": "process",
    } | changes


async def start(env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sessions_gateway",
        env=env,
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_binds_and_ends_cleanly_by_signal(place: World, number: signal.Signals) -> None:
    process = await start(environment(place, LOG_LEVEL="debug"))
    await until(lambda: place.smsc.bound)
    process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), 60.0)
    assert (process.returncode, err) == (0, b"")
    await until(lambda: not place.smsc.bound)
    assert place.smsc.sessions[0].protocol.session._core.reason == "unbound by the peer"
    lines = [msgspec.json.decode(line) for line in out.splitlines()]
    events = [line["event"] for line in lines]
    assert "smpp.session.bound" in events
    assert events[-1] == "gateway.stopped"
    assert {line["service"] for line in lines} == {"gateway"}
    for secret in (b"s3cr3t!", b"token-1", b"93701234567"):
        assert secret not in out


async def test_a_port_in_use_ends_the_start_with_its_name(place: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = await start(environment(place, HTTP_PORT=port))
        out, _ = await asyncio.wait_for(process.communicate(), 60.0)
    assert process.returncode == 1
    assert b"HTTP_PORT" in out


async def test_waits_for_nats_and_still_ends_by_signal(place: World) -> None:
    env = environment(place, NATS_URL="nats://127.0.0.1:9")
    config = GatewayConfig.from_env(Env(env))
    running = asyncio.create_task(serve(config, BusSettings.from_env(Env(env))))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(1.0, os.kill, os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 60.0) == 0


async def test_serves_in_process_until_told_to_end(place: World) -> None:
    env = environment(place)
    config = GatewayConfig.from_env(Env(env))
    running = asyncio.create_task(serve(config, BusSettings.from_env(Env(env))))
    await until(lambda: place.smsc.bound)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 60.0) == 0
    assert not place.smsc.bound


async def test_a_stream_that_cannot_serve_ends_the_start(place: World) -> None:
    await place.bus.js.delete_stream("SUBMIT_EVENTS")
    await place.bus.js.add_stream(name="SUBMIT_EVENTS", subjects=["something.else"])
    try:
        process = await start(environment(place))
        out, _ = await asyncio.wait_for(process.communicate(), 60.0)
        assert process.returncode == 1
        assert b"SUBMIT_EVENTS" in out
    finally:
        await place.bus.js.delete_stream("SUBMIT_EVENTS")
        await place.bus.ensure()
