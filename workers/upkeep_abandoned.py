"""The upkeep's turn on parts whose command is gone from its stream (docs/architecture.md, "In doubt")."""

from __future__ import annotations

from datetime import datetime

from ghasi.contracts.publication import Publication
from ghasi.correlations import abandoned
from ghasi.logs import get_logger
from workers import metrics
from workers.outcomes import message_publications

log = get_logger()


class AbandonedSweep:
    """Parts whose command is gone; one turn at a time."""

    def __init__(self, which: abandoned.Look) -> None:
        self._which = which
        self._found: abandoned.Abandoned | None = None

    def run(self, now: datetime) -> list[Publication]:
        """Results of the messages that it closed."""
        self._found = found = abandoned.look(self._which, now=now)
        if found is None:
            return []
        for operator_id, in_doubt in found.parts:
            if in_doubt:
                metrics.in_doubt.labels(str(operator_id)).inc()
        if found.parts:
            log.warning("ledger.abandoned", rows=len(found.parts), reason=found.look.reason)
        return [one for message in found.outcomes for one in message_publications(message, now=now)]

    def confirm(self, now: datetime) -> None:
        """The results of the last turn are stored."""
        found, self._found = self._found, None
        if found is not None:
            abandoned.confirm(found)
