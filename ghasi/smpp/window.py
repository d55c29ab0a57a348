"""Requests in flight, the sequence numbers they go by, and those given up whose answer may still come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ghasi.smpp.constants import MAX_SEQUENCE, MIN_SEQUENCE
from ghasi.smpp.errors import WindowFull
from ghasi.smpp.opening import Opening

#: Given-up requests remembered per session; the oldest are forgotten first.
REMEMBERED: Final = 10_000


class SequenceNumbers:
    """1 to 0x7FFFFFFF and round again (SMPP 3.4 §3.2), leaving out numbers still in use."""

    __slots__ = ("_next",)

    def __init__(self, first: int = MIN_SEQUENCE) -> None:
        self._next = first

    def take(self, in_use: Callable[[int], bool]) -> int:
        """The next number for which `in_use` is false."""
        while True:
            number = self._next
            self._next = number + 1 if number < MAX_SEQUENCE else MIN_SEQUENCE
            if not in_use(number):
                return number


@dataclass(slots=True)
class InFlight:
    """One request without an answer. Times are seconds on the caller's clock.

    Made for each request: not frozen, because that makes it four times as dear to make. Nobody changes it.
    """

    sequence_number: int
    context: Any
    sent_at: float
    deadline: float


class Window:
    """At most `size` requests in flight, fewer while the peer's queue takes fewer (`Opening`); `size` may change at
    any time and then binds the next `add`.

    All requests of one window get the same time to be answered, so they expire in the order they were added.
    """

    __slots__ = ("_given_up", "_in_flight", "_opening", "_remembered")

    def __init__(self, size: int, *, remembered: int = REMEMBERED) -> None:
        self._opening = Opening(size)
        self._remembered = remembered
        self._in_flight: dict[int, InFlight] = {}
        self._given_up: dict[int, InFlight] = {}

    @property
    def size(self) -> int:
        return self._opening.size

    @size.setter
    def size(self, size: int) -> None:
        self._opening.size = size

    @property
    def open(self) -> int:
        """Requests that may be in flight now: `size`, or fewer."""
        return self._opening.open

    @property
    def used(self) -> int:
        return len(self._in_flight)

    @property
    def free(self) -> int:
        return max(0, self._opening.open - len(self._in_flight))

    @property
    def next_deadline(self) -> float | None:
        """When `expire` will next have something to give."""
        for request in self._in_flight.values():
            return request.deadline
        return None

    def knows(self, number: int) -> bool:
        """Whether the number is in flight or given up: a new request must not take it."""
        return number in self._in_flight or number in self._given_up

    def add(self, request: InFlight) -> None:
        """Count a request that is being sent. Raises WindowFull."""
        used = len(self._in_flight)
        if used >= self.open:
            raise WindowFull(f"{used} requests are unanswered, the window is {self.open}")
        self._in_flight[request.sequence_number] = request
        if used + 1 == self._opening.open:
            self._opening.filled(request.sent_at)

    def take(self, number: int) -> InFlight | None:
        """The request that this answer settles; it leaves the window. None: not in flight."""
        return self._in_flight.pop(number, None)

    def answered(self, request: InFlight, *, queue_full: bool, now: float) -> bool:
        """The window learns from the answer to a request it gave up by `take`; whether it became smaller."""
        if queue_full:
            return self._opening.refused(request.sent_at, now)
        self._opening.answered(request.sent_at)
        return False

    def take_given_up(self, number: int) -> InFlight | None:
        """The request that this answer would have settled in time. None: none such, or forgotten, or had
        before.
        """
        return self._given_up.pop(number, None)

    def expire(self, now: float) -> list[InFlight]:
        """Give up what was not answered in time: it leaves the window and stays known for a late answer."""
        expired: list[InFlight] = []
        for request in self._in_flight.values():
            if request.deadline > now:
                break
            expired.append(request)
        for request in expired:
            del self._in_flight[request.sequence_number]
            self._given_up[request.sequence_number] = request
        while len(self._given_up) > self._remembered:
            del self._given_up[next(iter(self._given_up))]
        return expired

    def drain(self) -> list[InFlight]:
        """Everything in flight, oldest first; the window is empty afterwards."""
        lost = list(self._in_flight.values())
        self._in_flight.clear()
        return lost
