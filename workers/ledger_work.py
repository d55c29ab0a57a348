"""What the dispatch lanes ask of the database: plain functions that run on Dramatiq's threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from ghasi import crash
from ghasi.correlations import dead, inbox, ledger
from ghasi.correlations.types import Claim, Intent, MatchedReceipt, MessageOutcome, Part, PartOutcome, Permit
from ghasi.logs import get_logger
from workers import metrics

log = get_logger()
A = TypeVar("A")
R = TypeVar("R")


class LedgerAway(Exception):
    """The database did not do it and nothing of it stands: try again in a moment."""


class LedgerFault(Exception):
    """The database refused, and would again: what was in hand lapses and comes again by its ack wait."""


def guarded(function: Callable[[A], R]) -> Callable[[A], R]:
    """A database error becomes LedgerAway or LedgerFault and costs the thread its connection, so that the next call
    gets a new one. Its text may quote values and goes nowhere."""

    def call(argument: A) -> R:
        try:
            return function(argument)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            away = isinstance(error, OperationalError | InterfaceError) or _is_read_only(error)
            metrics.ledger_failures.labels(metrics.AWAY if away else metrics.FAULT).inc()
            raise (LedgerAway if away else LedgerFault)(type(error).__name__) from None

    return call


def _is_read_only(error: Exception) -> bool:
    """A standby that answers before it is promoted, or a primary that has become one: another connection will do."""
    return getattr(error.__cause__, "sqlstate", None) == "25006"


@dataclass(frozen=True, slots=True)
class Preparation:
    """Claims and arms for one hand-over to (`replica`, `epoch`)."""

    intents: list[Intent]
    armed_now: dict[UUID, int]
    """How many parts of each claimed message leave in this hand-over."""
    parts: list[Part]
    """Later parts of messages claimed before."""
    replica: str
    epoch: str
    now: datetime
    permit: Permit | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    claims: list[Claim]
    armed: set[UUID]


@guarded
def prepare(work: Preparation) -> Prepared:
    """Rows before bytes: claims the commands and arms the parts that are handed over next."""
    crash.point("dispatch.before_claim")
    claims: list[Claim] = []
    if work.intents:
        claims = ledger.claim(
            work.intents,
            replica=work.replica,
            epoch=work.epoch,
            now=work.now,
            arm=work.armed_now,
            permit=work.permit,
        )
    armed: set[UUID] = set()
    if work.parts:
        armed = ledger.arm(work.parts, replica=work.replica, epoch=work.epoch, now=work.now, permit=work.permit)
    crash.point("dispatch.claimed")
    return Prepared(claims, armed)


@dataclass(frozen=True, slots=True)
class Recording:
    """Fates to write down. `operator_id` carried the parts."""

    operator_id: UUID
    outcomes: list[PartOutcome]
    now: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """Messages that have no pending part now, and receipts that had come before their responses."""

    outcomes: list[MessageOutcome] = field(default_factory=list)
    matched: list[MatchedReceipt] = field(default_factory=list)


@guarded
def record(work: Recording) -> Recorded:
    keys = [outcome.lookup_keys[0] for outcome in work.outcomes if outcome.lookup_keys]
    # After the commit: who puts a receipt into the inbox looks for its part once more after that.
    look = [inbox.waits_for(work.operator_id, keys)] if keys else []
    outcomes, answers = ledger.record_and_look(work.outcomes, now=work.now, look=look)
    crash.point("dispatch.recorded")
    return Recorded(outcomes, _woken(work, keys) if look and answers[0][0][0] else [])


def _woken(work: Recording, keys: Sequence[str]) -> list[MatchedReceipt]:
    """What is recorded stands and must be told: receipts that cannot be looked for now are found by the sweep."""
    try:
        return list(inbox.rematch(work.operator_id, keys, now=work.now))
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        log.warning("receipts.not_woken", operatorId=str(work.operator_id), errorType=type(error).__name__)
        return []


@guarded
def confirm(matched: Sequence[MatchedReceipt]) -> None:
    """Their events are stored: the inbox need not tell them again."""
    inbox.confirm_published(matched, now=datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    operator_id: UUID
    stream_seq: int
    reason: str
    message_id: UUID | None
    size: int
    at: datetime
    command_seq: int | None = None


@guarded
def index_dead_letter(row: DeadLetterRow) -> None:
    dead.dead_letter_index(
        row.operator_id, row.stream_seq, row.reason, row.message_id, row.size, row.at, row.command_seq
    )
