"""Running a simulator or the stand-in as a process: listen, say where, wait for a signal, stop cleanly."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from ghasi.simulator.config import Scenario
from ghasi.simulator.management import OperatorManagement
from ghasi.simulator.smsc import Smsc
from ghasi.simulator.tls import server_context


class Simulator:
    """All operators of a scenario; an async context manager."""

    def __init__(self, scenario: Scenario, *, seed: int | None = None, log: Path | None = None) -> None:
        used = scenario.seed if seed is None else seed
        folder = Path(scenario.folder)
        self.smscs = [Smsc(each, seed=used, folder=folder, log=log) for each in scenario.operators]
        self._stack = AsyncExitStack()

    @property
    def ports(self) -> dict[str, int]:
        """operatorId → port."""
        return {str(smsc.operator.id): smsc.port for smsc in self.smscs}

    async def __aenter__(self) -> Simulator:
        async with AsyncExitStack() as stack:
            for smsc in self.smscs:
                # Before the start: one that fails must still complete its log.
                stack.push_async_callback(smsc.stop)
                await smsc.start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        stops = [smsc.stop() for smsc in self.smscs]
        self._stack.pop_all()
        await asyncio.gather(*stops)


async def simulate(
    scenario: Scenario, *, seed: int | None, log: Path | None, port_file: Path | None, say: Callable[[str], None]
) -> None:
    """Runs until SIGTERM or SIGINT. Raises OSError: a port is taken or a certificate is missing."""
    stop = stop_signal()
    async with Simulator(scenario, seed=seed, log=log) as simulator:
        for smsc in simulator.smscs:
            say(f"{smsc.operator.name} ({smsc.operator.id}) listens on {smsc.operator.host}:{smsc.port}")
        write_ports(port_file, simulator.ports)
        await stop.wait()
        say("stopping")


async def serve_management(
    scenario: Scenario,
    *,
    port: int | None,
    token: str | None,
    ports_from: Path | None,
    log: Path | None,
    port_file: Path | None,
    say: Callable[[str], None],
) -> None:
    """Runs the stand-in for operator management until SIGTERM or SIGINT. Raises OSError: the port is taken."""
    stop = stop_signal()
    plan = scenario.management
    management = OperatorManagement(scenario, token=token, ports=ports_from, log=log)
    runner = web.AppRunner(management.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        context = server_context(plan.tls, Path(scenario.folder)) if plan.tls else None
        site = web.TCPSite(runner, plan.host, plan.port if port is None else port, ssl_context=context)
        await site.start()
        bound = runner.addresses[0][1]
        scheme = "https" if plan.tls else "http"
        say(f"operator management listens on {scheme}://{plan.host}:{bound}")
        write_ports(port_file, {"management": bound})
        await stop.wait()
        say("stopping")
    finally:
        await runner.cleanup()
        management.journal.close()


def write_ports(path: Path | None, ports: dict[str, int]) -> None:
    """Writes the port file in one step: who waits for it never reads half of one."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.write_text(json.dumps(ports, indent=2) + "\n")
    draft.replace(path)


def stop_signal() -> asyncio.Event:
    """An event set by SIGTERM or SIGINT."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event
