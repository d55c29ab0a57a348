"""What comes from the peer: octets to PDUs, PDUs to events and to the answers the protocol itself owes.

Nothing in here raises for anything a peer sends. The rules for what is malformed or out of place are those
of docs/architecture.md ("Malformed input") and SMPP 3.4 §3.3, §4.3: lost framing → generic_nack 0x02 and
close; unknown request → generic_nack 0x03; broken body → the error response of that command; a request this
state forbids → its response with ESME_RINVBNDSTS; and never an answer to a response, an outbind or an
alert_notification.
"""

from __future__ import annotations

from typing import Final

from ghasi.smpp.codec import HEADER
from ghasi.smpp.constants import HEADER_LENGTH, RESPONSE_BIT, CommandId, CommandStatus
from ghasi.smpp.core import Core
from ghasi.smpp.errors import DecodeError, FramingError, StateViolation, UnknownCommand
from ghasi.smpp.events import (
    AlertReceived,
    Answered,
    BindRefused,
    BindRequested,
    Bound,
    LateResponse,
    OutbindReceived,
    ProtocolFault,
    RequestReceived,
    UnbindReceived,
    Unbound,
    UnexpectedResponse,
    WindowNarrowed,
)
from ghasi.smpp.framing import FrameBuffer
from ghasi.smpp.pdu import (
    NO_RESPONSE,
    AlertNotification,
    BindRequest,
    BindResponse,
    EnquireLink,
    GenericNack,
    Outbind,
    Pdu,
    Unbind,
    decode_pdu,
    make_response,
)
from ghasi.smpp.states import ALWAYS_TAKEN, BIND_STEPS, Role, SessionState, Step, is_role_allowed, may_send
from ghasi.smpp.timers import Timer

_TLVS_FROM_VERSION: Final = 0x34


