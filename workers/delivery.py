"""One message of a stream in our hands, settled exactly once (docs/architecture.md, settling)."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

import msgspec
import nats.errors

from ghasi.bus import Arrived, Bus, BusError, Settlement
from ghasi.contracts import subjects, timers
from ghasi.logs import get_logger

log = get_logger()


class Delivery:
    """A message of a pull lane. Whoever holds it renews it until it is acknowledged or released."""

    __slots__ = ("_arrived", "_bus", "received_at", "settled")

    def __init__(self, bus: Bus, arrived: Arrived, received_at: float) -> None:
        self._bus = bus
        self._arrived = arrived
        self.received_at = received_at
        self.settled = False

    @property
    def data(self) -> bytes:
        return self._arrived.data

    @property
    def sequence(self) -> int:
        """Its place in the stream."""
        return self._arrived.sequence

    @property
    def times(self) -> int:
        """How often it was delivered, this time included."""
        return self._arrived.times

    @property
    def stored(self) -> float:
        """When the stream took it, Unix seconds."""
        return self._arrived.stored

    def header(self, name: str) -> str | None:
        return self._arrived.header(name.encode())

    async def ack(self) -> None:
        """Fire and forget: an ack that is lost comes back and the ledger answers it. Raises BusError."""
        await ack_all(self._bus, [self])

    async def ack_sync(self, timeout: float = 5.0) -> None:
        """Waits for the server; for what no ledger row answers. Raises BusError, then it may be called again."""
        if not self.settled:
            await self._bus.settle_surely(self._arrived, timeout)
            self.settled = True

    async def release(self, delay: float | None = None) -> None:
        """Gives it back: at once, or after `delay` seconds. Raises BusError."""
        if not self.settled:
            self.settled = True
            await self._bus.settle([self._arrived], Settlement.GIVEN_BACK, delay)


class _Traced(msgspec.Struct):
    traceparent: str | None = None


_traced = msgspec.json.Decoder(_Traced)


def traceparent_of(delivery: Delivery) -> str | None:
    """What a command says of its trace, by header or field, however much else is wrong with it."""
    if (header := delivery.header(subjects.HEADER_TRACEPARENT)) or len(delivery.data) > timers.MAX_COMMAND_OCTETS:
        return header
    try:
        return _traced.decode(delivery.data).traceparent
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


async def ack_all(bus: Bus, deliveries: Iterable[Delivery]) -> None:
    """Acknowledges those that are not settled in one write. Raises BusError."""
    await bus.settle(_settle(deliveries), Settlement.DONE)


async def release_all(bus: Bus, deliveries: Iterable[Delivery]) -> None:
    """Gives back at once, in one write, those that are not settled. Raises BusError."""
    await bus.settle(_settle(deliveries), Settlement.GIVEN_BACK)


async def given_back(operator_id: str, release: Awaitable[None]) -> None:
    """Waits for `release` at a stop: what cannot be told then comes back by its ack wait, and the rest of the pool is
    to end all the same."""
    try:
        await release
    except (BusError, nats.errors.Error) as error:
        log.warning("lane.not_given_back", operatorId=operator_id, errorType=type(error).__name__)


async def renew_all(bus: Bus, deliveries: Iterable[Delivery]) -> None:
    """Tells the server, in one write, that those that are not settled are still in our hands. Raises BusError."""
    await bus.settle([one._arrived for one in deliveries if not one.settled], Settlement.IN_HAND)


def _settle(deliveries: Iterable[Delivery]) -> list[Arrived]:
    settled: list[Arrived] = []
    for one in deliveries:
        if not one.settled:
            one.settled = True
            settled.append(one._arrived)
    return settled
