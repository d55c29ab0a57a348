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
from ghasi.correlations import abandoned, bulk, dead, partitions, replay_entries, replay_tries, sweep
from ghasi.logs import get_logger
from ghasi.operators import minutes
from ghasi.operators.services import operators_remember
from workers import metrics
from workers.ledger_work import guarded
from workers.upkeep_abandoned import AbandonedSweep
from workers.upkeep_held import HeldGauges, HeldOrders
from workers.upkeep_ids import IdLearning
from workers.upkeep_inbox import InboxGauges, InboxSweep

INBOX_EVERY = 1.0
ABANDONED_EVERY = 60.0
SIZE_EVERY = 15.0
PARTITIONS_EVERY = 6 * 3600.0
"""Partitions exist three days ahead, so that several misses in a row do no harm."""
DAYS_LOOK_EVERY = 60.0
DEAD_LETTERS_EVERY = 3600.0
OPERATORS_EVERY = 5.0
IDS_EVERY = 10.0
MINUTES_EVERY = 3600.0
HELD_EVERY = 5.0
BULK_EVERY = 1.0
"""A turn does what `ADMIN_BULK_RATE` allows in a second."""
CUT_OFF_EVERY = 60.0

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
    inbox_sweep, held_orders = InboxSweep(), HeldOrders()
    return [
        Job("partitions", PARTITIONS_EVERY, guarded(partial(keep_partitions, retention_days=retention_days))),
        Job("days", DAYS_LOOK_EVERY, guarded(show_days)),
        Job("expiry_sweep", timers.SWEEP_EVERY, guarded(expire)),
        Job("inbox_sweep", INBOX_EVERY, guarded(inbox_sweep.run), guarded(inbox_sweep.confirm)),
        Job("inbox_size", SIZE_EVERY, guarded(InboxGauges().run)),
        Job("held_parts", SIZE_EVERY, guarded(HeldGauges().run)),
        Job("held_orders", HELD_EVERY, guarded(held_orders.run), guarded(held_orders.confirm)),
        Job("bulk_actions", BULK_EVERY, guarded(bulk_actions)),
        Job("cut_off_replays", CUT_OFF_EVERY, guarded(conclude_cut_off)),
        *(_abandoned_job(which) for which in (*abandoned.LOOKS, abandoned.DOUBTS)),
        Job("operators", OPERATORS_EVERY, guarded(partial(remember_operators, sessions=sessions))),
        Job("ids", IDS_EVERY, guarded(IdLearning(sessions).run)),
        Job("dead_letters", DEAD_LETTERS_EVERY, guarded(forget_dead_letters)),
        Job("minutes", MINUTES_EVERY, guarded(forget_minutes)),
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
    try:
        made = partitions.ensure_partitions(now, retention_days)
        dropped = partitions.drop_old(now, retention_days)
    except partitions.MaintenanceBusy:
        return _left_to_another("partitions")
    if made or dropped:
        log.info("ledger.partitions", count=len(made), detail=f"dropped {len(dropped)}")
    return []


def show_days(now: datetime) -> list[Publication]:
    """Shows up to when rows can be written; nothing to publish."""
    metrics.ledger_until.set(partitions.covered_until(now).timestamp())
    return []


def expire(now: datetime) -> list[Publication]:
    """Parts of which nothing was heard for 72 hours; nothing to publish, because nothing was heard."""
    try:
        expired = sweep.expire_correlations(now)
    except partitions.MaintenanceBusy:
        return _left_to_another("expiry_sweep")
    if expired:
        log.info("ledger.expired", rows=expired)
    return []


def _left_to_another(job: str) -> list[Publication]:
    """A command, or a pool that was first before, is at it: the next turn sees what it left."""
    log.warning("ledger.maintenance_busy", action=job)
    return []


def forget_dead_letters(now: datetime) -> list[Publication]:
    """Index rows whose bytes SMPP_DEAD no longer has, bulk actions and replays that nobody came back to."""
    dead.forget_dead_letters(now)
    bulk.forget(now)
    replay_tries.forget(now)
    return []


def bulk_actions(now: datetime) -> list[Publication]:
    """A second's share of what the staff has ordered; it publishes by itself what is to be published."""
    count = bulk.turn(now)
    if count:
        log.info("bulk.turn", count=count)
    return []


def conclude_cut_off(now: datetime) -> list[Publication]:
    """What became of messages whose replay was killed, for the list of what the staff did; nothing to publish."""
    count = replay_entries.conclude_cut_off(now)
    if count:
        log.warning("replay.cut_off", count=count)
    return []


def forget_minutes(now: datetime) -> list[Publication]:
    """What the charts of the admin show no more."""
    minutes.forget(now)
    return []
