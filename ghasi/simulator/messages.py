"""Messages the SMSC has taken: what query_sm and cancel_sm ask for, and what receipts are made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from ghasi.simulator.dialects import Dialect
from ghasi.simulator.ids import MessageIds
from ghasi.simulator.receipts import Address, ReceiptFacts, build, state_of
from ghasi.smpp.pdu import DataSm, DeliverSm

MOST_KEPT: Final = 20_000
"""Messages remembered for query_sm and cancel_sm; older ones are forgotten first."""

_ENROUTE: Final = 1


@lru_cache
def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


@dataclass(slots=True, kw_only=True, repr=False)
class Message:
    """One accepted PDU. `due` (loop time) is when it reaches `stat`; `at` is Unix seconds of its arrival."""

    ids: MessageIds
    system_id: str
    link: int
    source: Address
    destination: Address
    dialect: Dialect
    stat: str
    err: str
    at: float
    due: float
    utc_minutes: int = 0
    state: int | None = None
    text: str = ""
    reference: bytes | None = None

    def facts(self, *, now: float, stat: str | None = None, esm_class: int | None = None) -> ReceiptFacts:
        """What its receipt says at `now` (Unix seconds); with `stat`, an intermediate one."""
        zone = _zone(self.utc_minutes)
        return ReceiptFacts(
            id=self.ids.receipt,
            tlv_id=self.ids.tlv,
            stat=stat or self.stat,
            err="000" if stat else self.err,
            state=None if stat else self.state,
            submitted=datetime.fromtimestamp(self.at, zone),
            done=datetime.fromtimestamp(now, zone),
            source=self.source,
            destination=self.destination,
            text=self.text,
            reference=self.reference,
            esm_class=esm_class,
        )

    def receipt(self, *, now: float, stat: str | None = None, esm_class: int | None = None) -> DeliverSm | DataSm:
        """The PDU of `facts`."""
        return build(self.dialect, self.facts(now=now, stat=stat, esm_class=esm_class))

    def query(self, *, now: float, mono: float) -> tuple[int, str, int]:
        """message_state, final_date (SMPP 3.4 §7.1.1, empty while on its way) and error_code for query_sm_resp."""
        if mono < self.due:
            return _ENROUTE, "", 0
        final = datetime.fromtimestamp(now - (mono - self.due), UTC)
        error = int(self.err) if self.err.isdecimal() and int(self.err) < 256 else 0
        return state_of(self.dialect, self.facts(now=now)), final.strftime("%y%m%d%H%M%S000+"), error


class Messages:
    """The newest messages by the id that was answered."""

    def __init__(self) -> None:
        self._by_id: dict[str, Message] = {}

    def add(self, message_id: str, message: Message) -> None:
        """Remembers it; the oldest goes when there are too many."""
        self._by_id[message_id] = message
        if len(self._by_id) > MOST_KEPT:
            del self._by_id[next(iter(self._by_id))]

    def find(self, message_id: str) -> Message | None:
        return self._by_id.get(message_id)
