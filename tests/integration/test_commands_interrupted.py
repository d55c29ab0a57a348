"""SIGTERM ends every command as Ctrl-C does, wherever it is waiting: with 130, without a word of the interpreter."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.product import ROOT
from tests.unit.management.test_commands import RUN_UNTIL_ENDED, ours

SOMEBODY = "4b834211-ba10-4631-b70e-752f7b475ffe"
COMMANDS: dict[str, list[str]] = {
    "audit": [],
    "bind": [SOMEBODY],
    "unbind": [SOMEBODY],
    "drain": [SOMEBODY],
    "rebind": [SOMEBODY],
    "sessions": [],
    "trace": [SOMEBODY],
    "profiles": ["publish"],
    "held": ["list"],
    "replay": ["--last", "1h"],
    "send": [SOMEBODY, "+93701234567", "hello", "--yes"],
    "doctor": [],
    "ids": [],
    "where": [SOMEBODY],
    "staff": ["list"],
    "partitions": [],
    "sweep": [],
    "provision": [],
    "probe": [SOMEBODY, "--mode", "bind"],
}
ASK_NOBODY = {"asyncapi", "segment", "receipt", "pdu"}
"""They are done at once."""


def test_each_that_waits_for_somebody_is_tried() -> None:
    assert set(COMMANDS) == set(ours()) - RUN_UNTIL_ENDED - ASK_NOBODY


@asynccontextmanager
async def mute() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server that takes connections and never says anything; the event is set once somebody came."""
    came = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        while await reader.read(4096):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], came


async def ended(name: str, number: signal.Signals) -> tuple[int | None, str]:
    """Exit code and stderr of a command that got the signal while it waited for a server."""
    async with mute() as (port, came):
        place = f"127.0.0.1:{port}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "manage.py", name, *COMMANDS[name]),
            cwd=ROOT,
            env={
                **{one: value for one, value in os.environ.items() if one == "PATH" or one.startswith("COV")},
                "NATS_URL": f"nats://{place}",
                "DATABASE_URL": f"postgresql://u:p@{place}/d",
                "OPERATOR_MGMT_URL": f"http://{place}",
                "INTERNAL_SERVICE_TOKEN": "t",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            await came.wait()
            process.send_signal(number)
            _, told = await process.communicate()
    return process.returncode, told.decode()


@pytest.mark.parametrize("name", COMMANDS)
async def test_sigterm_ends_it_with_130(name: str) -> None:
    code, told = await ended(name, signal.SIGTERM)
    assert code == 130, told
    assert "Traceback" not in told
    assert "crash.unhandled" not in told


@pytest.mark.parametrize("name", ["sessions", "ids"])
async def test_ctrl_c_does_the_same(name: str) -> None:
    code, told = await ended(name, signal.SIGINT)
    assert (code, "Traceback" in told) == (130, False), told


@pytest.mark.parametrize("name", ["sessions", "ids"])
async def test_so_does_sigterm_where_ctrl_c_is_ignored(name: str) -> None:
    """As a script starts what it puts into the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code, told = await ended(name, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, "Traceback" in told) == (130, False), told
