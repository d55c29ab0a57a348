"""What the parts of a session share: state, window, clocks, and what goes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ghasi.smpp.constants import INTERFACE_VERSION
from ghasi.smpp.errors import StateError
from ghasi.smpp.events import Closed, Event, RequestLost
from ghasi.smpp.framing import DEFAULT_MAX_LENGTH
from ghasi.smpp.pdu import BindRequest, Pdu, encode_pdu
from ghasi.smpp.states import BOUND, Role, SessionState, Step, after
from ghasi.smpp.timers import Timer, Timers
from ghasi.smpp.window import InFlight, SequenceNumbers, Window

#: enquire_link of the owner (beside the session's own) that may wait at once.
_OWNERS_PROBES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """Settings of a session. Times are seconds; None switches a timer off.

    `interface_version`: what an SMSC announces in its bind response; None announces nothing (and so no TLVs).
    `queue_full`: which command_status says that the peer's queue is full; met by a full window, it makes the window
    smaller. Without it the window keeps its size.
    `long_credentials`: send system_id and password of a bind even beyond the specification's 15 and 8 octets.
    """

    role: Role = Role.ESME
    window_size: int = 10
    bind_timeout: float | None = 10.0
    response_timeout: float = 30.0
    enquire_link_interval: float | None = 30.0
    enquire_link_timeout: float = 10.0
    unbind_timeout: float = 5.0
    read_timeout: float | None = 10.0
    inactivity_timeout: float | None = None
    max_pdu_length: int = DEFAULT_MAX_LENGTH
    system_id: str = ""
    interface_version: int | None = INTERFACE_VERSION
    long_credentials: bool = True
    first_sequence_number: int = 1
    queue_full: Callable[[int], bool] | None = None


class Core:
    """State of one session. Only `Session`, `Inbound` and `Overdue` use it."""

    def __init__(self, config: SessionConfig, *, now: float) -> None:
        self.config = config
        self.role = config.role
        self.state = SessionState.OPEN
        # In UNBINDING the peer may still send what its bind allowed.
        self.mode = SessionState.OPEN
        self.closing = False
        self.abort = False
        self.reason = ""
        self.window = Window(config.window_size)
        self.owners_probes = Window(_OWNERS_PROBES)
        self.own_probes: deque[int] = deque(maxlen=16)
        self.bind_request: BindRequest | None = None
        self.unbind_number: int | None = None
        self.tap: Callable[[bytes], None] | None = None
        self.timers = Timers(_periods(config), now=now)
        self._numbers = SequenceNumbers(config.first_sequence_number)
        self._events: list[Event] = []
        self._outgoing: list[bytes] = []
        self._closed_told = False

    # -- events and octets out

    def emit(self, event: Event) -> None:
        self._events.append(event)

    def take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def write(self, octets: bytes) -> None:
        self._outgoing.append(octets)

    def write_pdu(self, pdu: Pdu) -> None:
        """Raises FieldError before anything is written."""
        self.write(encode_pdu(pdu, long_credentials=self.config.long_credentials))

    def take_outgoing(self) -> bytes:
        outgoing, self._outgoing = self._outgoing, []
        return outgoing[0] if len(outgoing) == 1 else b"".join(outgoing)

    # -- requests of ours

    def next_number(self) -> int:
        return self._numbers.take(self._is_in_use)

    def _is_in_use(self, number: int) -> bool:
        return self.window.knows(number) or self.owners_probes.knows(number) or number in self.own_probes

    def track(self, window: Window, number: int, context: Any, *, timeout: float, now: float) -> None:
        """Raises WindowFull."""
        window.add(InFlight(number, context, now, now + timeout))

    # -- the life of the session

    @property
    def permission_state(self) -> SessionState:
        """The state by which the peer's requests are judged."""
        return self.mode if self.state is SessionState.UNBINDING else self.state

    def step(self, step: Step) -> None:
        """Move to the following state. Raises StateError."""
        self.state = after(self.state, step)
        if self.state in BOUND:
            self.mode = self.state

    def begin_traffic(self, now: float) -> None:
        """Bound: watch the link from now on."""
        self.timers.stop(Timer.BIND)
        self.timers.start(Timer.ENQUIRE, now)
        self.timers.start(Timer.INACTIVITY, now)

    def end(self, reason: str, *, abort: bool = False) -> None:
        """Hand over what is in flight and ask the driver to close; `abort`: with a reset, nothing flushed."""
        if self.closing:
            self.abort = self.abort or abort
            return
        self.closing, self.abort, self.reason = True, abort, reason
        self.step(Step.ENDED)
        self.timers.stop_all()
        for request in (*self.window.drain(), *self.owners_probes.drain()):
            self.emit(RequestLost(request.sequence_number, request.context))

    def tell_closed(self, reason: str) -> None:
        """The connection is gone: the last event, once."""
        if not self._closed_told:
            self.end(reason)
            self._closed_told = True
            self.emit(Closed(self.reason or reason))

    def refuse_when_closing(self) -> None:
        if self.closing:
            raise StateError(f"the session is over: {self.reason or 'closed'}")


def _periods(config: SessionConfig) -> dict[Timer, float | None]:
    return {
        Timer.BIND: config.bind_timeout,
        Timer.UNBIND: config.unbind_timeout,
        Timer.READ: config.read_timeout,
        Timer.ENQUIRE: config.enquire_link_interval,
        Timer.ANSWER: config.enquire_link_timeout,
        Timer.INACTIVITY: config.inactivity_timeout,
    }
