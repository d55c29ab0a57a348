"""Facts of a run as tests need them."""

from __future__ import annotations

from typing import Any

from ghasi.probe.account import Account
from ghasi.probe.facts import Arrived, Sent
from ghasi.probe.infer.reading import Seen, read
from ghasi.smpp.pdu import DeliverSm

NOW = 1_790_000_000.0
"""2026-09-21 13:33:20 UTC."""
TO = "93701234567"


def account(**changes: Any) -> Account:
    given: dict[str, Any] = {
        "name": "A",
        "hosts": (("127.0.0.1", 1),),
        "system_id": "name",
        "password": "s3cret",
    }
    return Account(**(given | changes))


def sent(message_id: str = "", status: int | None = 0, *, at: float = NOW, **more: Any) -> Sent:
    given: dict[str, Any] = {"step": "single", "destination": TO, "seconds": 0.05}
    return Sent(message_id=message_id, status=status, sent_at=at, **(given | more))


def seen(text: str, *, at: float = NOW + 1, **fields: Any) -> Seen:
    given: dict[str, Any] = {"esm_class": 4, "source_addr": TO, "short_message": text.encode("latin-1")}
    return read(Arrived(pdu=DeliverSm(**(given | fields)), at=at, mode="TRX"))


def receipt(receipt_id: str, text: str = "hello", *, submit: str = "2609211333", done: str = "2609211333") -> str:
    return f"id:{receipt_id} sub:001 dlvrd:001 submit date:{submit} done date:{done} stat:DELIVRD err:000 text:{text}"
