"""What can go wrong, typed by what the caller does next.

`LocalProtocolError`: we asked for something that may not go out; nothing was written, the session lives on.
`RemoteProtocolError`: the peer sent something wrong; the session has already answered it as SMPP 3.4 §3.3
asks. No text of an exception ever holds a field's value: values can be passwords, numbers or message texts.
"""

from __future__ import annotations


class SmppError(Exception):
    """Base of everything `ghasi.smpp` raises on purpose."""


class LocalProtocolError(SmppError):
    """Our own request is not valid now or not valid at all."""


class FieldError(LocalProtocolError):
    """A field cannot be put on the wire: too long, wrong type, out of range, unknown. `field` names it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class StateError(LocalProtocolError):
    """The session's state (or role) does not allow this PDU now. Try another session or bind first."""


class WindowFull(LocalProtocolError):
    """As many requests are unanswered as the window allows. Wait for a response."""


class RemoteProtocolError(SmppError):
    """The peer broke the protocol."""


class FramingError(RemoteProtocolError):
    """The boundaries of PDUs are lost (impossible command_length, or a PDU that never ends): close."""


class StateViolation(RemoteProtocolError):
    """A well-formed request that this state or this role of the peer does not allow."""

    def __init__(self, command_id: int, sequence_number: int, why: str) -> None:
        super().__init__(why)
        self.command_id = command_id
        self.sequence_number = sequence_number


class DecodeError(RemoteProtocolError):
    """The body of one PDU is broken while its length is intact: answer `status_to_answer`, skip it, stay."""

    def __init__(self, command_id: int, sequence_number: int, status_to_answer: int, why: str) -> None:
        super().__init__(f"command 0x{command_id:08X}: {why}")
        self.command_id = command_id
        self.sequence_number = sequence_number
        self.status_to_answer = status_to_answer
        self.why = why


class UnknownCommand(DecodeError):
    """A command_id that SMPP 3.4 does not know (§5.1.2.1)."""
