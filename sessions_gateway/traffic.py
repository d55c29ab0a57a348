"""What happens on an operator's links: answers to the way out, receipts to the way in, faults to the slots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ghasi.contracts.submission import Fate, LateResponse, PartFate
from ghasi.logs import get_logger
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import Pdu
from ghasi.smpp.status import Action, submit_action
from sessions_gateway.connection import Link
from sessions_gateway.gate import Gate
from sessions_gateway.jobs import Part
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import OperatorMetrics
from sessions_gateway.outbound import Outbound
from sessions_gateway.receipts import Receipts

SYSTEM_ERRORS_PER_COUNT = 4
"""ESME_RSYSERR may be a message's own fault: only a long row of them is the session's."""
TELL_THROTTLED_EVERY = 1.0

log = get_logger()


class Traffic:
    """The owner of all links of one operator. `at_fault(link, reason)` asks for a new bind."""

    def __init__(
        self,
        operator_id: str,
        memory: Memory,
        metrics: OperatorMetrics,
        receipts: Receipts,
        may_write: Callable[[], bool],
        at_fault: Callable[[Link, str], None],
    ) -> None:
        self._operator_id = operator_id
        self._metrics = metrics
        self._receipts = receipts
        self._at_fault = at_fault
        self._errors: dict[Link, tuple[int, int]] = {}
        self._throttled = 0
        """ESME_RTHROTTLED answers that no log line has told of."""
        self._told: asyncio.TimerHandle | None = None
        self.outbound = Outbound(Gate(1), memory, metrics, may_write, self._judge)

    def forget(self, link: Link) -> None:
        """The link has ended."""
        self._errors.pop(link, None)

    def answered(self, link: Link, part: Part, response: Pdu, elapsed: float) -> None:
        self.outbound.answered(link, part, response, elapsed)

    def expired(self, link: Link, part: Part) -> None:
        self.outbound.unanswered(part, "timeout")

    def lost(self, link: Link, part: Part) -> None:
        self.outbound.unanswered(part, "session ended")

    def answered_late(self, link: Link, part: Part, response: Pdu) -> None:
        fate = self.outbound.answered_late(part, response)
        if fate.fate is Fate.UNANSWERED:
            return
        late = LateResponse(part.key, fate.operator_message_id, fate.command_status, fate.answered_ms)
        self._receipts.take_late(self._operator_id, self._metrics, late)

    def received(self, link: Link, request: Pdu, frame: bytes) -> None:
        self._receipts.take(self._operator_id, self._metrics, link, request, frame)

    def writable(self, link: Link) -> None:
        self.outbound.schedule()

    def fell_silent(self, link: Link) -> None:
        self._metrics.enquire_timeouts.inc()
        log.warning("enquire_link.timeout", operatorId=self._operator_id)

    def protocol_fault(self, link: Link) -> None:
        self._metrics.protocol_faults.inc()

    def moved(self, sent: int, received: int) -> None:
        if sent:
            self._metrics.bytes_sent.inc(sent)
        if received:
            self._metrics.bytes_received.inc(received)

    def _judge(self, link: Link, fate: PartFate) -> None:
        """A session that answers one error over and over is at fault itself: bind anew."""
        if fate.fate is not Fate.REJECTED:
            if self._errors:
                self._errors.pop(link, None)
            return
        status = fate.command_status
        if status == CommandStatus.ESME_RTHROTTLED:
            self._throttled += 1
            if self._told is None:
                self._tell_throttled()
        last, count = self._errors.get(link, (status, 0))
        count = count if last == status else 0
        self._errors[link] = (status, count + 1)
        row = count // SYSTEM_ERRORS_PER_COUNT if status == CommandStatus.ESME_RSYSERR else count
        if submit_action(status, row) is Action.REBIND:
            self._at_fault(link, f"session at fault: 0x{status:08X}")

    def _tell_throttled(self) -> None:
        """The first answer at once, those after it together: an operator may throttle thousands a second."""
        self._told = None
        if self._throttled:
            log.warning("smpp.submit_sm.throttled", operatorId=self._operator_id, count=self._throttled)
            self._throttled = 0
            self._told = asyncio.get_running_loop().call_later(TELL_THROTTLED_EVERY, self._tell_throttled)
