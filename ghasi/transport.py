"""asyncio under `ghasi.smpp.session`: one protocol object per connection, either role, with or without TLS.

Octets go to the session as they come; whatever the session wants written is written in the same call, after
asking `may_write`; one timer is armed for the session's next deadline. Nothing waits behind the socket: while
the kernel has not taken all of the last write, the session's octets are held back here, so that they can still
be thrown away when the right to write ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from ghasi.smpp.events import Event
from ghasi.smpp.session import Session, SessionConfig

#: Octets of answers held back for a peer that does not read; beyond it the connection is given up.
MAX_HELD: Final = 1024 * 1024
#: Seconds a closing connection has for its last octets.
CLOSE_TIMEOUT: Final = 2.0
#: Seconds between two looks at a busy TLS connection: asyncio does not say when the buffer below TLS is empty.
_TLS_LOOK: Final = 0.01
_LINGER_NOTHING: Final = struct.pack("ii", 1, 0)


class WireTap(Protocol):
    """Hears what passes on one connection. Must neither raise nor take long: it is called between read and write."""

    def sent(self, octets: bytes) -> None:
        """Complete PDUs, back to back, as they were given to the kernel."""

    def received(self, frame: bytes) -> None:
        """One complete PDU, before it is looked at."""


class SessionProtocol(asyncio.Protocol):
    """Drives one `Session` over one connection.

    `on_event(protocol, event)` gets every event in order, on the event loop; it may call the session's methods
    and needs no `pump` after them. Elsewhere, call `pump` after using `session`. `on_bytes(sent, received)`
    counts octets. `may_write` is asked in the same call as each write; when it says no, nothing is written and
    the connection is reset. `on_writable(protocol)` is called when `congested` has ended. `user_timeout` is
    TCP_USER_TIMEOUT in seconds. `peer_certificate` is the peer's in DER, None without TLS.

    `session` is the session, `closed` is set after its last event has been handed up. Octets already given to
    the kernel can only be stopped by `abort`, and only while it has not sent them.
    """

    def __init__(
        self,
        config: SessionConfig,
        on_event: Callable[[SessionProtocol, Event], None],
        *,
        on_bytes: Callable[[int, int], None] | None = None,
        may_write: Callable[[], bool] | None = None,
        on_writable: Callable[[SessionProtocol], None] | None = None,
        user_timeout: float = 20.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.session = Session(config, now=self._loop.time())
        self.closed = asyncio.Event()
        self.peername: Any = None
        self.sockname: Any = None
        self.peer_certificate: bytes | None = None
        self._tap: WireTap | None = None
        self._on_event = on_event
        self._on_bytes = on_bytes
        self._may_write = may_write
        self._on_writable = on_writable
        self._user_timeout = user_timeout
        self._transport: asyncio.Transport | None = None
        self._lowest: asyncio.Transport | None = None
        self._socket: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self._look_timer: asyncio.TimerHandle | None = None
        self._events: deque[Event] = deque()
        self._held = bytearray()
        self._pumping = False
        self._is_closing = False

    # -- for the owner

    @property
    def congested(self) -> bool:
        """The kernel would not take all of the last write: send nothing new until it has."""
        return bool(self._held) or self._waits_in_transport() > 0

    def listen(self, tap: WireTap | None) -> None:
        """Let `tap` hear everything from now on; None ends it. Until then it costs one look at each PDU."""
        self._tap = tap
        self.session.listen(None if tap is None else tap.received)

    def pump(self) -> None:
        """Hand up events, write, arm the timer, close: whatever the session has become ready for."""
        if self._pumping:
            return  # the call further out goes round again
        self._pumping = True
        try:
            self._hand_up()
        finally:
            self._pumping = False
        if self.session.closing:
            self._close()
        else:
            self._arm()

    def abort(self, reason: str = "given up") -> None:
        """Reset the connection: neither what is held back nor what waits in the kernel reaches the peer."""
        self.session.close(reason, abort=True)
        self._reset()
        self.pump()

    # -- for asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._lowest = _lowest_transport(self._transport)
        self._socket = transport.get_extra_info("socket")
        self.peername = transport.get_extra_info("peername")
        self.sockname = transport.get_extra_info("sockname")
        tls = transport.get_extra_info("ssl_object")
        self.peer_certificate = tls.getpeercert(True) if tls is not None else None
        if self._lowest is self._transport:
            self._transport.set_write_buffer_limits(high=0)
        _set_options(self._socket, self._user_timeout)
        self._guard_leftovers()
        self.pump()

    def data_received(self, data: bytes) -> None:
        if self._on_bytes is not None:
            self._on_bytes(0, len(data))
        self.session.receive_data(data, now=self._loop.time())
        self.pump()

    def resume_writing(self) -> None:
        if self._look_timer is None:
            self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._transport = self._lowest = None
        self._held.clear()
        reason = "closed by the peer" if exc is None else f"{type(exc).__name__}: {exc}"
        self.session.connection_lost(now=self._loop.time(), reason=reason)
        try:
            self._pump_out()
        finally:
            for timer in (self._timer, self._close_timer, self._look_timer):
                if timer is not None:
                    timer.cancel()
            self.closed.set()

    def _pump_out(self) -> None:
        """For the last time: an owner that fails at one event is told the others all the same, for what was in flight
        when the connection ended is among them."""
        while True:
            try:
                return self.pump()
            except Exception as error:
                if not self._events:
                    raise
                self._loop.call_exception_handler({"message": "an event of a lost connection", "exception": error})

    # -- events and octets

    def _hand_up(self) -> None:
        """Write and hand up events until there is nothing more; an event in hand survives a failing owner."""
        while True:
            self._flush()
            self._events.extend(self.session.events())
            if not self._events:
                return
            while self._events:
                self._on_event(self, self._events.popleft())

    def _flush(self) -> None:
        """Write all there is, or hold it back while the kernel is busy."""
        data = self.session.data_to_send()
        if self._transport is None or self._is_closing:
            return
        self._held += data
        if not self._held:
            return
        if self._waits_in_transport():
            if len(self._held) > MAX_HELD:
                self.session.close("the peer does not read", abort=True)
            return
        if self._may_write is not None and not self._may_write():
            self._refuse()
            return
        octets = bytes(self._held)
        self._held.clear()
        self._transport.write(octets)
        if self._tap is not None:
            self._tap.sent(octets)
        if self._on_bytes is not None:
            self._on_bytes(len(octets), 0)
        if self._lowest is not self._transport and self._waits_in_transport():
            self._look_later()

    def _guard_leftovers(self) -> None:
        """The rest of a write that the kernel would not take whole, asyncio sends later by itself: it asks too."""
        lowest: Any = self._lowest
        may_write, send = self._may_write, getattr(lowest, "_write_ready", None)
        if may_write is None or send is None:
            return

        def ask_first() -> None:
            if may_write():
                send()
            else:
                self._refuse()
                self.pump()

        lowest._write_ready = ask_first

    def _refuse(self) -> None:
        self.session.close("not allowed to write", abort=True)
        self._reset()

    def _waits_in_transport(self) -> int:
        if self._lowest is None or self._is_closing:
            return 0
        # TLS holds octets of its own only while the transport below is full.
        return self._lowest.get_write_buffer_size()

    def _look_later(self) -> None:
        if self._look_timer is None:
            self._look_timer = self._loop.call_later(_TLS_LOOK, self._look)

    def _look(self) -> None:
        """Go on writing once the kernel has taken everything."""
        self._look_timer = None
        if self._waits_in_transport():
            self._look_later()
            return
        self.pump()
        if self._on_writable is not None and not self.session.closing and not self.congested:
            self._on_writable(self)

    # -- the end

    def _close(self) -> None:
        """Close after the last octets, with a reset when they do not leave in time."""
        if self.session.abort:
            self._reset()
        if self._is_closing or self._transport is None:
            return
        if self._close_timer is None:
            self._close_timer = self._loop.call_later(CLOSE_TIMEOUT, self._reset)
        if not self._held:
            self._is_closing = True
            self._transport.close()

    def _reset(self) -> None:
        self._is_closing = True
        self._held.clear()
        if self._lowest is None:
            return
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOTHING)
        # Below TLS: closing politely would first send what TLS still holds.
        self._lowest.abort()

    # -- the timer

    def _arm(self) -> None:
        """Keep one timer at or before the session's next deadline; one that comes early does no harm."""
        when = self.session.next_timer()
        if when is None or (self._timer is not None and self._timer.when() <= when):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.session.handle_timer(now=self._loop.time())
        self.pump()


def _lowest_transport(transport: asyncio.Transport) -> asyncio.Transport:
    """The transport that owns the socket: under TLS, asyncio keeps a second buffer below the one it shows."""
    tls = getattr(transport, "_ssl_protocol", None)
    below = getattr(tls, "_transport", None)
    return below if isinstance(below, asyncio.Transport) else transport


def _set_options(sock: Any, user_timeout: float) -> None:
    """No delayed small writes; notice a peer that is gone (docs/architecture.md, "TCP")."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(user_timeout * 1000))
