"""The upkeep's turn on parts left to a person: shows them, does what was said (docs/architecture.md, "Held")."""

from __future__ import annotations

from datetime import datetime

from ghasi.contracts.publication import Publication
from ghasi.correlations import held
from ghasi.logs import get_logger
from workers import metrics
from workers.outcomes import message_publications

log = get_logger()


class HeldGauges:
    """Shows by operator how many parts are left to a person."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def run(self, now: datetime) -> list[Publication]:
        found = {str(operator_id): count for operator_id, count in held.counts().items()}
        for operator_id in self._shown - found.keys():
            metrics.parts_held.labels(operator_id).set(0)
        for operator_id, count in found.items():
            metrics.parts_held.labels(operator_id).set(count)
        self._shown = set(found)
        return []


class HeldOrders:
    """Settles the parts a person has decided on, and those nobody has for 72 hours; one turn at a time."""

    def __init__(self) -> None:
        self._settled: held.Settled | None = None

    def run(self, now: datetime) -> list[Publication]:
        """Results of the messages that it closed."""
        overdue = held.fail_overdue(now)
        if overdue:
            log.warning("held.overdue", rows=overdue)
        self._settled = settled = held.settle(now)
        if settled is None:
            return []
        log.info("held.settled", rows=len(settled.rows))
        return [one for message in settled.outcomes for one in message_publications(message, now=now)]

    def confirm(self, now: datetime) -> None:
        """The results of the last turn are stored."""
        settled, self._settled = self._settled, None
        if settled is not None:
            held.confirm(settled, now=now)
