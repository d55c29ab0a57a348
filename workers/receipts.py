"""The receipts pool's use case: receipts and late responses into the ledger, events out (docs/contract.md §3).

Plain functions on Django's connection; they run on a worker thread, with no Dramatiq inside. Everything here may be
run again for the same messages: the ledger compares before it sets, and an event's id follows from its facts.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db import DatabaseError, DataError, InterfaceError, connection
from msgspec.structs import replace

from ghasi import crash
from ghasi.contracts.publication import Publication
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.statuses import status_rules
from ghasi.correlations import id_collecting, id_store, inbox, ledger
from ghasi.correlations.types import MatchedReceipt, MessageOutcome, Part, PartFateKind, PartOutcome, ReceiptFacts
from ghasi.logs import get_logger
from ghasi.smpp.id_relation import reader
from workers import fates, held_parts, metrics
from workers.learned_ids import LearnedIds, SeenIds, leaves_ids_open, reread
from workers.minutes import MINUTES
from workers.outcomes import message_publications, receipt_publications
from workers.proofs import count_proofs
from workers.receipt_reading import Late, RawReceipt, read_all

__all__ = ["RawReceipt", "RetryLater", "Taken", "confirm", "take_in"]

RETRY_SECONDS = 1.0
UNSTORABLE = "unstorable"
PLAIN_RULES = SendRules()
LEARNED = LearnedIds()
SEEN = SeenIds()

log = get_logger()


class RetryLater(Exception):
    """The database did not do it: give the same batch again in `seconds`. Names the error's type, never its text."""

    def __init__(self, seconds: float, error: str) -> None:
        super().__init__(error)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Taken:
    """What to publish, in order, before the batch is acknowledged.

    `woken` receipts had waited in the inbox and are in no stream any more: call `confirm` once it is published, or
    their events go out again.
    """

    publications: list[Publication] = field(default_factory=list)
    woken: list[MatchedReceipt] = field(default_factory=list)
    matched: list[MatchedReceipt] = field(default_factory=list)
    """All of them, for their traces."""


def take_in(
    batch: Sequence[RawReceipt],
    *,
    rules: SendRules = PLAIN_RULES,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    jitter: Callable[[], float] = random.random,
    learned: LearnedIds = LEARNED,
    seen: SeenIds = SEEN,
) -> Taken:
    """Takes one operator's batch in, in order.

    1. Reads every message, ids by the relation in force; what cannot be read keeps its place by name.
    2. Late responses first: they give rows the ids that receipts of the same batch name.
    3. Receipts that had waited for those ids, then the batch's own.
    4. Counts, once all of it stands.

    Raises RetryLater while the database is away, and for nothing the operator sent.
    """
    crash.point("receipts.before_match")
    now = clock()
    try:
        found = _read(batch, rules, learned)
        late = [one for one in found if isinstance(one, Late)]
        receipts = [one for one in found if isinstance(one, ReceiptFacts)]
        settled, woken = _take_late(late, rules, now, jitter) if late else ([], [])
        matched = _take_receipts(receipts, now) if receipts else []
    except (DatabaseError, InterfaceError) as error:
        # A connection that failed once is not asked again.
        connection.close()
        metrics.ledger_failures.labels(metrics.AWAY).inc()
        raise RetryLater(RETRY_SECONDS, type(error).__name__) from None
    crash.point("receipts.committed")
    if late:
        metrics.late_responses.labels(batch[0].operator_id).inc(len(late))
    _count(receipts, matched, now)
    if leaves_ids_open(rules):
        seen.note(receipts, matched, now)
    count_proofs([*woken, *matched])
    publications = [one for message in settled for one in message_publications(message, now=now)]
    everything = [*woken, *matched]
    publications += [one for receipt in everything for one in receipt_publications(receipt, now=now)]
    mine = {(facts.receipt_key, facts.taken_at) for facts in receipts}
    woken += [one for one in matched if (one.facts.receipt_key, one.facts.taken_at) not in mine]
    return Taken(publications, woken, everything)


def _read(batch: Sequence[RawReceipt], rules: SendRules, learned: LearnedIds) -> list[ReceiptFacts | Late]:
    """What the operator's rules say of its ids goes before what was learned of them."""
    found = read_all(batch, rules)
    relation = learned.of(batch[0].operator_id) if batch and leaves_ids_open(rules) else None
    if relation is None:
        return found
    read = reader(relation)
    return [one if isinstance(one, Late) else reread(one, read) for one in found]


