"""The states of a session, what moves between them and who may send what in which: all of it as tables.

States are named from the ESME's side for both roles: in BOUND_TX the ESME submits and the SMSC answers.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from ghasi.smpp.constants import CommandId
from ghasi.smpp.errors import StateError


class Role(Enum):
    """Which end of the connection a session is."""

    ESME = "ESME"
    SMSC = "SMSC"

    @property
    def peer(self) -> Role:
        return Role.SMSC if self is Role.ESME else Role.ESME


class SessionState(Enum):
    """SMPP 3.4 §2.2, with the two waits of a client (for the answers to bind and unbind) named too."""

    OPEN = auto()
    BINDING = auto()
    BOUND_TX = auto()
    BOUND_RX = auto()
    BOUND_TRX = auto()
    UNBINDING = auto()
    CLOSED = auto()


class Step(Enum):
    """What changes a state."""

    BIND_BEGUN = auto()
    BIND_REFUSED = auto()
    BOUND_AS_TX = auto()
    BOUND_AS_RX = auto()
    BOUND_AS_TRX = auto()
    UNBIND_SENT = auto()
    ENDED = auto()


_S = SessionState
BOUND: Final = frozenset({_S.BOUND_TX, _S.BOUND_RX, _S.BOUND_TRX})

TRANSITIONS: Final[dict[tuple[SessionState, Step], SessionState]] = {
    (_S.OPEN, Step.BIND_BEGUN): _S.BINDING,
    (_S.BINDING, Step.BIND_REFUSED): _S.OPEN,
    (_S.BINDING, Step.BOUND_AS_TX): _S.BOUND_TX,
    (_S.BINDING, Step.BOUND_AS_RX): _S.BOUND_RX,
    (_S.BINDING, Step.BOUND_AS_TRX): _S.BOUND_TRX,
    (_S.BOUND_TX, Step.UNBIND_SENT): _S.UNBINDING,
    (_S.BOUND_RX, Step.UNBIND_SENT): _S.UNBINDING,
    (_S.BOUND_TRX, Step.UNBIND_SENT): _S.UNBINDING,
} | {(state, Step.ENDED): _S.CLOSED for state in SessionState}

BIND_STEPS: Final[dict[CommandId, Step]] = {
    CommandId.BIND_TRANSMITTER: Step.BOUND_AS_TX,
    CommandId.BIND_RECEIVER: Step.BOUND_AS_RX,
    CommandId.BIND_TRANSCEIVER: Step.BOUND_AS_TRX,
}

_ESME: Final = frozenset({Role.ESME})
_SMSC: Final = frozenset({Role.SMSC})
_BOTH: Final = frozenset(Role)
_OPEN: Final = frozenset({_S.OPEN})
_TX: Final = frozenset({_S.BOUND_TX, _S.BOUND_TRX})
_RX: Final = frozenset({_S.BOUND_RX, _S.BOUND_TRX})

#: Who may send a request, and in which states: SMPP 3.4 §2.3. Responses go whenever there is a request.
PERMISSIONS: Final[dict[int, tuple[frozenset[Role], frozenset[SessionState]]]] = {
    CommandId.BIND_TRANSMITTER: (_ESME, _OPEN),
    CommandId.BIND_RECEIVER: (_ESME, _OPEN),
    CommandId.BIND_TRANSCEIVER: (_ESME, _OPEN),
    CommandId.OUTBIND: (_SMSC, _OPEN),
    CommandId.SUBMIT_SM: (_ESME, _TX),
    CommandId.SUBMIT_MULTI: (_ESME, _TX),
    CommandId.QUERY_SM: (_ESME, _TX),
    CommandId.CANCEL_SM: (_ESME, _TX),
    CommandId.REPLACE_SM: (_ESME, _TX),
    CommandId.DELIVER_SM: (_SMSC, _RX),
    CommandId.ALERT_NOTIFICATION: (_SMSC, _RX),
    CommandId.DATA_SM: (_BOTH, BOUND),
    CommandId.ENQUIRE_LINK: (_BOTH, BOUND),
    CommandId.UNBIND: (_BOTH, BOUND),
}

#: Requests that wait in the window for their answer.
WINDOWED: Final = frozenset(
    {
        CommandId.SUBMIT_SM,
        CommandId.SUBMIT_MULTI,
        CommandId.DELIVER_SM,
        CommandId.DATA_SM,
        CommandId.QUERY_SM,
        CommandId.CANCEL_SM,
        CommandId.REPLACE_SM,
    }
)

#: Answered in every state of a living connection: refusing them would only hide that the peer is there.
ALWAYS_TAKEN: Final = frozenset({CommandId.ENQUIRE_LINK, CommandId.UNBIND})


def after(state: SessionState, step: Step) -> SessionState:
    """The state that follows. Raises StateError: the step is not possible in this state."""
    following = TRANSITIONS.get((state, step))
    if following is None:
        raise StateError(f"{step.name} is not possible in state {state.name}")
    return following


def is_role_allowed(role: Role, command_id: int) -> bool:
    """Whether this end ever sends that request."""
    permission = PERMISSIONS.get(command_id)
    return permission is not None and role in permission[0]


def may_send(role: Role, state: SessionState, command_id: int) -> bool:
    """Whether this end may send that request in this state."""
    permission = PERMISSIONS.get(command_id)
    return permission is not None and role in permission[0] and state in permission[1]
