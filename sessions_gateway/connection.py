"""One SMPP session over one connection, as a bind sees it: open, bind, submit, answer, unbind, reset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ghasi import crash
from ghasi.logs import get_logger
from ghasi.smpp.errors import StateError
from ghasi.smpp.events import (
    Answered,
    BindRefused,
    BindTimedOut,
    Bound,
    Closed,
    Event,
    LateResponse,
    LinkDead,
    ProtocolFault,
    RequestExpired,
    RequestLost,
    RequestReceived,
    UnbindReceived,
    WindowNarrowed,
)
from ghasi.smpp.pdu import BindRequest, Pdu
from ghasi.smpp.session import SessionConfig
from ghasi.transport import SessionProtocol
from sessions_gateway.config import LinkTimers
from sessions_gateway.dial import Endpoint, dial

log = get_logger()


class Refused(Exception):
    """The bind was answered with `command_status`."""

    def __init__(self, command_status: int) -> None:
        super().__init__(f"bind refused with 0x{command_status:08X}")
        self.command_status = command_status


class NoAnswer(Exception):
    """The bind was not answered. `closed`: the operator closed the connection instead."""

    def __init__(self, reason: str, *, closed: bool) -> None:
        super().__init__(reason)
        self.closed = closed


class LinkOwner(Protocol):
    """What happens on a bound link; called on the event loop, in order, never awaited."""

    def opened(self, link: Link, slot: int) -> None: ...
    def answered(self, link: Link, part: Any, response: Pdu, elapsed: float) -> None: ...
    def expired(self, link: Link, part: Any) -> None: ...
    def lost(self, link: Link, part: Any) -> None: ...
    def answered_late(self, link: Link, part: Any, response: Pdu) -> None: ...
    def received(self, link: Link, request: Pdu, frame: bytes) -> None: ...
    def writable(self, link: Link) -> None: ...
    def fell_silent(self, link: Link) -> None: ...
    def protocol_fault(self, link: Link) -> None: ...
    def is_queue_full(self, command_status: int) -> bool: ...
    def window_narrowed(self, link: Link) -> None: ...
    def moved(self, sent: int, received: int) -> None: ...


class Link:
    """Made by `Link.open`. `closed` is set after the last event; `reason` says why then."""

    def __init__(self, owner: LinkOwner, timers: LinkTimers, window: int, may_write: Callable[[], bool]) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._bound: asyncio.Future[Bound] = self._loop.create_future()
        self._drained: asyncio.Event | None = None
        self._timers = timers
        self._may_write = may_write
        self.reason = ""
        self.protocol = SessionProtocol(
            SessionConfig(
                window_size=window,
                bind_timeout=timers.bind,
                response_timeout=timers.response,
                enquire_link_interval=timers.enquire_interval,
                enquire_link_timeout=timers.enquire_timeout,
                unbind_timeout=timers.unbind,
                queue_full=owner.is_queue_full,
            ),
            self._on_event,
            on_bytes=owner.moved,
            may_write=self._may_write_now,
            on_writable=lambda _: owner.writable(self),
        )
        self._session = self.protocol.session
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Answered: self._on_answered,
            RequestReceived: lambda event: owner.received(self, event.request, event.frame),
            RequestExpired: self._on_expired,
            LateResponse: lambda event: owner.answered_late(self, event.context, event.response),
            RequestLost: lambda event: owner.lost(self, event.context),
            Bound: self._on_bound,
            BindRefused: lambda event: self._fail(Refused(event.command_status)),
            BindTimedOut: lambda event: self._fail(NoAnswer("bind was not answered", closed=False)),
            LinkDead: self._on_dead,
            UnbindReceived: lambda event: self._note("unbound by the operator"),
            ProtocolFault: lambda event: owner.protocol_fault(self),
            WindowNarrowed: lambda event: owner.window_narrowed(self),
            Closed: self._on_closed,
        }

    def _may_write_now(self) -> bool:
        """The question that comes with a write."""
        allowed = self._may_write()
        crash.point("gateway.allowed")
        return allowed

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        owner: LinkOwner,
        timers: LinkTimers,
        window: int,
        may_write: Callable[[], bool],
    ) -> Link:
        """A connection on which nothing has been said yet. Raises dial.ConnectFailed."""
        link = cls(owner, timers, window, may_write)
        await dial(endpoint, lambda: link.protocol, timers.connect)
        return link

    @property
    def closed(self) -> asyncio.Event:
        return self.protocol.closed

    @property
    def can_submit(self) -> bool:
        return self._session.can_submit and not self._session.closing

    @property
    def takes(self) -> int:
        """How many PDUs may be handed to the link now; none while an earlier write waits in the kernel, or without
        the right to write: what would be refused at the socket is not to be in doubt."""
        if self.protocol.congested or not self.can_submit or not self._may_write():
            return 0
        return self._session.window_free

    @property
    def window_used(self) -> int:
        return self._session.window_used

    @property
    def window_size(self) -> int:
        return self._session.window_size

    @window_size.setter
    def window_size(self, size: int) -> None:
        self._session.window_size = size

    @property
    def window_open(self) -> int:
        """Unanswered requests it takes now: `window_size`, or fewer while the operator's queue is full for more."""
        return self._session.window_open

    @property
    def silent_for(self) -> float:
        """Seconds since the operator's last PDU; enquire_link keeps it short on a link that lives."""
        return self._session.silent_for(self._loop.time())

    async def bind(self, request: BindRequest) -> Bound:
        """Raises Refused, NoAnswer, FieldError (credentials that no PDU can hold)."""
        self._session.send(request, now=self._loop.time())
        self.protocol.pump()
        try:
            return await self._bound
        except BaseException:
            # Also where it was answered and the caller cancelled in the same turn: nobody else knows of the session.
            self.abort("bind given up")
            raise

    def submit(self, pdus: Sequence[bytes], parts: Sequence[object]) -> None:
        """One write. Raises LocalProtocolError, and nothing leaves then. Call `pump` afterwards."""
        self._session.send_encoded(pdus, parts, now=self._loop.time())

    def pump(self) -> None:
        self.protocol.pump()

    def respond(self, request: Pdu, command_status: int = 0) -> None:
        """Answers a request of the operator, if the session still lives. Call `pump` afterwards."""
        try:
            self._session.respond(request, now=self._loop.time(), command_status=command_status)
        except StateError:
            # The operator keeps what was not answered and sends it again.
            pass

    async def drain(self, seconds: float) -> bool:
        """Waits until nothing is in flight, at most `seconds`; False where something still is."""
        if self._session.window_used == 0:
            return True
        self._drained = self._drained or asyncio.Event()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._drained.wait()
        except TimeoutError:
            return False
        return self._session.window_used == 0

    async def unbind(self, seconds: float, reason: str) -> None:
        """Says goodbye and waits for the close, at most `seconds`; resets after that."""
        self.reason = self.reason or reason
        if not self._session.closing:
            try:
                self._session.unbind(now=self._loop.time())
            except StateError:
                self._session.close(reason)
            self.pump()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self.closed.wait()
        except TimeoutError:
            self.abort(reason)

    def abort(self, reason: str) -> None:
        """Resets the connection: octets still waiting must not arrive later."""
        self.reason = self.reason or reason
        self.protocol.abort(reason)

    # -- events

    def _on_event(self, _: SessionProtocol, event: Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _on_answered(self, event: Answered) -> None:
        self._owner.answered(self, event.context, event.response, event.elapsed)
        self._tell_drained()

    def _on_expired(self, event: RequestExpired) -> None:
        self._owner.expired(self, event.context)
        self._tell_drained()

    def _tell_drained(self) -> None:
        if self._drained is not None and self._session.window_used == 0:
            self._drained.set()

    def _on_bound(self, event: Bound) -> None:
        if not self._bound.done():
            self._bound.set_result(event)

    def _on_dead(self, event: LinkDead) -> None:
        self._note(f"silent for {event.silent_for:.0f} s")
        self._owner.fell_silent(self)

    def _on_closed(self, event: Closed) -> None:
        self._note(event.reason or "closed")
        if self._drained is not None:
            self._drained.set()
        self._fail(NoAnswer(self.reason, closed=True))

    def _note(self, reason: str) -> None:
        self.reason = self.reason or reason

    def _fail(self, error: Exception) -> None:
        if not self._bound.done():
            self._bound.set_exception(error)
            # Nobody waits when the connection ends before the bind was sent.
            self._bound.exception()
