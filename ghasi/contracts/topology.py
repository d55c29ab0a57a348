"""Streams, consumers and buckets as data (docs/contract.md §1); `ghasi.bus` makes them so."""

from __future__ import annotations

from dataclasses import dataclass

from ghasi.contracts import subjects, timers

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream we create where it is missing; `max_age` and `duplicate_window` in seconds, 0 = no limit."""

    name: str
    subjects: tuple[str, ...]
    max_age: float = 0.0
    duplicate_window: float = timers.DUPLICATE_WINDOW
    allow_atomic: bool = True
    purged: bool = False
    """Kept by limits and purged behind the consumers' ack floor, see docs/architecture.md."""
    refuses: bool = False
    """Full, it takes nothing new (discard `new`) rather than forget what it holds: nothing else has those bytes."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """A durable pull consumer with explicit acknowledgement; `ack_wait` in seconds."""

    stream: str
    durable: str
    filter_subject: str
    ack_wait: float = timers.ACK_WAIT
    max_ack_pending: int = timers.MAX_ACK_PENDING
    max_deliver: int = -1


@dataclass(frozen=True, slots=True)
class Bucket:
    """A key-value bucket; `ttl` in seconds (0 = keys stay), `memory` = may vanish with the server."""

    name: str
    ttl: float = 0.0
    memory: bool = False


STREAMS = (
    Stream(subjects.SMS_DISPATCH, ("smpp.operator.*",), purged=True, refuses=True),
    Stream(subjects.DLR_EVENTS, (subjects.DLR_INBOUND,), max_age=7 * DAY),
    Stream(subjects.OPERATOR_EVENTS, (subjects.OPERATOR_HEALTH,), max_age=DAY),
    Stream(subjects.SMPP_RECEIPTS, ("smpp.receipt.*",), purged=True, refuses=True),
    Stream(subjects.SUBMIT_EVENTS, (subjects.SUBMIT_RESULT,), max_age=7 * DAY),
    Stream(subjects.SMPP_DEAD, ("smpp.dead.*",), max_age=30 * DAY, refuses=True),
)

REPLICA_TTL = 11.0
SESSION_TTL = 30.0

BUCKETS = (
    Bucket(subjects.BUCKET_REPLICAS, ttl=REPLICA_TTL),
    Bucket(subjects.BUCKET_SLOTS),
    Bucket(subjects.BUCKET_SESSIONS, ttl=SESSION_TTL, memory=True),
    Bucket(subjects.BUCKET_WANTED),
    Bucket(subjects.BUCKET_PROFILES),
)


def dispatch_consumer(operator_id: str) -> Consumer:
    """The durable of one operator's commands."""
    return Consumer(subjects.SMS_DISPATCH, subjects.dispatch_durable(operator_id), subjects.dispatch(operator_id))


def receipt_consumer(operator_id: str) -> Consumer:
    """The durable of one operator's receipts and late responses."""
    return Consumer(subjects.SMPP_RECEIPTS, subjects.receipt_durable(operator_id), subjects.receipt(operator_id))
