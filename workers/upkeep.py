"""What the ledger needs now and then: plain functions of `now`, with how often each is due (docs/contract.md §8).

They run on a worker thread of one process of the receipts pool; run twice or at once they do no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ghasi.contracts import timers
from ghasi.contracts.publication import Publication
from ghasi.contracts.sessions import SessionRecord
from ghasi.correlations import abandoned, dead, partitions, sweep
from ghasi.logs import get_logger
from ghasi.operators.services import operators_remember
from workers.ledger_work import guarded
from workers.upkeep_abandoned import AbandonedSweep
from workers.upkeep_inbox import InboxGauges, InboxSweep

INBOX_EVERY = 1.0
ABANDONED_EVERY = 60.0
SIZE_EVERY = 15.0
PARTITIONS_EVERY = 6 * 3600.0
"""Partitions exist three days ahead, so that several misses in a row do no harm."""
DEAD_LETTERS_EVERY = 3600.0
OPERATORS_EVERY = 5.0

log = get_logger()


@dataclass(frozen=True, slots=True)
class Job:
    """`function` is called every `every` seconds with the time; publish what it returns, then call `confirm`.

    Without that call what it returned comes again. All raise LedgerAway while the database is away.
    """

    name: str
    every: float
    function: Callable[[datetime], list[Publication]]
    confirm: Callable[[datetime], None] | None = None


def jobs(retention_days: int, sessions: Callable[[], list[SessionRecord]]) -> list[Job]:
    """All upkeep of the receipts pool; `sessions` tells what the gateways report now. The days of the ledger come
    first: without them nothing can be written."""
    inbox_sweep = InboxSweep()
    return [
        Job("partitions", PARTITIONS_EVERY, guarded(partial(keep_partitions, retention_days=retention_days))),
        Job("expiry_sweep", timers.SWEEP_EVERY, guarded(expire)),
        Job("inbox_sweep", INBOX_EVERY, guarded(inbox_sweep.run), guarded(inbox_sweep.confirm)),
        Job("inbox_size", SIZE_EVERY, guarded(InboxGauges().run)),
        *(_abandoned_job(which) for which in abandoned.LOOKS),
        Job("operators", OPERATORS_EVERY, guarded(partial(remember_operators, sessions=sessions))),
        Job("dead_letters", DEAD_LETTERS_EVERY, guarded(forget_dead_letters)),
    ]


def _abandoned_job(which: abandoned.Look) -> Job:
    sweep_of = AbandonedSweep(which)
    return Job(which.reason, ABANDONED_EVERY, guarded(sweep_of.run), guarded(sweep_of.confirm))


def remember_operators(now: datetime, *, sessions: Callable[[], list[SessionRecord]]) -> list[Publication]:
    """The operators seen, for the admin; nothing to publish."""
    operators_remember(sessions(), now=now)
    return []


def keep_partitions(now: datetime, *, retention_days: int) -> list[Publication]:
    """Day partitions made ahead and dropped after the retention; nothing to publish."""
    made = partitions.ensure_partitions(now, retention_days)
    dropped = partitions.drop_old(now, retention_days)
    if made or dropped:
        log.info("ledger.partitions", count=len(made), detail=f"dropped {len(dropped)}")
    return []


def expire(now: datetime) -> list[Publication]:
    """Parts of which nothing was heard for 72 hours; nothing to publish, because nothing was heard."""
    expired = sweep.expire_correlations(now)
    if expired:
        log.info("ledger.expired", rows=expired)
    return []


def forget_dead_letters(now: datetime) -> list[Publication]:
    """Index rows whose bytes SMPP_DEAD no longer has."""
    dead.forget_dead_letters(now)
    return []
