"""One operator as the books see it, without a worker: commands in the stream, rows in the ledger, settled by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connections

from ghasi.bus import Arrived, Bus, PullLane
from ghasi.contracts import subjects, topology
from ghasi.correlations import dead, ledger, statements
from ghasi.correlations.accountant import Accountant
from ghasi.correlations.accounting import Balance, Position
from ghasi.correlations.command_reader import read_positions
from ghasi.correlations.types import Intent, Part, PartFateKind, PartOutcome
from tests.support.platform import command


@dataclass
class Counter:
    """`take` and `ack` are JetStream's side, `send` and `end` the ledger's; `balance` is what the books say."""

    bus: Bus
    operator_id: str = field(default_factory=lambda: str(uuid4()))
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _pull: PullLane | None = None

    async def on_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*arguments))

    def accountant(self) -> Accountant:
        return Accountant(self.bus, self.operator_id, self.on_thread)

    async def position(self) -> Position:
        return (await read_positions(self.bus))[self.operator_id]

    async def publish(self, *made: dict[str, Any] | bytes, **headers: str) -> None:
        for one in made:
            data = one if isinstance(one, bytes) else json.dumps(one).encode()
            await self.bus.js.publish(subjects.dispatch(self.operator_id), data, headers=headers or None)

    async def commands(self, count: int = 1, **changes: Any) -> list[dict[str, Any]]:
        """New commands, published in this order."""
        made = [command(self.operator_id, **changes) for _ in range(count)]
        await self.publish(*made)
        return made

    async def take(self, count: int) -> list[Arrived]:
        consumer = topology.dispatch_consumer(self.operator_id)
        if self._pull is None:
            await self.bus.ensure_consumer(consumer)
            self._pull = await self.bus.pull(consumer)
        found: list[Arrived] = []
        while len(found) < count:
            fetched = await self._pull.fetch(count - len(found), 5.0)
            assert fetched, "no delivery"
            found += fetched
        return found

    async def send(self, made: dict[str, Any], segments: int = 1, **changes: Any) -> list[Part]:
        """Claims a command; returns the parts handed over."""
        intent = Intent(
            message_id=UUID(made["messageId"]),
            event_id=UUID(made["eventId"]),
            operator_id=UUID(self.operator_id),
            requested_operator_id=UUID(self.operator_id),
            destination="93701234567",
            sender="GHASI",
            account_id="account",
            segments=segments,
            enqueued_at=datetime.fromisoformat(made["enqueuedAt"]),
            expires_at=datetime.fromisoformat(made["expiresAt"]),
            **changes,
        )
        claim: Any = await self.on_thread(
            lambda: ledger.claim([intent], replica="r", epoch="e", now=datetime.now(UTC), arm={})[0]
        )
        return list(claim.parts)

    async def end(self, parts: list[Part], kind: PartFateKind = PartFateKind.ACCEPTED, **fields: Any) -> None:
        """Records what became of parts."""
        now = datetime.now(UTC)
        outcomes = [PartOutcome(one.row_id, one.enqueued_day, one.message_id, kind, now, **fields) for one in parts]
        await self.on_thread(lambda: ledger.record(outcomes, now=now))

    async def submit(self, made: dict[str, Any]) -> None:
        await self.end(await self.send(made))

    async def bury(self, message: Arrived, reason: str, message_id: str | None = None) -> None:
        """Indexes a command as kept in SMPP_DEAD."""
        sequence = message.sequence
        arguments = (self.operator_id, sequence, reason, message_id, 1, datetime.now(UTC), sequence)
        await self.on_thread(dead.dead_letter_index, *arguments)

    async def balance(self, **span: datetime) -> Balance:
        now = datetime.now(UTC)
        since, until = span.get("since", now - timedelta(hours=1)), span.get("until", now + timedelta(minutes=2))
        found: list[Balance] = await self.on_thread(statements.balances, since, until)
        return next(one for one in found if str(one.operator_id) == self.operator_id)

    async def audit(self) -> Balance:
        """The balance after a turn of the accountant up to this moment."""
        await self.accountant().turn(await self.position(), at_once=True)
        return await self.balance()

    async def ack(self, *messages: Arrived) -> None:
        for one in messages:
            await self.bus.settle_surely(one, 5.0)

    async def close(self) -> None:
        if self._pull is not None:
            await self._pull.stop()
        self._thread.submit(connections.close_all).result()
        self._thread.shutdown()
