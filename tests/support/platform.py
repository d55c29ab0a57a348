"""The rest of the platform, for tests: publishes commands as the orchestrator does, collects what comes back."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.js.api import DeliverPolicy

from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def command(
    operator_id: str, to: str = "+93701234567", text: str = "Your code is 482913", **changes: Any
) -> dict[str, Any]:
    """A dispatch command as docs/contract.md §2 has it, for an hour from now."""
    now = datetime.now(UTC)
    made = {
        "version": "1.0",
        "eventId": str(uuid.uuid4()),
        "messageId": str(uuid.uuid4()),
        "to": to,
        "from": "GHASI",
        "text": text,
        "operatorId": operator_id,
        "accountId": "b7c1f8d2-1111-4222-8333-444455556666",
        "messageType": "SMS",
        "encoding": "GSM7",
        "longMessageStrategy": "CSMS",
        "enqueuedAt": iso(now),
        "expiresAt": iso(now + timedelta(hours=1)),
    }
    return made | changes


@dataclass
class Platform:
    """`async with Platform.over(url) as platform:` — events are kept from that moment on, by subject."""

    bus: Bus
    events: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    dead: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _subscriptions: list[Any] = field(default_factory=list)

    @classmethod
    async def over(cls, nats_url: str | BusSettings, *, listen: bool = True) -> Platform:
        """Settings for a server on which others make the streams."""
        made_already = isinstance(nats_url, BusSettings)
        bus = await Bus.connect(nats_url if made_already else BusSettings((nats_url,)), "platform")
        if not made_already:
            await bus.ensure()
        platform = cls(bus)
        if not listen:
            return platform
        for subject in (subjects.DLR_INBOUND, subjects.SUBMIT_RESULT, subjects.OPERATOR_HEALTH, "smpp.dead.*"):
            await platform.listen(subject)
        return platform

    async def listen(self, subject: str, since: DeliverPolicy = DeliverPolicy.NEW) -> None:
        """Keeps what comes on a subject, and what is there already as `since` says."""
        subscription = await self.bus.js.subscribe(
            subject, cb=self._take, ordered_consumer=True, deliver_policy=since
        )
        self._subscriptions.append(subscription)

    async def __aenter__(self) -> Platform:
        return self

    async def __aexit__(self, *_: object) -> None:
        for subscription in self._subscriptions:
            await subscription.unsubscribe()
        await self.bus.close()

    async def _take(self, message: Any) -> None:
        if message.subject.startswith("smpp.dead."):
            self.dead.append((message.subject, dict(message.headers or {}), message.data))
        else:
            self.events[message.subject].append(json.loads(message.data))
        self._changed.set()

    async def send(self, commands: list[dict[str, Any]]) -> None:
        """Publishes commands on their operators' subjects; returns when all are stored."""
        await self.bus.publish_many(
            [
                Publication(subjects.dispatch(one["operatorId"]), json.dumps(one).encode(), one["eventId"])
                for one in commands
            ]
        )

    async def send_raw(self, operator_id: str, data: bytes) -> None:
        await self.bus.nc.jetstream().publish(subjects.dispatch(operator_id), data)

    async def until(self, condition: Callable[[], bool], timeout: float = 60.0, what: str = "") -> None:
        """Waits for a condition on what was collected; raises AssertionError when it does not come true."""
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            assert left > 0, f"did not happen within {timeout} s: {what or condition}"
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), min(left, 0.5))
            except TimeoutError:
                pass

    @property
    def results(self) -> list[dict[str, Any]]:
        return self.events[subjects.SUBMIT_RESULT]

    @property
    def receipts(self) -> list[dict[str, Any]]:
        return self.events[subjects.DLR_INBOUND]

    @property
    def health(self) -> list[dict[str, Any]]:
        return self.events[subjects.OPERATOR_HEALTH]

    def results_of(self, message_id: str) -> list[dict[str, Any]]:
        return [one for one in self.results if one["messageId"] == message_id]

    def receipts_of(self, message_id: str) -> list[dict[str, Any]]:
        return [one for one in self.receipts if one["messageId"] == message_id]

    def final_of(self, message_id: str) -> list[dict[str, Any]]:
        return [one for one in self.receipts_of(message_id) if one["final"]]
