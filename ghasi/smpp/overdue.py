"""What time alone does to a session: answers that never came, probes of the link, and the ends of what hangs
(SMPP 3.4 §7.2; which clocks there are stands in `ghasi.smpp.timers`).
"""

from __future__ import annotations

from ghasi.smpp.core import Core
from ghasi.smpp.errors import FramingError
from ghasi.smpp.events import BindTimedOut, LinkDead, ProtocolFault, RequestExpired
from ghasi.smpp.pdu import EnquireLink
from ghasi.smpp.timers import Timer


class Overdue:
    """The half of a session that acts when nothing comes."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def next_deadline(self) -> float | None:
        """When something is due next, on the clock of `now`; None: never."""
        core = self._core
        deadlines = (core.timers.next_deadline, core.window.next_deadline, core.owners_probes.next_deadline)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def handle(self, now: float) -> None:
        """Do what is due at `now`; harmless when nothing is."""
        core = self._core
        for request in (*core.window.expire(now), *core.owners_probes.expire(now)):
            core.emit(RequestExpired(request.sequence_number, request.context))
        for timer in core.timers.take_due(now):
            if core.closing:
                return
            self._on_timer(timer, now)

    def _on_timer(self, timer: Timer, now: float) -> None:
        core = self._core
        if timer is Timer.ENQUIRE:
            self._probe(now)
        elif timer is Timer.BIND:
            core.emit(BindTimedOut())
            core.end("bind timed out", abort=True)
        elif timer is Timer.READ:
            core.emit(ProtocolFault(FramingError("a PDU began and did not end in time"), answered=False))
            core.end("unfinished PDU", abort=True)
        elif timer is Timer.UNBIND:
            core.end("unbind was not answered", abort=True)
        else:
            core.emit(LinkDead(core.timers.silent_for(now)))
            core.end("link dead", abort=True)

    def _probe(self, now: float) -> None:
        core = self._core
        number = core.next_number()
        core.write_pdu(EnquireLink(sequence_number=number))
        core.own_probes.append(number)
        core.timers.start(Timer.ENQUIRE, now)
        core.timers.start_once(Timer.ANSWER, now)
