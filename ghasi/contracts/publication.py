"""One message to publish on JetStream."""

from __future__ import annotations

import msgspec


class Publication(msgspec.Struct, frozen=True):
    """`msg_id` is the `Nats-Msg-Id`: a repeat inside the stream's duplicate window is stored once ("" = none)."""

    subject: str
    payload: bytes
    msg_id: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Publication(subject={self.subject!r}, msg_id={self.msg_id!r})"
