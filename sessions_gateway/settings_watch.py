"""Keeps the settings of an operator known while it is not to be bound: then no bind fetches them.

Its backup, rules and limit count all the same, after a restart too (docs/architecture.md, "Failover").
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from ghasi.logs import get_logger
from ghasi.operator_settings import OperatorSettings
from ghasi.tasks import end_task
from sessions_gateway.backoff import Backoff, jittered
from sessions_gateway.bind import SlotTools
from sessions_gateway.credentials import CredentialsError

REFRESH_EVERY = 300.0

log = get_logger()


class SettingsOwner(Protocol):
    """The operator, as seen from here."""

    operator_id: str
    settings: OperatorSettings | None

    def settings_fetched(self, settings: OperatorSettings) -> None: ...


class SettingsWatch:
    """`idle()` is whether the operator is not to be bound.

    Only the settings are handed on: name and password are dropped with the answer.
    """

    def __init__(self, owner: SettingsOwner, tools: SlotTools, *, idle: Callable[[], bool]) -> None:
        self._owner = owner
        self._operator_id = owner.operator_id
        self._credentials = tools.credentials
        self._retries = tools.retries
        self._idle = idle
        self._backoff = Backoff(tools.retries.reconnect)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"settings-{self._operator_id}")

    def wake(self) -> None:
        """Whether the operator is to be bound has changed."""
        self._wake.set()

    async def stop(self) -> None:
        await end_task(self._task)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if not self._idle():
                await self._wake.wait()
            elif self._owner.settings is not None:
                await self._refresh_later()
            else:
                await self._pause(await self._fetch())

    async def _refresh_later(self) -> None:
        if not await self._pause(jittered(REFRESH_EVERY, random.random())):  # noqa: S311 - jitter
            await self._pause(await self._fetch())

    async def _pause(self, seconds: float) -> bool:
        """True where the wait was cut short because what is wanted has changed."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _fetch(self) -> float:
        """Seconds until it may be asked again."""
        try:
            settings = (await self._credentials.fetch(self._operator_id)).settings
        except CredentialsError as error:
            return self._failed(error.reason, slow=error.slow)
        except Exception as error:
            # A task that has ended would leave the backup unknown until the process is restarted.
            return self._failed(f"unexpected {type(error).__name__}", slow=False)
        self._backoff.failures = 0
        if self._idle():
            self._owner.settings_fetched(settings)
        return 0.0

    def _failed(self, reason: str, *, slow: bool) -> float:
        if not self._backoff.failures:
            log.warning("smpp.settings.not_given", operatorId=self._operator_id, reason=reason)
        delay = self._backoff.failed(random.random())  # noqa: S311 - jitter
        return max(delay, jittered(self._retries.slow, random.random())) if slow else delay  # noqa: S311
