"""The rate at which an operator that throttles is sent to, as the workers say it: for show (docs/contract.md §7)."""

from __future__ import annotations

from collections.abc import Callable

from ghasi.contracts.pace import recovered


class HeardPace:
    """`clock` gives seconds. The workers decide the rate; between their words it comes back by itself."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pace = 0
        self._at = 0.0

    def hear(self, pace: int) -> None:
        """PDUs a second, 0 for the whole limit."""
        self._pace, self._at = pace, self._clock()

    def below(self, limit: int) -> int:
        """PDUs a second that leave at most now; 0 where that is `limit`."""
        if not self._pace or not limit:
            return 0
        now = int(recovered(self._pace, limit, (self._clock() - self._at) * 1000.0))
        return now if now < limit else 0
