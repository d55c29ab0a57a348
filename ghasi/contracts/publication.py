"""One message to publish on JetStream."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Publication:
    """`msg_id` is the `Nats-Msg-Id`: a repeat inside the stream's duplicate window is stored once ("" = none)."""

    subject: str
    payload: bytes = field(repr=False)
    msg_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)
