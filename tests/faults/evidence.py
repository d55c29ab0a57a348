"""What is left after a run, from every side, as plain values: the matter the oracle judges (tests/faults/oracle.py).

Each list comes from a source of its own: the harness's own list of commands, the SMSC's log, the ledger, the event
streams, SMPP_DEAD and the consumers' state. None is computed from another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One that JetStream acknowledged. `destination` is the SMSC's spelling: digits, one number per message."""

    message_id: str
    destination: str
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Submit:
    """One submit_sm as the SMSC saw it; `taken`: the SMSC kept the message, whatever it answered."""

    destination: str
    part: int
    message_id: str
    taken: bool
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class SentReceipt:
    """A receipt that the SMSC sent and that was answered with ESME_ROK."""

    message_id: str
    receipt_id: str
    destination: str
    stat: str


@dataclass(frozen=True, slots=True)
class Row:
    """One try of one part in the ledger."""

    message_id: str
    segment: int
    segments: int
    attempt: int
    status: str
    operator_message_id: str | None = None
    was_in_doubt: bool = False
    possible_duplicate: bool = False
    policy_action: str | None = None
    retry: bool = False
    about: str = ""
    """More of the row, for people: reasons, gateway, times."""


@dataclass(frozen=True, slots=True)
class Result:
    """One SubmitResultEvent; `at` Unix seconds, when the stream took it."""

    message_id: str
    result: str
    attempt: int
    event_id: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Dlr:
    """One DlrInboundEvent; `own`: made by us without a receipt of the operator. `at` as in Result."""

    message_id: str | None
    operator_message_id: str
    stat: str | None
    event_id: str
    at: float = 0.0

    @property
    def own(self) -> bool:
        return self.stat is None


@dataclass(frozen=True, slots=True)
class Evidence:
    """`unsettled`: messages that a consumer still had to deliver or had out when the run was given up."""

    commands: Sequence[Command] = ()
    submits: Sequence[Submit] = ()
    receipts: Sequence[SentReceipt] = ()
    rows: Sequence[Row] = ()
    results: Sequence[Result] = ()
    dlrs: Sequence[Dlr] = ()
    dead: Sequence[str] = ()
    """Message ids of what stands in SMPP_DEAD."""
    inbox: Sequence[str] = ()
    """Ids of receipts that wait for their part, one for each receipt, without those matched or given up."""
    unsettled: int = 0
