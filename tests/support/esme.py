"""A small ESME over the product's own transport, for tests of the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from ghasi.smpp.events import Answered, Closed, Event, RequestReceived
from ghasi.smpp.pdu import BindTransceiver, DataSm, DeliverSm, EnquireLink, Pdu, SubmitSm
from ghasi.smpp.session import Role, SessionConfig
from ghasi.transport import SessionProtocol

E = TypeVar("E")
PATIENCE = 60.0


class Esme:
    """Sends requests, keeps every event, answers receipts with `deliver_status` (a callable or a number)."""

    def __init__(self, **config: Any) -> None:
        self.events: list[Event] = []
        self.receipts: list[DeliverSm | DataSm] = []
        self.deliver_status: Any = 0
        self._changed = asyncio.Event()
        self._config = SessionConfig(role=Role.ESME, **config)
        self.protocol = cast(SessionProtocol, None)

    async def connect(self, port: int, **kwargs: Any) -> None:
        loop = asyncio.get_running_loop()
        _, self.protocol = await loop.create_connection(
            lambda: SessionProtocol(self._config, self._on_event), "127.0.0.1", port, **kwargs
        )

    def _on_event(self, protocol: SessionProtocol, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, RequestReceived):
            self._on_request(event.request)
        self._changed.set()

    def _on_request(self, request: Pdu) -> None:
        if isinstance(request, DeliverSm | DataSm):
            self.receipts.append(request)
            status = self.deliver_status(request) if callable(self.deliver_status) else self.deliver_status
            if status is not None:
                self.protocol.session.respond(request, now=_now(), command_status=status)

    def send(self, pdu: Pdu, context: Any = None) -> int:
        number = self.protocol.session.send(pdu, now=_now(), context=context)
        self.protocol.pump()
        return number

    async def until(self, holds: Any, patience: float = PATIENCE) -> Any:
        """Waits until `holds()` is true and gives its value."""
        async with asyncio.timeout(patience):
            while not (value := holds()):
                self._changed.clear()
                await self._changed.wait()
        return value

    async def event(self, kind: type[E], *, count: int = 1, patience: float = PATIENCE) -> E:
        """The count-th event of a kind, awaited."""
        await self.until(lambda: len(self.of(kind)) >= count, patience)
        return self.of(kind)[count - 1]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def ask(self, pdu: Pdu, patience: float = PATIENCE) -> Pdu:
        """Sends a request and gives its response."""
        number = self.send(pdu)
        found = await self.until(
            lambda: [each for each in self.of(Answered) if each.sequence_number == number], patience
        )
        return cast(Pdu, found[0].response)

    async def submit(self, to: str, **fields: Any) -> Pdu:
        """One submit_sm with a receipt wanted."""
        return await self.ask(submit(to, **fields))

    async def received(self, count: int = 1, patience: float = PATIENCE) -> list[DeliverSm | DataSm]:
        """The first `count` deliver_sm or data_sm, awaited."""
        await self.until(lambda: len(self.receipts) >= count, patience)
        return self.receipts

    async def close(self) -> None:
        if self.protocol is not None and not self.protocol.closed.is_set():
            self.protocol.abort("test over")
            await self.protocol.closed.wait()

    @property
    def closed(self) -> bool:
        return bool(self.of(Closed))

    def probe(self) -> int:
        return self.send(EnquireLink())


def submit(to: str, **fields: Any) -> SubmitSm:
    """A submit_sm as our workers send it."""
    given = {
        "source_addr": "GHASI",
        "source_addr_ton": 5,
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "registered_delivery": 1,
        "short_message": b"hello",
    }
    return SubmitSm(destination_addr=to, **(given | fields))


@asynccontextmanager
async def esme(port: int, *, bind: Pdu | None = None, ssl: Any = None, **config: Any) -> AsyncIterator[Esme]:
    """A connected ESME, bound with `bind`'s credentials (default: transceiver `test`/`secret`)."""
    client = Esme(**config)
    await client.connect(port, ssl=ssl)
    try:
        client.send(bind or BindTransceiver(system_id="test", password="secret"))
        yield client
    finally:
        await client.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