def confirm(taken: Taken) -> None:
    """What `taken` had woken is published. Never raises: unconfirmed events are only told again."""
    try:
        inbox.confirm_published(taken.woken, now=datetime.now(UTC))
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        log.warning("receipts.not_confirmed", count=len(taken.woken), errorType=type(error).__name__)


def _take_late(
    late: Sequence[Late], rules: SendRules, now: datetime, jitter: Callable[[], float]
) -> tuple[list[MessageOutcome], list[MatchedReceipt]]:
    parts = ledger.find_parts(list({one.row_id for one in late}), now=now)
    outcomes: list[PartOutcome] = []
    keys: dict[UUID, list[str]] = {}
    answered: dict[UUID, list[PartOutcome]] = {}
    for one in late:
        known = parts.get(one.row_id)
        if known is None:
            log.warning("late_response.unknown", receiptKey=one.row_id.hex)
            continue
        operator_id, part = known
        outcome = _outcome(part, one, rules, jitter())
        outcomes.append(outcome)
        keys.setdefault(operator_id, []).extend(outcome.lookup_keys[:1])
        answered.setdefault(operator_id, []).append(outcome)
    ledger.record(outcomes, now=now)
    for operator_id, some in answered.items():
        MINUTES.answered(str(operator_id), some, now)
    # Read afterwards, so that a batch whose events were not published tells them again.
    settled = ledger.standing(outcomes, now=now)
    if leaves_ids_open(rules):
        _keep_pairs(outcomes, {one: operator_id for one, (operator_id, _) in parts.items()}, now)
    woken = [
        receipt
        for operator_id, names in keys.items()
        if names
        for receipt in inbox.rematch(operator_id, names, now=now)
    ]
    return settled, woken


def _keep_pairs(outcomes: Sequence[PartOutcome], operators: dict[UUID, UUID], now: datetime) -> None:
    """A part that was proved by a receipt and then answered has shown both of its ids."""
    named = {one.row_id: one.operator_message_id for one in outcomes if one.operator_message_id}
    for row_id, found in id_collecting.collect_late(named, now=now).items() if named else ():
        id_store.add_pairs(operators[row_id], [found], now)


def _outcome(part: Part, late: Late, rules: SendRules, jitter: float) -> PartOutcome:
    response = late.response
    if response.command_status == 0:
        outcome = fates.accepted(part, response.operator_message_id, at=late.at, id_base=rules.id_base)
    else:
        outcome = fates.refused(
            part, response.command_status, at=late.at, jitter=jitter, statuses=status_rules(rules.statuses)
        )
    if outcome.kind is PartFateKind.HELD:
        held_parts.count(str(part.operator_id), response.command_status, part.message_id)
    return replace(outcome, late=True)


def _take_receipts(receipts: Sequence[ReceiptFacts], now: datetime) -> list[MatchedReceipt]:
    """Raises DatabaseError. A value that no column takes costs its own receipt only."""
    try:
        return list(inbox.take_receipts(receipts, now=now))
    except DataError:
        if len(receipts) == 1:
            return list(inbox.take_receipts([_bare(receipts[0])], now=now))
    return [matched for one in receipts for matched in _take_receipts([one], now)]


def _bare(facts: ReceiptFacts) -> ReceiptFacts:
    """What can be stored of any receipt: that it came, when, and that it could not be kept."""
    return replace(
        facts,
        operator_message_id="",
        lookup_keys=(),
        stat=None,
        final=False,
        error_code=None,
        done_at=None,
        destination="",
        sender="",
        unreadable=UNSTORABLE,
        submit_date=None,
        user_message_reference=None,
        cause=None,
    )


def _count(receipts: Sequence[ReceiptFacts], matched: Sequence[MatchedReceipt], now: datetime) -> None:
    """Each metric is looked up once a batch."""
    found = {receipt.facts.receipt_key for receipt in matched}
    by_status = Counter([(one.operator_id, one.status) for one in receipts])
    for (operator_id, status), count in by_status.items():
        metrics.dlr_received.labels(str(operator_id), status).inc(count)
    MINUTES.receipts([(str(operator_id), status, count) for (operator_id, status), count in by_status.items()], now)
    for facts in receipts:
        if facts.unreadable is not None:
            metrics.dlr_unreadable.labels(str(facts.operator_id), facts.unreadable).inc()
            log.warning(
                "dlr.unreadable",
                operatorId=str(facts.operator_id),
                receiptKey=facts.receipt_key,
                reason=facts.unreadable,
            )
        elif facts.receipt_key not in found:
            metrics.dlr_correlation_not_found.labels(str(facts.operator_id)).inc()
            log.warning("dlr.correlation.not_found", operatorId=str(facts.operator_id), receiptKey=facts.receipt_key)
