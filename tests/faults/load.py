"""Commands for a line, in batches by the fault they meet; each counts once JetStream has acknowledged it."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import nats.errors
import psycopg

from ghasi.bus import BusError, Publication
from ghasi.contracts import subjects
from tests.faults.evidence import Command
from tests.faults.gather import owed, pending, untold
from tests.faults.line import Line
from tests.support.platform import command

RETRY = 0.2
LOOK_EVERY = 0.25


class Load:
    """`async with Load(line) as load:`; `commands` is what was accepted so far, `refusals` why publishes failed.

    Commands go to `operators`, one after the other: the line's first where none are named.
    """

    def __init__(
        self, line: Line, *, text: str = "Your code is 482913", operators: Sequence[str] | None = None
    ) -> None:
        self.commands: list[Command] = []
        self.refusals: Counter[str] = Counter()
        self._line = line
        self._operators = itertools.cycle(operators or [line.operator_id])
        self._text = text
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Load:
        self._bus = await self._line.bus("load")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._bus.close()

    async def send(self, count: int, batch: str, *, text: str | None = None, suffix: str = "", **fields: Any) -> None:
        """`count` commands to numbers of their own, which end in `suffix`; returns when all are stored. A publish
        that fails is tried again under the same message id, as a platform does."""
        made = [self._one(batch, text or self._text, suffix, fields) for _ in range(count)]
        publications = [
            Publication(subjects.dispatch(one["operatorId"]), json.dumps(one).encode(), one["eventId"])
            for one in made
        ]
        while True:
            try:
                await self._bus.publish_many(publications)
                break
            except (BusError, nats.errors.Error, OSError, TimeoutError) as error:
                self.refusals[str(error) or type(error).__name__] += 1
                await asyncio.sleep(RETRY)
        self.commands += [Command(one["messageId"], one["to"].lstrip("+"), batch) for one in made]

    def _one(self, batch: str, text: str, suffix: str, fields: dict[str, Any]) -> dict[str, Any]:
        number = f"{next(self._numbers):0{7 - len(suffix)}}"
        return command(next(self._operators), f"+9370{number}{suffix}", text, **fields)

    async def spread(self, count: int, batch: str, seconds: float, *, lots: int = 5) -> None:
        """The same, in lots over some seconds."""
        for _ in range(lots):
            await self.send(max(1, count // lots), batch)
            await asyncio.sleep(seconds / lots)

    async def keep(self, rate: float, batch: Callable[[], str], until: asyncio.Event, **fields: Any) -> None:
        """A steady load until the event is set; `batch()` names the fault of the moment, `fields` as in `send`."""
        while not until.is_set():
            await self.send(max(1, int(rate / 5)), batch(), **fields)
            await asyncio.sleep(0.2)

    async def drained(self, within: float, *, receipts: bool = True) -> bool:
        """Waits until no message of the line waits or is out, the SMSC has got rid of its receipts, and what they
        told has been told."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if await self._is_drained(receipts):
                return True
            await asyncio.sleep(LOOK_EVERY)
        return False

    async def _is_drained(self, receipts: bool) -> bool:
        try:
            if await pending(self._bus, self._line) or (receipts and owed(self._line) > 0):
                return False
            line = self._line
            return not receipts or not await asyncio.to_thread(untold, line.servers.database_url, line.operator_ids)
        except (nats.errors.Error, psycopg.Error, OSError, TimeoutError):
            return False
