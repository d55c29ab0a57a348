"""What the ledger is asked and what it answers: plain values, no Django (docs/architecture.md, ledger).

Structs rather than dataclasses: a message makes a dozen, and each costs a tenth to make.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class RowStatus(StrEnum):
    """Status of one (message, segment, attempt), docs/contract.md §9."""

    PREPARED = "PREPARED"
    SUBMITTED = "SUBMITTED"
    REJECTED = "REJECTED"
    IN_DOUBT = "IN_DOUBT"
    DLR_RECEIVED = "DLR_RECEIVED"
    EXPIRED = "EXPIRED"


class Verdict(StrEnum):
    """What the lane does with a command after the ledger has seen it."""

    SEND = "send"
    """Hand `parts` over; the other parts of the message are settled or wait."""
    ASK = "ask"
    """`parts` may have left before a crash: ask the gateway that held them, record, then claim again."""
    WAIT = "wait"
    """Nothing to do for `wait` seconds: publish `outcome` again if there is one (all is told but for parts in doubt),
    give the command back with that delay."""
    SETTLED = "settled"
    """A repeat of what is settled: publish `outcome` again, acknowledge."""
    DUPLICATE = "duplicate"
    """A new event for a message on its way or gone: publish `outcome` again if there is one, count, acknowledge."""
    EXPIRED = "expired"
    """Never left and too late: rows are EXPIRED, publish `outcome` and its receipts, acknowledge."""
    PARK = "park"
    """Held or failed in doubt by policy: copy the bytes to SMPP_DEAD, publish `outcome`, acknowledge."""


class DoubtRule(msgspec.Struct, frozen=True):
    """One operator's policy for parts in doubt; `wait` in seconds."""

    operator_id: UUID
    policy: str
    wait: float


class Delay(msgspec.Struct, frozen=True, array_like=True):
    """What held a part up, and how long; a row keeps a few of them, as JSON arrays (docs/contract.md §9)."""

    why: str
    since: datetime
    until: datetime


class Permit(msgspec.Struct, frozen=True):
    """When the limiter let what is handed over leave, and how many ms before that it was booked."""

    at: datetime
    wait: int
    held: Delay | None = None
    """What last kept the lane from booking at all; it concerns commands that were stored before its end."""


class Intent(msgspec.Struct, frozen=True):
    """A command whose hand-over is due. `operator_id` carries it, `requested_operator_id` is the command's."""

    message_id: UUID
    event_id: UUID
    operator_id: UUID
    requested_operator_id: UUID
    destination: str
    sender: str
    account_id: str
    segments: int
    enqueued_at: datetime
    expires_at: datetime
    traceparent: str | None = None
    user_message_reference: str | None = None
    replay_attempt: int | None = None
    """From the header `Smpp-Replay`: settled parts up to this attempt may be sent again."""
    in_doubt_policy: str = "resend"
    in_doubt_wait: float = 60.0
    other_doubts: tuple[DoubtRule, ...] = ()
    """Of other operators that may have carried a part: a part in doubt follows the policy of its own carrier."""
    stored_at: datetime | None = None
    """When the stream took the command."""
    apart: bool = False
    """Parts that left over another operator cannot be joined with what `operator_id` would send."""

    def __repr__(self) -> str:
        """Without destination and sender."""
        return f"Intent({self.message_id}, {self.event_id}, {self.operator_id}, {self.segments})"

    def doubt_of(self, carrier: UUID) -> tuple[str, float]:
        """Policy and wait for a part that `carrier` may have taken."""
        for rule in self.other_doubts:
            if rule.operator_id == carrier:
                return rule.policy, rule.wait
        return self.in_doubt_policy, self.in_doubt_wait


class Part(msgspec.Struct, frozen=True):
    """One row. (`row_id`, `enqueued_day`) is its primary key."""

    row_id: UUID
    enqueued_day: date
    message_id: UUID
    segment: int
    attempt: int
    possible_duplicate: bool = False
    gateway_replica: str | None = None
    gateway_epoch: str | None = None
    same_refusals: int = 0
    """Tries in a row, directly before this one, that the operator refused with `last_refusal`."""
    last_refusal: int | None = None
    """command_status of the try directly before this one, where that was refused."""
    operator_id: UUID | None = None
    """Who carries it, or carried it."""
    segments: int = 0
    """Parts of its message; 0 where nobody said."""

    @property
    def alone(self) -> bool:
        """The first try of a message of one part."""
        return self.segments == 1 and self.attempt == 1


