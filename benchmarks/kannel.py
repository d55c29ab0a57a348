"""Kannel beside us: bearerbox and smsbox from the system's packages, with their best settings and a store file.

Commands come in over smsbox's HTTP while the SMSC does not listen yet: they are accepted and stored. When the SMSC
opens its port, bearerbox binds within a second and the clock starts with the first response, as for ours.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from benchmarks.load import Load
from benchmarks.missing import PeerMissing
from benchmarks.peer_run import run_peer
from benchmarks.rig import TEXT
from benchmarks.sink_process import Sink
from benchmarks.smsc_process import Smsc, smsc_options
from ghasi.devstack.child import Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.rundir import RunDir
from tests.support.servers import new_run_dir

WINDOW = 100
"""More unanswered PDUs make bearerbox slower, not faster."""
_AT_ONCE = 100
"""Receivers of one HTTP request."""
_CONNECTIONS = 4


def version() -> str:
    """Raises PeerMissing."""
    program = _program("bearerbox")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    return next((line.split("version")[1].strip(" `'.") for line in said if "bearerbox version" in line), "unknown")


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise PeerMissing("Kannel is not installed (Debian: apt-get install kannel)")
    return found


class Kannel:
    """One bearerbox with one smsbox; `ports` are those of the SMSC."""

    def __init__(self, run: RunDir, ports: list[int], *, window: int, sink_port: int) -> None:
        self._sink_port = sink_port
        self.admin, self.boxes, self.http = free_port(), free_port(), free_port()
        config = run.path / "kannel.conf"
        config.write_text(self._config(run.path, ports, window))
        self.children = {
            name: Child(name, [_program(name), "-v", "4", str(config)], run=run, env={}) for name in _BOXES
        }

    def _config(self, folder: Path, ports: list[int], window: int) -> str:
        core = {
            "admin-port": self.admin,
            "admin-password": "bench",
            "smsbox-port": self.boxes,
            "store-type": "file",
            "store-location": folder / "kannel.store",
            "dlr-storage": "internal",
            "sms-outgoing-queue-limit": 10_000_000,
        }
        smsbox = {"bearerbox-host": "127.0.0.1", "sendsms-port": self.http, "max-pending-requests": 512}
        user = {"username": "bench", "password": "bench"}
        return "\n".join(
            [
                _group("core", core),
                *(_group("smsc", _smsc(number, port, window)) for number, port in enumerate(ports)),
                _group("smsbox", smsbox),
                _group("sendsms-user", user),
            ]
        )

    async def start(self) -> None:
        self.children["bearerbox"].start()
        await _listening(self.boxes)
        self.children["smsbox"].start()
        await _listening(self.http)

    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self.children.items()}

    async def load(self, count: int, operators: int, *, receipts: bool) -> None:
        """Hands in `count` messages, many receivers to a request."""
        starts = iter(range(0, count, _AT_ONCE))
        async with aiohttp.ClientSession() as session:

            async def some() -> None:
                for start in starts:
                    numbers = range(start, min(start + _AT_ONCE, count))
                    await self.send(session, numbers, (start // _AT_ONCE) % operators, receipts=receipts)

            await asyncio.gather(*(some() for _ in range(_CONNECTIONS)))

    async def send(self, session: aiohttp.ClientSession, numbers: range, operator: int, *, receipts: bool) -> None:
        """One request for all of them."""
        target = URL(f"http://127.0.0.1:{self.http}{self.target(numbers, operator, receipts=receipts)}", encoded=True)
        async with session.get(target) as response:
            text = await response.text()
            assert response.status == 202, f"smsbox refused: {response.status} {text[:200]}"

    def target(self, numbers: range, operator: int, *, receipts: bool) -> str:
        """What a request asks for; the destinations are those that benchmarks.rig.commands gives these numbers."""
        fields = {
            "username": "bench",
            "password": "bench",
            "from": "GHASI",
            "to": " ".join(f"+937{number:08}" for number in numbers),
            "text": TEXT,
            "smsc": f"bench-{operator}",
        }
        if receipts:
            fields |= {"dlr-mask": "1", "dlr-url": f"http://127.0.0.1:{self._sink_port}/dlr/%p"}
        return "/cgi-bin/sendsms?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())

    def stop(self) -> None:
        for name in reversed(_BOXES):
            self.children[name].stop()


_BOXES = ("bearerbox", "smsbox")


def _group(name: str, settings: dict[str, Any]) -> str:
    lines = [f"group = {name}", *(f'{key} = "{value}"' for key, value in settings.items())]
    return "\n".join(lines) + "\n"


def _smsc(number: int, port: int, window: int) -> dict[str, Any]:
    return {
        "smsc": "smpp",
        "smsc-id": f"bench-{number}",
        "allowed-smsc-id": f"bench-{number}",
        "host": "127.0.0.1",
        "port": port,
        "smsc-username": "ghasi",
        "smsc-password": "secret12",
        "system-type": "",
        "transceiver-mode": "true",
        "source-addr-autodetect": "true",
        "max-pending-submits": window,
        "reconnect-delay": 1,
    }


async def _listening(port: int) -> None:
    end = time.monotonic() + 15
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert time.monotonic() < end, f"nothing listens on {port}"
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


@contextmanager
def run_dir() -> Iterator[RunDir]:
    run = RunDir(new_run_dir())
    run.claim()
    try:
        yield run
    finally:
        run.release()
        run.remove()


async def measure(load: Load, window: int = WINDOW) -> dict[str, Any]:
    """One run. Raises PeerMissing."""
    with run_dir() as run:
        sink = Sink(run).start()
        ports = [free_port() for _ in range(load.operators)]
        smsc = Smsc(run, ports, smsc_options(load))
        kannel = Kannel(run, ports, window=window, sink_port=sink.port)
        try:
            await kannel.start()
            await kannel.load(load.messages, load.operators, receipts=load.receipts)
            smsc.start()
            return await run_peer(kannel.pids(), smsc, sink, load)
        finally:
            kannel.stop()
            smsc.child.stop()
            sink.child.stop()
