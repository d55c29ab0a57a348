"""The clocks of one session (SMPP 3.4 §7.2), as arithmetic on `now`: nothing here reads a clock or waits.

BIND        from the connection (SMSC) or the bind request (ESME) to the bind
UNBIND      from unbind to its response
READ        from the first octet of a PDU to its last
ENQUIRE     to the next enquire_link; it runs on while traffic flows, because one-way traffic proves nothing
ANSWER      from enquire_link to the next PDU of any kind
INACTIVITY  from the last PDU received
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Timer(Enum):
    """Names of the clocks."""

    BIND = auto()
    UNBIND = auto()
    READ = auto()
    ENQUIRE = auto()
    ANSWER = auto()
    INACTIVITY = auto()


class Timers:
    """Which clocks run and when they end. A period of None switches a clock off; periods are seconds."""

    __slots__ = ("_deadlines", "_last_heard", "_periods")

    def __init__(self, periods: Mapping[Timer, float | None], *, now: float) -> None:
        self._periods = periods
        self._deadlines: dict[Timer, float] = {}
        self._last_heard = now

    def start(self, timer: Timer, now: float) -> None:
        """(Re)start a clock; without a period nothing happens."""
        period = self._periods.get(timer)
        if period is not None:
            self._deadlines[timer] = now + period

    def start_once(self, timer: Timer, now: float) -> None:
        """Start a clock unless it runs."""
        if timer not in self._deadlines:
            self.start(timer, now)

    def stop(self, timer: Timer) -> None:
        self._deadlines.pop(timer, None)

    def stop_all(self) -> None:
        self._deadlines.clear()

    def runs(self, timer: Timer) -> bool:
        return timer in self._deadlines

    def heard(self, now: float) -> None:
        """A whole PDU came, whichever: the peer lives."""
        self._last_heard = now
        self._deadlines.pop(Timer.ANSWER, None)
        if Timer.INACTIVITY in self._deadlines:
            self.start(Timer.INACTIVITY, now)

    def silent_for(self, now: float) -> float:
        """Seconds since the last PDU (or since the connection)."""
        return now - self._last_heard

    @property
    def next_deadline(self) -> float | None:
        return min(self._deadlines.values(), default=None)

    def take_due(self, now: float) -> list[Timer]:
        """The clocks that have ended, earliest first; they stop."""
        ended = [timer for timer, deadline in self._deadlines.items() if deadline <= now]
        due = sorted(ended, key=self._deadlines.__getitem__)
        for timer in due:
            del self._deadlines[timer]
        return due
