"""When to try a bind again (docs/contract.md §8). Pure: the caller brings the random number and the time."""

from __future__ import annotations

from collections.abc import Sequence

from ghasi.contracts import timers

SETTLED_AFTER = 10.0


def jittered(delay: float, roll: float, jitter: float = timers.RECONNECT_JITTER) -> float:
    """`delay` plus or minus `jitter` of it, by a random number 0 ≤ `roll` ≤ 1."""
    return delay * (1.0 - jitter + 2.0 * jitter * roll)


class Backoff:
    """Delays of a series of failures: the steps of `table`, its last step for ever after.

    A bind that lived for `settled_after` seconds ends the series; one that died sooner does not, so that an
    SMSC which accepts and drops is not hammered every five seconds.
    """

    def __init__(self, table: Sequence[float] = timers.RECONNECT, *, settled_after: float = SETTLED_AFTER) -> None:
        if not table:
            raise ValueError("a back-off needs at least one step")
        self._table = tuple(table)
        self._settled_after = settled_after
        self.failures = 0

    def failed(self, roll: float) -> float:
        """One more failure: seconds until the next attempt."""
        step = self._table[min(self.failures, len(self._table) - 1)]
        self.failures += 1
        return jittered(step, roll)

    def lived(self, seconds: float) -> None:
        """A bind was up for that long."""
        if seconds >= self._settled_after:
            self.failures = 0
