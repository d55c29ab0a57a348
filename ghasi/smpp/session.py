"""One SMPP 3.4 session as a state machine without input or output, in either role.

The driver hands over octets and time (`receive_data`, `handle_timer`, `connection_lost`), hands up
`events`, writes `data_to_send`, calls again at `next_timer`, and closes when `closing` is set. `now` is any
monotonic clock in seconds, the same one in every call.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from ghasi.smpp.constants import HEADER_LENGTH, CommandId, command_name
from ghasi.smpp.core import Core, SessionConfig
from ghasi.smpp.errors import FieldError, StateError, WindowFull
from ghasi.smpp.events import Event
from ghasi.smpp.inbound import Inbound
from ghasi.smpp.overdue import Overdue
from ghasi.smpp.pdu import (
    BindRequest,
    BindResponse,
    EnquireLink,
    Pdu,
    Unbind,
    encode_pdu,
    make_response,
    patch_sequence,
)
from ghasi.smpp.states import BIND_STEPS, BOUND, WINDOWED, Role, SessionState, Step, may_send
from ghasi.smpp.timers import Timer
from ghasi.smpp.tlv import Tag, Tlv
from ghasi.smpp.window import Window

__all__ = ["Role", "Session", "SessionConfig", "SessionState"]

_HEAD: Final = struct.Struct(">II")
_TLVS_FROM_VERSION: Final = 0x34


class Session:
    """See the module. Methods raise only for what the caller does; what the peer does becomes events."""

    def __init__(self, config: SessionConfig, *, now: float) -> None:
        self._core = Core(config, now=now)
        self._inbound = Inbound(self._core)
        self._overdue = Overdue(self._core)
        if config.role is Role.SMSC:
            self._core.timers.start(Timer.BIND, now)

    # -- what stands

    @property
    def config(self) -> SessionConfig:
        return self._core.config

    @property
    def state(self) -> SessionState:
        return self._core.state

    @property
    def is_bound(self) -> bool:
        return self._core.state in BOUND

    @property
    def can_submit(self) -> bool:
        """Whether messages may be sent from this end: submit_sm from an ESME, deliver_sm from an SMSC."""
        command = CommandId.SUBMIT_SM if self._core.role is Role.ESME else CommandId.DELIVER_SM
        return may_send(self._core.role, self._core.state, command)

    @property
    def window_size(self) -> int:
        return self._core.window.size

    @window_size.setter
    def window_size(self, size: int) -> None:
        self._core.window.size = size

    @property
    def window_open(self) -> int:
        """Requests that may be in flight now: `window_size`, or fewer while the peer's queue takes fewer."""
        return self._core.window.open

    @property
    def window_used(self) -> int:
        return self._core.window.used

    @property
    def window_free(self) -> int:
        return self._core.window.free

    def silent_for(self, now: float) -> float:
        """Seconds since the peer's last PDU, whichever; since the connection where none has come."""
        return self._core.timers.silent_for(now)

    @property
    def closing(self) -> bool:
        """The session is over: flush `data_to_send`, then close."""
        return self._core.closing

    @property
    def abort(self) -> bool:
        """With `closing`: reset the connection at once."""
        return self._core.abort

    def listen(self, tap: Callable[[bytes], None] | None) -> None:
        """`tap` gets each PDU the peer sends, as it came and before it is looked at; None ends that."""
        self._core.tap = tap

    # -- sending

    def send(self, pdu: Pdu, *, now: float, context: Any = None) -> int:
        """Send a request of our role under the next sequence number, which is returned.

        Messages and queries count in the window; `context` comes back with their event. Raises StateError,
        WindowFull, FieldError; nothing is written and no number used then.
        """
        core = self._core
        self._check_may_send(pdu.command_id)
        frame = bytearray(encode_pdu(pdu, long_credentials=core.config.long_credentials))
        tracked = self._tracked_in(pdu)
        if tracked is not None and not tracked[0].free:
            raise WindowFull(f"{tracked[0].used} requests are unanswered, the window is {tracked[0].open}")
        number = core.next_number()
        if tracked is not None:
            core.track(tracked[0], number, context, timeout=tracked[1], now=now)
        patch_sequence(frame, 0, number)
        core.write(bytes(frame))
        self._begin(pdu, number, now)
        return number

    def _tracked_in(self, pdu: Pdu) -> tuple[Window, float] | None:
        """Where a request waits for its answer and how long; None: it is no request that is tracked."""
        core = self._core
        if pdu.command_id in WINDOWED:
            return core.window, core.config.response_timeout
        if isinstance(pdu, EnquireLink):
            return core.owners_probes, core.config.enquire_link_timeout
        return None

    def _begin(self, pdu: Pdu, number: int, now: float) -> None:
        """Change state with a request that does."""
        core = self._core
        if isinstance(pdu, BindRequest):
            # The password is not needed any more and shall not live longer than this call.
            core.bind_request = replace(pdu, sequence_number=number, password="")
            core.step(Step.BIND_BEGUN)
            core.timers.start(Timer.BIND, now)
        elif isinstance(pdu, Unbind):
            core.unbind_number = number
            core.step(Step.UNBIND_SENT)
            core.timers.stop(Timer.ENQUIRE)
            core.timers.start(Timer.UNBIND, now)

    def send_encoded(self, pdus: Sequence[bytes], contexts: Sequence[Any], *, now: float) -> list[int]:
        """Send complete encoded window requests in one write, with sequence numbers patched in.

        `contexts` has one entry per PDU. All or nothing. Raises StateError, WindowFull, FieldError (not a
        complete PDU, or not as many contexts).
        """
        core = self._core
        if len(pdus) != len(contexts):
            raise FieldError("contexts", "must be as many as the PDUs")
        for pdu in pdus:
            self._check_encoded(pdu)
        if len(pdus) > core.window.free:
            raise WindowFull(f"{len(pdus)} requests for {core.window.free} free places in the window")
        if not pdus:
            return []
        buffer = bytearray(b"".join(pdus))
        numbers: list[int] = []
        offset = 0
        for pdu, context in zip(pdus, contexts, strict=True):
            number = core.next_number()
            patch_sequence(buffer, offset, number)
            core.track(core.window, number, context, timeout=core.config.response_timeout, now=now)
            numbers.append(number)
            offset += len(pdu)
        core.write(bytes(buffer))
        return numbers

    def _check_encoded(self, pdu: bytes) -> None:
        if len(pdu) < HEADER_LENGTH:
            raise FieldError("pdu", "is shorter than a header")
        length, command_id = _HEAD.unpack_from(pdu)
        if length != len(pdu) or length > self._core.config.max_pdu_length:
            raise FieldError("pdu", "has another length than it says, or is too long")
        if command_id not in WINDOWED:
            raise FieldError("pdu", "is no request that counts in the window")
        self._check_may_send(command_id)

    def _check_may_send(self, command_id: int) -> None:
        core = self._core
        core.refuse_when_closing()
        if not may_send(core.role, core.state, command_id):
            name = command_name(command_id)
            raise StateError(f"{name} cannot be sent by this {core.role.value} in state {core.state.name}")

    def respond(
        self,
        request: Pdu,
        *,
        now: float,
        command_status: int = 0,
        tlvs: Iterable[Tlv] = (),
        **fields: Any,
    ) -> None:
        """Answer a request of the peer. In the SMSC role, the answer to a bind binds (status 0) or refuses.

        Raises StateError: the session is over, that bind is not waiting, or the command is never answered.
        FieldError: a field of the response is not valid; nothing is written then.
        """
        core = self._core
        core.refuse_when_closing()
        response = make_response(request, command_status=command_status, tlvs=tuple(tlvs), **fields)
        if not isinstance(request, BindRequest):
            core.write_pdu(response)
            return
        if request is not core.bind_request:
            raise StateError("this bind is not waiting for an answer")
        core.write_pdu(self._complete_bind_response(request, response, fields))
        core.bind_request = None
        if command_status:
            core.step(Step.BIND_REFUSED)
            core.timers.start(Timer.BIND, now)
        else:
            core.step(BIND_STEPS[request.command_id])
            core.begin_traffic(now)

    def _complete_bind_response(self, request: BindRequest, response: Pdu, fields: dict[str, Any]) -> Pdu:
        """Add what a successful bind response says of the SMSC, unless the owner said it."""
        config = self._core.config
        if response.command_status or not isinstance(response, BindResponse):
            return response
        extra: dict[str, Any] = {}
        if "system_id" not in fields:
            extra["system_id"] = config.system_id
        announces = config.interface_version is not None and request.interface_version >= _TLVS_FROM_VERSION
        if announces and not response.tlvs:
            extra["tlvs"] = (Tlv.integer(Tag.SC_INTERFACE_VERSION, config.interface_version or 0),)
        return make_response(request, **({"tlvs": response.tlvs} | fields | extra))

    def unbind(self, *, now: float) -> None:
        """Ask the peer to end the session; nothing more can be submitted. Wait for the window first.

        Raises StateError: not bound.
        """
        self.send(Unbind(), now=now)

    def close(self, reason: str, *, abort: bool = False) -> None:
        """End without asking: hand over what is in flight, then set `closing` (and `abort`)."""
        self._core.end(reason, abort=abort)

    # -- the driver's side

    def receive_data(self, data: bytes, *, now: float) -> None:
        """Take octets from the peer. Never raises for anything it sent."""
        self._inbound.receive(data, now)

    def events(self) -> list[Event]:
        """What happened since the last call, in order."""
        return self._core.take_events()

    def data_to_send(self) -> bytes:
        """Octets for the peer since the last call."""
        return self._core.take_outgoing()

    def next_timer(self) -> float | None:
        """When to call `handle_timer`; None: never."""
        return self._overdue.next_deadline

    def handle_timer(self, *, now: float) -> None:
        """Do what is due at `now`; harmless when nothing is."""
        self._overdue.handle(now)

    def connection_lost(self, *, now: float, reason: str = "") -> None:
        """The connection is gone: RequestLost for each request in flight, then Closed (once)."""
        self._core.tell_closed(reason)
