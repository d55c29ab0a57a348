"""The cap on messages, in the one place through which each submit_sm of a run goes."""

from __future__ import annotations

from ghasi.probe.errors import BudgetSpent, ProbeError


class Budget:
    """How many submit_sm may leave, and to whom. Refused ones count too: they were sent."""

    def __init__(self, cap: int, destinations: frozenset[str]) -> None:
        self._cap = cap
        self._destinations = destinations
        self.spent = 0

    @property
    def left(self) -> int:
        return self._cap - self.spent

    def take(self, destination: str) -> None:
        """Counts one message. Raises BudgetSpent; ProbeError for a number the person did not give."""
        if destination not in self._destinations:
            raise ProbeError("a message to a number other than the test numbers was about to be sent")
        if self.spent >= self._cap:
            raise BudgetSpent(f"the cap of {self._cap} messages is reached")
        self.spent += 1
