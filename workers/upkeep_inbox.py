"""The upkeep's turns on the receipts inbox: matching, telling, showing (docs/contract.md §8, §11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ghasi.contracts.publication import Publication
from ghasi.correlations import inbox
from ghasi.correlations.types import MatchedReceipt, ReceiptFacts
from ghasi.logs import get_logger
from workers import metrics
from workers.outcomes import receipt_publications, unmatched_publication
from workers.proofs import count_proofs

INBOX_LIMIT = 1000
DOUBT_WATCHED = timedelta(minutes=10)
"""Parts in doubt for longer are only looked at now and then."""
THOROUGH_EVERY = timedelta(minutes=1)

log = get_logger()


class InboxSweep:
    """Matches what waits in the inbox and tells what it gave up on; one turn at a time."""

    def __init__(self, limit: int = INBOX_LIMIT) -> None:
        self._limit = limit
        self._matched: list[MatchedReceipt] = []
        self._given_up: list[ReceiptFacts] = []
        self._thorough_at = datetime.min.replace(tzinfo=UTC)

    def run(self, now: datetime) -> list[Publication]:
        """Events of receipts matched since the last turn, and of those nobody can match after ten minutes."""
        thorough = now >= self._thorough_at
        doubt = inbox.MATCHABLE if thorough else DOUBT_WATCHED
        self._matched, self._given_up = inbox.sweep_inbox(now=now, limit=self._limit, doubt=doubt)
        if thorough:
            self._thorough_at = now + THOROUGH_EVERY
        count_proofs(self._matched)
        publications = [one for receipt in self._matched for one in receipt_publications(receipt, now=now)]
        return publications + [unmatched_publication(facts) for facts in self._given_up]

    def confirm(self, now: datetime) -> None:
        """The events of the last turn are stored."""
        matched, self._matched = self._matched, []
        given_up, self._given_up = self._given_up, []
        inbox.confirm_published(matched, now=now)
        inbox.confirm_given_up(given_up, now=now)
        for facts in given_up:
            metrics.receipts_given_up.labels(str(facts.operator_id)).inc()
            log.warning("dlr.given_up", operatorId=str(facts.operator_id), receiptKey=facts.receipt_key)


class InboxGauges:
    """Shows by operator how many receipts wait, and for how long the platform has not been told."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def run(self, now: datetime) -> list[Publication]:
        waiting = {str(one.operator_id): one for one in inbox.waits(now=now)}
        for operator_id in self._shown - waiting.keys():
            metrics.receipts_inbox.labels(operator_id).set(0)
            metrics.receipts_inbox_oldest.labels(operator_id).set(0)
        for operator_id, one in waiting.items():
            untold = (now - one.oldest_untold).total_seconds() if one.oldest_untold else 0.0
            metrics.receipts_inbox.labels(operator_id).set(one.receipts)
            metrics.receipts_inbox_oldest.labels(operator_id).set(max(0.0, untold))
        self._shown = set(waiting)
        return []
