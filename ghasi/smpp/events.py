"""What a session tells its owner.

Every request in flight ends in exactly one of Answered, RequestExpired (which a LateResponse may follow) and
RequestLost. The two that come with every message are not frozen, because that makes an object four times as dear to
make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ghasi.smpp.errors import RemoteProtocolError
from ghasi.smpp.pdu import AlertNotification, BindRequest, Outbind, Pdu
from ghasi.smpp.states import SessionState


@dataclass(frozen=True, slots=True)
class Bound:
    """ESME: the bind was accepted. `peer_version` None means that the SMSC named none and takes no TLVs."""

    response: Pdu
    mode: SessionState
    peer_version: int | None
    takes_tlvs: bool


@dataclass(frozen=True, slots=True)
class BindRefused:
    """ESME: the bind was answered with an error, a generic_nack or another command; the session closes."""

    command_status: int
    response: Pdu


@dataclass(frozen=True, slots=True)
class BindTimedOut:
    """No bind response came (ESME), or no bind request (SMSC); the session closes."""


@dataclass(frozen=True, slots=True)
class BindRequested:
    """SMSC: answer it with `Session.respond`, which binds or refuses by the status."""

    request: BindRequest


@dataclass(slots=True)
class RequestReceived:
    """A request the owner must answer with `Session.respond`. `frame` is the PDU as it came."""

    request: Pdu
    frame: bytes


@dataclass(frozen=True, slots=True)
class AlertReceived:
    notification: AlertNotification


@dataclass(frozen=True, slots=True)
class OutbindReceived:
    """ESME: the SMSC wants a bind_receiver on this connection."""

    pdu: Outbind


@dataclass(slots=True)
class Answered:
    """A request got its answer: matched by number, so `response` may be a GenericNack or of another command.

    `elapsed` is in seconds.
    """

    sequence_number: int
    context: Any
    response: Pdu
    elapsed: float


@dataclass(frozen=True, slots=True)
class RequestExpired:
    """No answer within the response timeout. The window slot is free, the fate of the request unknown."""

    sequence_number: int
    context: Any


@dataclass(frozen=True, slots=True)
class LateResponse:
    """The answer to a request that had expired."""

    context: Any
    response: Pdu


@dataclass(frozen=True, slots=True)
class UnexpectedResponse:
    """A response to no request of ours, or a second one to the same."""

    response: Pdu


@dataclass(frozen=True, slots=True)
class RequestLost:
    """The session ended with this request in flight; its fate is unknown."""

    sequence_number: int
    context: Any


@dataclass(frozen=True, slots=True)
class WindowNarrowed:
    """The peer's queue was full for a full window: from now on `open` requests may be in flight."""

    open: int


@dataclass(frozen=True, slots=True)
class LinkDead:
    """The peer did not prove to live; the session closes with a reset. `silent_for` is in seconds."""

    silent_for: float


@dataclass(frozen=True, slots=True)
class UnbindReceived:
    """The peer unbound; it has been answered and the session closes."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """Our unbind was answered; the session closes."""


@dataclass(frozen=True, slots=True)
class ProtocolFault:
    """The peer broke the protocol. `answered`: an error has gone back to it."""

    error: RemoteProtocolError
    answered: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The last event of a session."""

    reason: str


Event = (
    Bound
    | BindRefused
    | BindTimedOut
    | BindRequested
    | RequestReceived
    | AlertReceived
    | OutbindReceived
    | Answered
    | RequestExpired
    | LateResponse
    | UnexpectedResponse
    | RequestLost
    | WindowNarrowed
    | LinkDead
    | UnbindReceived
    | Unbound
    | ProtocolFault
    | Closed
)
