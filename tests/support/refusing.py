"""A dispatch lane and an operator in one, for tests of replays: every part that is sent is refused or in doubt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ghasi.contracts import subjects
from ghasi.correlations import ledger
from ghasi.correlations.types import Intent, Part, PartFateKind, PartOutcome
from tests.support import ledgerui as given

REFUSED: dict[str, Any] = {"command_status": 0x0B}
HELD: dict[str, Any] = {"command_status": 0x455, "reason": "unknown_status"}


@dataclass
class Refusing:
    """Works off copies of one operator's commands; `tries` are the attempts that left, by message."""

    nats_url: str
    operator_id: UUID
    kind: PartFateKind
    """REJECTED or HELD."""
    ones: dict[str, Intent] = field(default_factory=dict)
    tries: dict[UUID, list[int]] = field(default_factory=dict)
    _worked: int = 0

    @property
    def reason(self) -> str:
        return "rejected:ESME_RINVDSTADR" if self.kind is PartFateKind.REJECTED else "in_doubt:hold"

    def message(self, now: datetime) -> Intent:
        """A message that was refused once, with its dead letter."""
        one = given.intent(now, operator_id=self.operator_id)
        self.ones[str(one.event_id)] = one
        self.tries[one.message_id] = []
        self._send(one, now)
        return one

    def copies(self) -> int:
        """Commands published since the first."""
        return len(given.dispatched(self.nats_url, self.operator_id))

    def work(self, now: datetime) -> None:
        """Everything that was published since the last time, as a lane does."""
        for headers, body in given.dispatched(self.nats_url, self.operator_id)[self._worked :]:
            self._worked += 1
            [one] = [one for event_id, one in self.ones.items() if event_id.encode() in body]
            self._send(replace(one, replay_attempt=int(headers[subjects.HEADER_REPLAY])), now)

    def _send(self, one: Intent, now: datetime) -> None:
        parts = given.claimed(one, now)
        if parts:
            self.tries[one.message_id] += [part.attempt for part in parts]
            ledger.record([self._fate(part, now) for part in parts], now=now)
            given.bury(self.nats_url, one, given.command(one), self.reason, now)

    def _fate(self, part: Part, now: datetime) -> PartOutcome:
        return given.fate(part, now, self.kind, **(REFUSED if self.kind is PartFateKind.REJECTED else HELD))
