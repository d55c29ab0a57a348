"""What NATS tells by its monitoring pages only: whether it syncs, how large it may grow."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ghasi.doctor.findings import Finding, Findings

NEARLY = 0.85


@dataclass(frozen=True, slots=True)
class Page:
    """`/varz` of one server; `problem` where it cannot be read."""

    url: str
    varz: dict[str, Any] | None = None
    problem: str = ""

    @property
    def jetstream(self) -> dict[str, Any]:
        found: dict[str, Any] = (self.varz or {}).get("jetstream") or {}
        return found


async def read_page(url: str, timeout: float) -> Page:
    """Never raises."""
    try:
        async with asyncio.timeout(timeout), aiohttp.ClientSession() as session, session.get(f"{url}/varz") as answer:
            if answer.status != 200:
                return Page(url, problem=f"answers {answer.status}")
            varz = await answer.json(content_type=None)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return Page(url, problem=f"cannot be read: {type(error).__name__}")
    if not isinstance(varz, dict):
        return Page(url, problem="is no /varz")
    return Page(url, varz)


def server(pages: list[Page]) -> Findings:
    """Every page named; without any it is said that these things cannot be told."""
    if not pages:
        yield Finding("nats.sync_untold", "NATS", "no monitoring address given")
    for page in pages:
        if page.varz is None:
            yield Finding("nats.sync_untold", page.url, page.problem)
            continue
        config = page.jetstream.get("config")
        if config:
            yield from _durable(page, config)
            yield from _disk(page, config)


def _durable(page: Page, config: dict[str, Any]) -> Findings:
    if not config.get("sync_always"):
        seconds = int(config.get("sync_interval") or 0) / 1e9
        yield Finding("nats.sync_interval", page.url, f"fsync every {seconds:g} s")


def _disk(page: Page, config: dict[str, Any]) -> Findings:
    limit = int(config.get("max_storage") or 0)
    used = int((page.jetstream.get("stats") or {}).get("storage") or 0)
    if limit and used > NEARLY * limit:
        yield Finding("nats.store_full", page.url, f"{used / limit:.0%} of max_file_store")
    folder = Path(str(config.get("store_dir") or ""))
    if folder.is_absolute() and folder.is_dir():
        free = shutil.disk_usage(folder).free
        if limit > used + free:
            yield Finding(
                "nats.disk", page.url, f"max_file_store {limit}, but {free} octets are free beside {used} used"
            )
