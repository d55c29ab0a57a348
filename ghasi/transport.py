"""asyncio under `ghasi.smpp.session`: one protocol object per connection, either role, with or without TLS.

Octets go to the session as they come; whatever the session wants written is written in the same call, after
asking `may_write`; one timer is armed for the session's next deadline. Nothing waits behind the socket: while the
kernel has not taken all of the last write, the session's octets are held back here, so that they can still be
thrown away when the right to write ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, cast

from ghasi.smpp.events import Event
from ghasi.smpp.session import Session, SessionConfig

#: Octets of answers held back for a peer that does not read; beyond it the connection is given up.
MAX_HELD: Final = 1024 * 1024
#: Seconds a closing connection has for its last octets.
CLOSE_TIMEOUT: Final = 2.0
_LINGER_NOTHING: Final = struct.pack("ii", 1, 0)


class SessionProtocol(asyncio.Protocol):
    """Drives one `Session` over one connection.

    `on_event(protocol, event)` gets every event in order, on the event loop; it may call the session's methods and
    needs no `pump` after them. Elsewhere, call `pump` after using `session`. `on_bytes(sent, received)` counts
    octets. `may_write` is asked in the same call as each write; when it says no, nothing is written and the
    connection is reset. `user_timeout` is TCP_USER_TIMEOUT in seconds.

    `session` is the session, `closed` is set after its last event has been handed up.
    """

    def __init__(
        self,
        config: SessionConfig,
        on_event: Callable[[SessionProtocol, Event], None],
        *,
        on_bytes: Callable[[int, int], None] | None = None,
        may_write: Callable[[], bool] | None = None,
        user_timeout: float = 20.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.session = Session(config, now=self._loop.time())
        self.closed = asyncio.Event()
        self._on_event = on_event
        self._on_bytes = on_bytes
        self._may_write = may_write
        self._user_timeout = user_timeout
        self._transport: asyncio.Transport | None = None
        self._lowest: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._held: list[bytes] = []
        self._held_size = 0
        self._pumping = False
        self._is_closing = False

    # -- for the owner

    @property
    def congested(self) -> bool:
        """The kernel would not take all of the last write: send nothing new until it has."""
        return bool(self._held) or self._waits_in_transport() > 0

    @property
    def peername(self) -> Any:
        """Address of the peer as asyncio gives it; None before the connection."""
        return self._transport.get_extra_info("peername") if self._transport else None

    def pump(self) -> None:
        """Hand up events, write, arm the timer, close: whatever the session has become ready for."""
        if self._pumping:
            return  # the call further out goes round again
        self._pumping = True
        try:
            while True:
                self._flush()
                events = self.session.events()
                if not events:
                    break
                for event in events:
                    self._on_event(self, event)
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
        self._transport.set_write_buffer_limits(high=0)
        if self._lowest is not self._transport:
            self._lowest.set_write_buffer_limits(high=0)
        _set_options(transport.get_extra_info("socket"), self._user_timeout)
        self.pump()

    def data_received(self, data: bytes) -> None:
        if self._on_bytes is not None:
            self._on_bytes(0, len(data))
        self.session.receive_data(data, now=self._loop.time())
        self.pump()

    def resume_writing(self) -> None:
        self.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._cancel_timer()
        self._drop_held()
        reason = "closed by the peer" if exc is None else f"{type(exc).__name__}: {exc}"
        self.session.connection_lost(now=self._loop.time(), reason=reason)
        try:
            self.pump()
        finally:
            self._cancel_timer()
            self.closed.set()

    # -- writing

    def _flush(self) -> None:
        """Write all there is, or hold it back while the kernel is busy."""
        data = self.session.data_to_send()
        if self._transport is None or self._is_closing:
            return
        if data:
            self._held.append(data)
            self._held_size += len(data)
        if not self._held:
            return
        if self._waits_in_transport():
            if self._held_size > MAX_HELD:
                self.session.close("the peer does not read", abort=True)
            return
        octets = b"".join(self._held)
        self._drop_held()
        if self._may_write is not None and not self._may_write():
            self.session.close("not allowed to write", abort=True)
            self._reset()
            return
        self._transport.write(octets)
        if self._on_bytes is not None:
            self._on_bytes(len(octets), 0)

    def _waits_in_transport(self) -> int:
        if self._transport is None or self._lowest is None:
            return 0
        waiting = self._transport.get_write_buffer_size()
        if self._lowest is not self._transport:
            waiting += self._lowest.get_write_buffer_size()
        return waiting

    def _drop_held(self) -> None:
        self._held.clear()
        self._held_size = 0

    # -- the end

    def _close(self) -> None:
        if self.session.abort:
            self._reset()
        elif self._transport is not None and not self._is_closing and not self._held:
            self._is_closing = True
            self._transport.close()
            # A peer that reads nothing must not keep a finished connection for ever.
            self._cancel_timer()
            self._timer = self._loop.call_later(CLOSE_TIMEOUT, self._reset)
        elif self._held and self._timer is None:
            self._timer = self._loop.call_later(CLOSE_TIMEOUT, self._reset)

    def _reset(self) -> None:
        self._is_closing = True
        self._cancel_timer()
        self._drop_held()
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOTHING)
        self._transport.abort()

    # -- the timer

    def _arm(self) -> None:
        """Keep one timer at or before the session's next deadline; one that comes early does no harm."""
        when = self.session.next_timer()
        if when is None:
            self._cancel_timer()
        elif self._timer is None or self._timer.when() > when:
            self._cancel_timer()
            self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.session.handle_timer(now=self._loop.time())
        self.pump()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


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
