"""One SMPP session of the probe: connect, bind, submit, take receipts, unbind."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ghasi.probe.connect import why
from ghasi.probe.errors import NoConnection, NoSession
from ghasi.smpp.errors import LocalProtocolError
from ghasi.smpp.events import (
    Answered,
    BindRefused,
    BindTimedOut,
    Bound,
    Closed,
    Event,
    LateResponse,
    RequestExpired,
    RequestLost,
    RequestReceived,
)
from ghasi.smpp.pdu import BindRequest, DataSm, DeliverSm, Pdu, SubmitSm, SubmitSmResp
from ghasi.smpp.session import SessionConfig
from ghasi.smpp.tlv import Tag, find
from ghasi.transport import SessionProtocol

OnMessage = Callable[["ProbeLink", DeliverSm | DataSm], int]
"""Takes what the SMSC delivers and says with which command_status to answer it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """Seconds."""

    connect: float = 10.0
    bind: float = 10.0
    response: float = 30.0
    unbind: float = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect; `context` for TLS, `server_name` for SNI and the certificate."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reply:
    """The answer to one submit_sm; `status` None: none came. `info` is the SMSC's own text."""

    status: int | None
    message_id: str = ""
    seconds: float | None = None
    info: str = ""


_NONE: Final = Reply(status=None)


class ProbeLink:
    """Made by `open`. `mode` is what it is bound as, for the report."""

    def __init__(self, timers: Timers, on_message: OnMessage) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers = timers
        self._on_message = on_message
        self._bound: asyncio.Future[Bound] = self._loop.create_future()
        self._reason = ""
        self.mode = ""
        self.protocol = SessionProtocol(
            SessionConfig(
                window_size=100_000,
                bind_timeout=timers.bind,
                response_timeout=timers.response,
                unbind_timeout=timers.unbind,
            ),
            self._on_event,
        )
        self._session = self.protocol.session

    @classmethod
    async def open(cls, endpoint: Endpoint, timers: Timers, on_message: OnMessage) -> ProbeLink:
        """A connection on which nothing has been said yet. Raises NoConnection."""
        link = cls(timers, on_message)
        name = (endpoint.server_name or endpoint.host) if endpoint.context else None
        try:
            async with asyncio.timeout(timers.connect):
                await link._loop.create_connection(
                    lambda: link.protocol, endpoint.host, endpoint.port, ssl=endpoint.context, server_hostname=name
                )
        except (OSError, TimeoutError, ValueError) as error:
            raise NoConnection(why(error)) from None
        return link

    @property
    def alive(self) -> bool:
        return self._session.is_bound and not self._session.closing

    @property
    def unanswered(self) -> int:
        return self._session.window_used

    async def bind(self, request: BindRequest) -> Bound:
        """Raises NoSession; the password lives in this call only."""
        try:
            self._session.send(request, now=self._loop.time())
        except LocalProtocolError as error:
            self.abort()
            raise NoSession(f"the bind cannot be sent: {type(error).__name__}") from None
        self.protocol.pump()
        try:
            return await self._bound
        finally:
            if not self._bound.done() or self._bound.cancelled():
                self.abort()

    def submit(self, pdu: SubmitSm) -> asyncio.Future[Reply]:
        """Sends now; the reply comes when it comes. Raises NoSession, LocalProtocolError."""
        if not self.alive:
            raise NoSession(self._reason or "the session is over")
        reply: asyncio.Future[Reply] = self._loop.create_future()
        self._session.send(pdu, now=self._loop.time(), context=reply)
        self.protocol.pump()
        return reply

    async def unbind(self) -> None:
        """Says goodbye and waits for the close, at most for the timer; resets after that."""
        try:
            self._session.unbind(now=self._loop.time())
        except LocalProtocolError:
            self._session.close("done")
        self.protocol.pump()
        try:
            async with asyncio.timeout(self._timers.unbind + 1.0):
                await self.protocol.closed.wait()
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        self.protocol.abort("done")

    # -- events

    def _on_event(self, _: SessionProtocol, event: Event) -> None:
        if isinstance(event, Answered):
            _settle(event.context, _reply(event.response, event.elapsed))
        elif isinstance(event, RequestExpired | RequestLost):
            _settle(event.context, _NONE)
        elif isinstance(event, RequestReceived):
            self._on_request(event.request)
        elif isinstance(event, Bound):
            if not self._bound.done():
                self._bound.set_result(event)
        elif isinstance(event, BindRefused):
            self._fail(NoSession("refused", event.command_status))
        elif isinstance(event, BindTimedOut):
            self._fail(NoSession("the bind was not answered"))
        elif isinstance(event, Closed):
            self._reason = event.reason or "closed"
            self._fail(NoSession(f"closed without an answer to the bind: {self._reason}"))
        elif isinstance(event, LateResponse):
            pass

    def _on_request(self, request: Pdu) -> None:
        status = self._on_message(self, request) if isinstance(request, DeliverSm | DataSm) else 0
        try:
            self._session.respond(request, now=self._loop.time(), command_status=status)
        except LocalProtocolError:
            pass  # what was not answered, the SMSC keeps

    def _fail(self, error: NoSession) -> None:
        if not self._bound.done():
            self._bound.set_exception(error)
            # Nobody waits when the connection ends before the bind was sent.
            self._bound.exception()


def _settle(waiting: object, reply: Reply) -> None:
    if isinstance(waiting, asyncio.Future) and not waiting.done():
        waiting.set_result(reply)


def _reply(response: Pdu, elapsed: float) -> Reply:
    info = find(response.tlvs, Tag.ADDITIONAL_STATUS_INFO_TEXT)
    return Reply(
        status=response.command_status,
        message_id=response.message_id if isinstance(response, SubmitSmResp) else "",
        seconds=elapsed,
        info=info.as_text() if info else "",
    )


def wall_clock() -> float:
    """Unix seconds."""
    return time.time()
