"""What a dispatch worker and a gateway replica say to each other (docs/architecture.md, hand-over).

Both run the same release or neighbours of it, so the form is compact (MessagePack) and additive:
a receiver ignores fields it does not know.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Fate(StrEnum):
    """What became of one PDU handed over."""

    ACCEPTED = "accepted"
    """The operator answered ESME_ROK; `operator_message_id` is what it gave, possibly empty."""
    REJECTED = "rejected"
    """The operator answered another `command_status`."""
    NOT_SENT = "not_sent"
    """No octet of it left; safe to send again. `reason` says why."""
    UNANSWERED = "unanswered"
    """Octets may have left and no answer came: in doubt."""
    FORGOTTEN = "forgotten"
    """Answer to a question only: older than the gateway's memory reaches."""


class SubmitRequest(msgspec.Struct, frozen=True, array_like=False, omit_defaults=True):
    """Complete submit_sm PDUs back to back, with the key of each part, in sending order.

    `epoch` is the gateway epoch the rows name; `deadline_ms` (Unix ms) is when unsent PDUs become NOT_SENT.
    `keys` are the row ids (32 hex digits) of the parts. `lanes` choose the bind: one value a message.
    """

    epoch: str
    deadline_ms: int
    keys: list[str]
    lanes: list[int]
    pdus: bytes
    pace: int = 0
    """PDUs a second that the operator gets at most while it throttles, for the gateway to show; 0: its limit."""
    traces: list[str] = []
    """A traceparent for each key, empty where there is none; the list itself is empty where nobody traces."""

    def __repr__(self) -> str:
        """Without the PDUs: they hold numbers and texts."""
        return f"SubmitRequest(epoch={self.epoch!r}, keys={self.keys!r}, octets={len(self.pdus)})"


class AskRequest(msgspec.Struct, frozen=True):
    """Does the gateway of this epoch know these parts? Parts it never saw are marked, so that a late
    original gets NOT_SENT (answer: NOT_SENT, reason `refused`)."""

    epoch: str
    ask: list[str]


class PartFate(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fate of one part; `answered_ms` is Unix ms of the response, `sent_ms` of the write. `held` is what a part
    that left waited for before that, for a second or more: `window` or `gate`; else empty."""

    key: str
    fate: Fate
    operator_message_id: str = ""
    command_status: int = 0
    reason: str = ""
    sent_ms: int = 0
    answered_ms: int = 0
    held: str = ""


class SubmitAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Fates in the order of the request's keys, and what the window of the operator had free then."""

    fates: list[PartFate]
    window_free: int = 0
    error: str = ""
    """Set when the request as a whole was refused (`epoch`, `malformed`): no PDU of it left."""


class LateResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A submit_sm_resp that came after its request was given up (header `Smpp-Kind: response`)."""

    key: str
    operator_message_id: str
    command_status: int
    answered_ms: int


_encoder = msgspec.msgpack.Encoder()
_request_decoder = msgspec.msgpack.Decoder(SubmitRequest)
_ask_decoder = msgspec.msgpack.Decoder(AskRequest)
_answer_decoder = msgspec.msgpack.Decoder(SubmitAnswer)
_late_decoder = msgspec.msgpack.Decoder(LateResponse)


def encode(message: SubmitRequest | AskRequest | SubmitAnswer | LateResponse) -> bytes:
    return _encoder.encode(message)


def decode_request(data: bytes) -> SubmitRequest | AskRequest:
    """Raises msgspec.DecodeError (or its subclass ValidationError) on anything else.

    An AskRequest is told from a SubmitRequest by its required field `ask`.
    """
    try:
        return _request_decoder.decode(data)
    except msgspec.ValidationError:
        return _ask_decoder.decode(data)


def decode_answer(data: bytes) -> SubmitAnswer:
    """Raises msgspec.DecodeError."""
    return _answer_decoder.decode(data)


def decode_late(data: bytes) -> LateResponse:
    """Raises msgspec.DecodeError."""
    return _late_decoder.decode(data)
