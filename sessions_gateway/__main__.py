"""`python -m sessions_gateway`: one gateway replica until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal
import sys

from ghasi.bus import BusSettings, TopologyConflict
from ghasi.collector import spare_the_collector
from ghasi.env import exit_on_bad_settings
from ghasi.hardening import harden
from ghasi.logs import get_logger, setup_logging
from ghasi.telemetry import TRACES
from sessions_gateway.config import GatewayConfig
from sessions_gateway.gateway import Gateway

EXIT_FAILED = 1


async def serve(config: GatewayConfig, bus_settings: BusSettings) -> int:
    """Runs until a signal asks for the end; a second signal ends it at once."""
    loop = asyncio.get_running_loop()
    wanted = asyncio.Event()
    gateway = Gateway(config, bus_settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wanted.set)
    starting = asyncio.create_task(gateway.start())
    ending = asyncio.create_task(wanted.wait())
    await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
    code = 0
    if starting.done() and starting.exception() is not None:
        code = _explain(starting.exception())
    elif starting.done():
        await ending
    starting.cancel()
    ending.cancel()
    await asyncio.gather(starting, ending, return_exceptions=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
    await gateway.stop()
    return code


def _explain(error: BaseException | None) -> int:
    if isinstance(error, TopologyConflict):
        detail = str(error)
    elif isinstance(error, OSError):
        detail = f"HTTP_PORT: {error.strerror or 'cannot be opened'}"
    else:
        detail = type(error).__name__
    get_logger().error("gateway.failed", detail=detail)
    return EXIT_FAILED


def main() -> int:
    with exit_on_bad_settings():
        harden()
        config = GatewayConfig.from_env()
        bus_settings = BusSettings.from_env()
        TRACES.start("smpp-gateway")
    setup_logging("gateway", config.log_level)
    spare_the_collector()
    try:
        return asyncio.run(serve(config, bus_settings))
    finally:
        TRACES.stop()


if __name__ == "__main__":
    sys.exit(main())
