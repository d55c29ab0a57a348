"""What this process saw of each operator in the current minutes, until it is written (ghasi/operators/minutes.py).

Added to on the lanes' loop and on worker threads, once a batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from threading import Lock

from ghasi.contracts.submission import PartFate
from ghasi.correlations.types import PartFateKind, PartOutcome
from ghasi.operators.minutes import RECEIPTS, Tallies, Tally, observe

FORGET_AFTER = timedelta(minutes=90)
"""What could not be written for so long is on no chart any more."""

_KINDS = {
    PartFateKind.ACCEPTED: "submitted",
    PartFateKind.HELD: "held",
    PartFateKind.IN_DOUBT: "in_doubt",
}


class Minutes:
    """Tallies by minute and operator."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tallies: Tallies = {}

    def answered(
        self,
        operator_id: str,
        outcomes: Sequence[PartOutcome],
        now: datetime,
        *,
        fates: Sequence[PartFate] = (),
        waited: Iterable[float] = (),
    ) -> None:
        """What the operator said to parts; `fates` hold how long it took, `waited` the seconds until they left."""
        counts = Counter(name for one in outcomes if (name := _name(one)) is not None)
        times = [(one.answered_ms - one.sent_ms) / 1000 for one in fates if one.answered_ms and one.sent_ms]
        with self._lock:
            tally = self._tally(operator_id, now)
            tally.counts.update(counts)
            observe(tally.answered, times)
            observe(tally.to_wire, waited)

    def receipts(self, counts: Iterable[tuple[str, str, int]], now: datetime) -> None:
        """Receipts taken in: operator, status of their event, how many."""
        with self._lock:
            for operator_id, status, count in counts:
                if (name := RECEIPTS.get(status)) is not None:
                    self._tally(operator_id, now).counts[name] += count

    def take(self) -> Tallies:
        """All of it; what is added from now on is counted anew."""
        with self._lock:
            taken, self._tallies = self._tallies, {}
        return taken

    def put_back(self, tallies: Tallies, now: datetime) -> None:
        """They could not be written."""
        with self._lock:
            for (minute, operator_id), tally in tallies.items():
                if minute >= now - FORGET_AFTER:
                    self._tally(operator_id, minute).add(tally)

    def _tally(self, operator_id: str, now: datetime) -> Tally:
        key = (now.replace(second=0, microsecond=0), operator_id)
        if key not in self._tallies:
            self._tallies[key] = Tally()
        return self._tallies[key]


def _name(outcome: PartOutcome) -> str | None:
    """None for a part that did not leave."""
    if outcome.kind is PartFateKind.REJECTED:
        return "refused" if outcome.retry_at is None else "retried"
    return _KINDS.get(outcome.kind)


MINUTES = Minutes()
"""Of this process."""
