"""One message of a stream in our hands, settled exactly once (docs/architecture.md, settling)."""

from __future__ import annotations

from datetime import datetime

import nats.errors
from nats.aio.msg import Msg

from ghasi.bus import BusError


class Delivery:
    """Wraps a JetStream message. Whoever holds it renews it until one of ack, ack_sync or release is called."""

    __slots__ = ("_message", "received_at", "sequence", "settled", "stored_at", "times")

    def __init__(self, message: Msg, received_at: float) -> None:
        metadata = message.metadata
        self._message = message
        self.received_at = received_at
        self.sequence: int = metadata.sequence.stream
        self.times: int = metadata.num_delivered or 1
        self.stored_at: datetime = metadata.timestamp
        self.settled = False

    @property
    def data(self) -> bytes:
        return self._message.data

    @property
    def subject(self) -> str:
        return self._message.subject

    def header(self, name: str) -> str | None:
        value = (self._message.headers or {}).get(name)
        return value if value else None

    async def ack(self) -> None:
        """Fire and forget: an ack that is lost comes back and the ledger answers it."""
        if self._settle():
            await self._message.ack()

    async def ack_sync(self, timeout: float = 5.0) -> None:
        """Waits for the server; for what no ledger row answers. Raises BusError, then it may be called again."""
        if self.settled:
            return
        try:
            await self._message.ack_sync(timeout=timeout)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusError(type(error).__name__) from None
        self.settled = True

    async def release(self, delay: float | None = None) -> None:
        """Gives it back: at once, or after `delay` seconds."""
        if self._settle():
            await self._message.nak(delay=delay)

    async def renew(self) -> None:
        """Tells the server that it is still in our hands."""
        if not self.settled:
            await self._message.in_progress()

    def _settle(self) -> bool:
        if self.settled:
            return False
        self.settled = True
        return True