class Inbound:
    """The receiving half of a session."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._frames = FrameBuffer(core.config.max_pdu_length)

    def receive(self, data: bytes, now: float) -> None:
        """Take octets as they came from the connection."""
        core = self._core
        if core.closing:
            return
        self._frames.feed(data)
        came = 0
        try:
            while not core.closing and (frame := self._frames.next_frame()) is not None:
                came += 1
                self._on_frame(frame, now)
        except FramingError as error:
            self._on_lost_framing(error)
        if not core.closing:
            self._watch(came, now)

    def _watch(self, came: int, now: float) -> None:
        timers = self._core.timers
        if came:
            timers.heard(now)
            timers.stop(Timer.READ)
        if self._frames.pending:
            timers.start_once(Timer.READ, now)

    def _on_lost_framing(self, error: FramingError) -> None:
        # The sequence_number of a PDU without a credible length is not credible either: 0 (SMPP 3.4 §4.3.1).
        self._core.write_pdu(GenericNack(command_status=CommandStatus.ESME_RINVCMDLEN))
        self._core.emit(ProtocolFault(error, answered=True))
        self._core.end("framing lost")

    def _on_frame(self, frame: bytes, now: float) -> None:
        if self._core.tap is not None:
            self._core.tap(frame)
        try:
            pdu = decode_pdu(frame)
        except DecodeError as error:
            self._on_broken(error)
            return
        if pdu.is_response:
            self._on_response(pdu, now)
        elif self._is_in_place(pdu):
            self._on_request(pdu, frame, now)

    def _on_broken(self, error: DecodeError) -> None:
        answered = not error.command_id & RESPONSE_BIT and error.command_id not in NO_RESPONSE
        if answered:
            unknown = isinstance(error, UnknownCommand) or not self._is_for_our_role(error.command_id)
            self._answer_header_only(
                CommandId.GENERIC_NACK if unknown else error.command_id | RESPONSE_BIT,
                CommandStatus.ESME_RINVCMDID if unknown else error.status_to_answer,
                error.sequence_number,
            )
        self._core.emit(ProtocolFault(error, answered))

    def _answer_header_only(self, command_id: int, status: int, number: int) -> None:
        self._core.write(HEADER.pack(HEADER_LENGTH, command_id, status, number))

    # -- requests

    def _is_for_our_role(self, command_id: int) -> bool:
        return is_role_allowed(self._core.role.peer, command_id)

    def _is_in_place(self, pdu: Pdu) -> bool:
        """Whether role and state allow the peer this request; if not, answer it so."""
        core = self._core
        if pdu.command_id in ALWAYS_TAKEN or may_send(core.role.peer, core.permission_state, pdu.command_id):
            return True
        answered = pdu.command_id not in NO_RESPONSE
        wrong_role = not self._is_for_our_role(pdu.command_id)
        if answered and wrong_role:
            self._answer_header_only(CommandId.GENERIC_NACK, CommandStatus.ESME_RINVCMDID, pdu.sequence_number)
        elif answered:
            core.write_pdu(make_response(pdu, command_status=self._refusal(pdu)))
        why = f"{pdu.command_name} is not for this {core.role.value} in state {core.state.name}"
        core.emit(ProtocolFault(StateViolation(pdu.command_id, pdu.sequence_number, why), answered))
        return False

    def _refusal(self, pdu: Pdu) -> int:
        if isinstance(pdu, BindRequest):
            return CommandStatus.ESME_RALYBND
        return CommandStatus.ESME_RINVBNDSTS

    def _on_request(self, pdu: Pdu, frame: bytes, now: float) -> None:
        core = self._core
        if isinstance(pdu, EnquireLink):
            core.write_pdu(make_response(pdu))
        elif isinstance(pdu, Unbind):
            core.write_pdu(make_response(pdu))
            core.emit(UnbindReceived())
            core.end("unbound by the peer")
        elif isinstance(pdu, BindRequest):
            core.step(Step.BIND_BEGUN)
            core.timers.stop(Timer.BIND)
            core.bind_request = pdu
            core.emit(BindRequested(pdu))
        elif isinstance(pdu, AlertNotification):
            core.emit(AlertReceived(pdu))
        elif isinstance(pdu, Outbind):
            core.emit(OutbindReceived(pdu))
        else:
            core.emit(RequestReceived(pdu, frame))

    # -- responses

    def _on_response(self, pdu: Pdu, now: float) -> None:
        """Match by number alone: peers answer with the wrong command, and any answer settles the request."""
        core = self._core
        number = pdu.sequence_number
        request = core.window.take(number)
        if request is not None:
            if core.config.queue_full is not None:
                full = bool(pdu.command_status) and core.config.queue_full(pdu.command_status)
                if core.window.answered(request, queue_full=full, now=now):
                    core.emit(WindowNarrowed(core.window.open))
            core.emit(Answered(number, request.context, pdu, now - request.sent_at))
        elif self._answers_our_bind(pdu):
            self._on_bind_answered(pdu, now)
        elif number == core.unbind_number:
            core.emit(Unbound())
            core.end("unbound")
        elif number in core.own_probes:
            core.own_probes.remove(number)
        else:
            self._on_other_response(pdu, now)

    def _on_other_response(self, pdu: Pdu, now: float) -> None:
        core = self._core
        number = pdu.sequence_number
        if (probe := core.owners_probes.take(number)) is not None:
            core.emit(Answered(number, probe.context, pdu, now - probe.sent_at))
            return
        late = core.window.take_given_up(number) or core.owners_probes.take_given_up(number)
        core.emit(UnexpectedResponse(pdu) if late is None else LateResponse(late.context, pdu))

    def _answers_our_bind(self, pdu: Pdu) -> bool:
        core = self._core
        if core.role is not Role.ESME or core.state is not SessionState.BINDING or core.bind_request is None:
            return False
        # SMSCs that do not know a bind command refuse it with a generic_nack that names no number.
        return pdu.sequence_number == core.bind_request.sequence_number or (
            isinstance(pdu, GenericNack) and pdu.sequence_number == 0
        )

    def _on_bind_answered(self, pdu: Pdu, now: float) -> None:
        core = self._core
        request, core.bind_request = core.bind_request, None
        if request is None or pdu.command_status or not isinstance(pdu, BindResponse):
            core.step(Step.BIND_REFUSED)
            core.emit(BindRefused(pdu.command_status, pdu))
            core.end("bind refused")
            return
        core.step(BIND_STEPS[request.command_id])
        core.begin_traffic(now)
        version = pdu.sc_interface_version
        takes_tlvs = version is not None and version >= _TLVS_FROM_VERSION
        core.emit(Bound(pdu, core.mode, version, takes_tlvs))
