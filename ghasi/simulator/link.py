"""One connection of the simulator: the product's own session driver in the SMSC role, made to misbehave on demand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from ghasi.simulator.wire import Wire
from ghasi.smpp.errors import FieldError, StateError
from ghasi.smpp.events import Event
from ghasi.smpp.pdu import Pdu
from ghasi.smpp.session import SessionConfig
from ghasi.transport import SessionProtocol


class Link(SessionProtocol):
    """A session with a number, an account and a mode (TRX, TX or RX) once it is bound.

    `at` and `mono` are when the octets now being handled arrived: Unix seconds and the loop's clock.
    `leaving`: the script is ending this session; what still comes is neither kept nor answered.
    """

    def __init__(
        self,
        config: SessionConfig,
        on_event: Callable[[SessionProtocol, Event], None],
        *,
        number: int,
        on_writable: Callable[[], None],
    ) -> None:
        super().__init__(config, on_event, on_writable=lambda _: on_writable())
        self.number = number
        self.system_id = ""
        self.mode = ""
        self.at = time.time()
        self.mono = self._loop.time()
        self.leaving = False
        self.unbound = False
        self.waiting = 0
        """Accepted submits whose answer is still to come."""
        self.wire: Wire | None = None
        self._after_silence = on_writable
        self._heard_in_silence: list[bytes] = []
        self._pump_due = False

    # -- for asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = Wire(cast(asyncio.Transport, transport), self._loop)
        super().connection_made(self.wire)

    def data_received(self, data: bytes) -> None:
        if self.is_silent:
            self._heard_in_silence.append(data)
            return
        self.at, self.mono = time.time(), self._loop.time()
        super().data_received(data)

    def _on_timer(self) -> None:
        # A dead SMSC runs no timers either: the peer must be the one who notices.
        if self.is_silent:
            self._timer = None
        else:
            super()._on_timer()

    # -- for the simulator

    @property
    def is_silent(self) -> bool:
        return self.wire is not None and self.wire.silent

    @property
    def takes_receipts(self) -> bool:
        """Whether a deliver_sm can go out now."""
        session = self.session
        return (
            session.can_submit and session.window_free > 0 and not (self.leaving or self.is_silent or self.congested)
        )

    def pump_soon(self) -> None:
        """Pump once in this round of the loop, however many PDUs were queued."""
        if not self._pump_due:
            self._pump_due = True
            self._loop.call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._pump_due = False
        self.pump()

    def answer(self, request: Pdu, *, status: int = 0, **fields: Any) -> bool:
        """Responds and pumps; False where the session is over or the fields cannot be written."""
        try:
            self.session.respond(request, now=self._loop.time(), command_status=status, **fields)
        except (StateError, FieldError):
            return False
        self.pump_soon()
        return True

    def write_raw(self, octets: bytes) -> None:
        """Octets past the session, between two PDUs."""
        if self.wire is not None and not self.wire.is_closing():
            self.wire.write(octets)

    def fall_silent(self, seconds: float | None) -> None:
        """Neither reads nor writes for so many seconds (None: until it is cut); then makes up for all of it."""
        if self.wire is None or self.is_silent:
            return
        self.wire.silence()
        if seconds is not None:
            self._loop.call_later(seconds, self._speak)

    def _speak(self) -> None:
        if self.wire is None or not self.is_silent or self._is_closing:
            return
        self.wire.speak()
        heard, self._heard_in_silence = self._heard_in_silence, []
        if heard:
            self.data_received(b"".join(heard))
        self.pump()
        self._after_silence()

    def trickle(self, octets: int, delay: float, seconds: float | None) -> None:
        """Writes in small pieces from here on, for so many seconds (None: for ever)."""
        if self.wire is None:
            return
        self.wire.trickle(octets, delay)
        if seconds is not None:
            self._loop.call_later(seconds, self.wire.trickle, 0, 0.0)

    def say_unbind(self) -> None:
        """Sends unbind with whatever is in flight; nothing is answered after it."""
        self.leaving = self.unbound = True
        if self.session.is_bound:
            self.session.unbind(now=self._loop.time())
            self.pump_soon()

    def hang_up(self, *, reset: bool) -> None:
        """Ends the connection after what is written in this round of the loop: by RST, or by FIN."""
        self.leaving = True
        if reset:
            self._loop.call_soon(self.abort, "script")
        else:
            self._loop.call_soon(self._close_orderly)

    def _close_orderly(self) -> None:
        self.session.close("script")
        self.pump()