class PartState(msgspec.Struct, frozen=True):
    """The last attempt of one segment, as events need it."""

    segment: int
    attempt: int
    status: RowStatus
    operator_id: UUID
    operator_message_id: str | None
    command_status: int | None
    error_code: str | None
    reason: str | None
    possible_duplicate: bool
    submitted_at: datetime | None
    retry_at: datetime | None
    failed: bool = False
    """IN_DOUBT, and the operator's policy `fail` gave it up: told as REJECTED."""
    held: bool = False
    """IN_DOUBT because of its command_status, and left to a person."""


class MessageOutcome(msgspec.Struct, frozen=True):
    """A message none of whose parts is pending: the matter of its SubmitResultEvent (docs/contract.md §5)."""

    message_id: UUID
    event_id: UUID
    account_id: str
    operator_id: UUID
    traceparent: str | None
    parts: tuple[PartState, ...]
    """In order of segment."""


class Claim(msgspec.Struct, frozen=True):
    """The ledger's answer to one Intent."""

    message_id: UUID
    verdict: Verdict
    parts: tuple[Part, ...] = ()
    wait: float = 0.0
    outcome: MessageOutcome | None = None


class PartFateKind(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"
    HELD = "held"
    """Refused with a status nobody knows: the row is IN_DOUBT and left to a person at once."""
    NOT_SENT = "not_sent"
    """The row goes back to PREPARED without a gateway: certainly unsent."""


class PartOutcome(msgspec.Struct, frozen=True):
    """What became of one part handed over. `retry_at` is set for a retryable refusal only."""

    row_id: UUID
    enqueued_day: date
    message_id: UUID
    kind: PartFateKind
    at: datetime
    operator_message_id: str | None = None
    lookup_keys: tuple[str, ...] = ()
    """Folded ids a receipt may name (ghasi.smpp.receipt.id_keys); the first is the indexed one."""
    command_status: int | None = None
    reason: str | None = None
    retry_at: datetime | None = None
    held: str = ""
    """What it waited for in the gateway before it left."""
    sent_at: datetime | None = None
    """When it left, where it waited."""
    late: bool = False
    """A response after its request was given up: settles a row IN_DOUBT or PREPARED."""
    alone: bool = False
    """`Part.alone`: its row tells the message's outcome, unless it was in doubt since."""


class ReceiptFacts(msgspec.Struct, frozen=True):
    """A receipt read from a deliver_sm or data_sm, as the ledger matches it.

    `receipt_key` is its stream sequence in SMPP_RECEIPTS; `status` a contract §3 status; `stat` the operator's word.
    """

    receipt_key: int
    operator_id: UUID
    operator_message_id: str
    lookup_keys: tuple[str, ...]
    status: str
    stat: str | None
    final: bool
    error_code: str | None
    done_at: datetime | None
    taken_at: datetime
    destination: str
    """The subscriber's number: source_addr of the deliver_sm, without '+'; breaks ties between reused ids."""
    sender: str = ""
    unreadable: str | None = None
    """Why the receipt could not be read; it goes to the inbox by this name and never becomes a failure state."""
    frame: bytes = b""
    submit_date: datetime | None = None
    """When the operator says it took the part, to the minute or second; None where the date has no known zone."""
    user_message_reference: str | None = None
    """The TLV's octets in hex."""
    cause: str | None = None
    """Why it was not delivered (ghasi.smpp.causes); None where the operator names no error."""
    tlvs: tuple[tuple[str, str], ...] | None = None
    """Optional parameters that the operator's profile reads: name and text. None where it has none of them."""

    def __repr__(self) -> str:
        """Without numbers and octets."""
        return f"ReceiptFacts({self.receipt_key}, {self.operator_id}, {self.status}, {self.stat})"


class Proof(StrEnum):
    """By what a receipt was found to mean a part in doubt whose id nobody knew (docs/architecture.md, receipts)."""

    FACTS = "facts"
    """Numbers and times fit this part and no other."""
    REFERENCE = "reference"
    """It repeats the part's user_message_reference."""


class MatchedReceipt(msgspec.Struct, frozen=True):
    """A receipt and the part it belongs to: the matter of one DlrInboundEvent."""

    facts: ReceiptFacts
    message_id: UUID
    segment: int
    segments: int
    attempt: int
    operator_message_id: str | None
    submitted_at: datetime | None
    traceparent: str | None
    settled: MessageOutcome | None = None
    """Set when this receipt settled a part that was IN_DOUBT."""
    proof: Proof | None = None
    """Set when this receipt gave a part in doubt its id."""
