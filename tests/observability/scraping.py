"""Scrapes the processes of a run each second, as Prometheus would, and keeps what the rules read."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiohttp

from tests.observability.notation import STALE, Sample

TIMEOUT = 5.0
_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class Target:
    """One process; `job` and `instance` become labels."""

    job: str
    instance: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"


def parsed(page: str, names: frozenset[str] | None = None) -> dict[Key, float]:
    """The samples of an exposition, of all `names` or of those."""
    found: dict[Key, float] = {}
    for line in page.splitlines():
        match = _LINE.match(line)
        if match is None or (names is not None and match[1] not in names):
            continue
        found[(match[1], tuple(sorted(_LABEL.findall(match[2] or ""))))] = float(match[3])
    return found


@dataclass
class Scraper:
    """`async with Scraper(names) as scraper: scraper.add(target)`. Sample n is of the second n after the start."""

    names: frozenset[str]
    began: float = field(default_factory=time.time)
    samples: dict[Key, list[Sample]] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    """The last page of each instance."""
    _tasks: dict[Target, asyncio.Task[None]] = field(default_factory=dict)
    _live: dict[Target, set[Key]] = field(default_factory=dict)

    async def __aenter__(self) -> Scraper:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        self.began = time.time()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end(self._tasks)
        await self._session.close()

    def add(self, *targets: Target) -> None:
        for target in targets:
            self._live[target] = set()
            self._tasks[target] = asyncio.create_task(self._watch(target))

    async def end(self, targets: Iterable[Target]) -> None:
        tasks = [self._tasks.pop(one) for one in list(targets)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def forget(self, target: Target) -> None:
        """Prometheus knows of it no more: its series end."""
        await self.end([target])
        for key in self._live.pop(target) | {_up(target)}:
            self._put(key, self.second, STALE)

    @property
    def second(self) -> int:
        return int(time.time() - self.began)

    async def _watch(self, target: Target) -> None:
        # A request that times out in the moment of its cancellation hides that.
        while target in self._tasks:
            found = await self._scraped(target)
            self._take(target, self.second, found)
            await asyncio.sleep(self.began + self.second + 1 - time.time())

    async def _scraped(self, target: Target) -> dict[Key, float] | None:
        try:
            async with self._session.get(target.url) as response:
                page = await response.text()
                if response.status != 200:
                    return None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
        self.pages[target.instance] = page
        return parsed(page, self.names)

    def _take(self, target: Target, second: int, found: dict[Key, float] | None) -> None:
        now: dict[Key, float] = {}
        for (name, labels), value in (found or {}).items():
            now[(name, tuple(sorted({**dict(labels), **_of(target)}.items())))] = value
        for key in self._live[target] - now.keys():
            self._put(key, second, STALE)
        self._live[target] = set(now)
        for key, value in now.items():
            self._put(key, second, value)
        self._put(_up(target), second, float(found is not None))

    def _put(self, key: Key, second: int, value: Sample) -> None:
        samples = self.samples.setdefault(key, [])
        samples += [None] * (second + 1 - len(samples))
        samples[second] = value


def _of(target: Target) -> dict[str, str]:
    return {"job": target.job, "instance": target.instance}


def _up(target: Target) -> Key:
    return "up", tuple(sorted(_of(target).items()))
