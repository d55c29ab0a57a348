"""What happens on an operator's links: answers to the way out, receipts to the way in, faults to the slots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from ghasi.contracts.sessions import SendRules
from ghasi.contracts.statuses import status_rules
from ghasi.contracts.submission import Fate, LateResponse, PartFate
from ghasi.logs import get_logger
from ghasi.profiles.receipt_rules import receipt_rules
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import Pdu
from ghasi.smpp.receipt import ReceiptRules
from ghasi.smpp.receipt_rules import PLAIN_RULES
from ghasi.smpp.status import Action
from ghasi.smpp.status_rules import PLAIN, StatusRules
from sessions_gateway.connection import Link
from sessions_gateway.gate import Gate
from sessions_gateway.jobs import Part
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import OperatorMetrics
from sessions_gateway.outbound import Outbound
from sessions_gateway.receipts import Receipts
from sessions_gateway.taps import Taps

SYSTEM_ERRORS_PER_COUNT = 4
"""ESME_RSYSERR may be a message's own fault: only a long row of them is the session's."""
TELL_THROTTLED_EVERY = 1.0

log = get_logger()


class Traffic:
    """The owner of all links of one operator. `at_fault(link, reason)` asks for a new bind; `narrowed()` is called
    when a link's window became smaller."""

    def __init__(
        self,
        operator_id: str,
        memory: Memory,
        metrics: OperatorMetrics,
        receipts: Receipts,
        may_write: Callable[[], bool],
        at_fault: Callable[[Link, str], None],
        narrowed: Callable[[], None] = lambda: None,
    ) -> None:
        self.statuses: StatusRules = PLAIN
        """What the operator's refusals mean."""
        self.receipt_rules: ReceiptRules = PLAIN_RULES
        """What of the operator's requests is a receipt."""
        self._followed: SendRules | None = None
        self._narrowed = narrowed
        self._operator_id = operator_id
        self._metrics = metrics
        self._receipts = receipts
        self._at_fault = at_fault
        self._errors: WeakKeyDictionary[Link, tuple[int, int]] = WeakKeyDictionary()
        """Of links that refuse: status and how often in a row. A link that is given up goes on to answer for a while,
        so that nobody can say when the last one came."""
        self._throttled = 0
        """Throttled submits that no log line has told of."""
        self._told: asyncio.TimerHandle | None = None
        self.taps = Taps()
        self.outbound = Outbound(Gate(1), memory, metrics, may_write, self._judge, self._wants_less)

    def follow(self, rules: SendRules) -> None:
        """The operator's rules as they are from now on. What is made of them is made once for equal ones, not for
        each PDU."""
        if rules == self._followed:
            return
        self.statuses = status_rules(rules.statuses)
        self.receipt_rules = receipt_rules(rules)
        self._followed = rules

    def opened(self, link: Link, slot: int) -> None:
        """A connection on which nothing has been said yet."""
        self.taps.opened(link, slot)

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
        self._receipts.take(self._operator_id, self._metrics, link, request, frame, self.receipt_rules)

    def writable(self, link: Link) -> None:
        self.outbound.schedule()

    def fell_silent(self, link: Link) -> None:
        self._metrics.enquire_timeouts.inc()
        log.warning("enquire_link.timeout", operatorId=self._operator_id)

    def protocol_fault(self, link: Link) -> None:
        self._metrics.protocol_faults.inc()

    def is_queue_full(self, command_status: int) -> bool:
        """Whether the status, met by a full window, is to make it smaller."""
        return self.statuses.rule(command_status).narrows

    def window_narrowed(self, link: Link) -> None:
        self._metrics.window_narrowed.inc()
        log.warning("window.narrowed", operatorId=self._operator_id, count=link.window_open)
        self._narrowed()

    def _wants_less(self, command_status: int) -> bool:
        return self.statuses.rule(command_status).slows

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
        rule = self.statuses.rule(status)
        if rule.slows:
            self._throttled += 1
            if self._told is None:
                self._tell_throttled()
        last, count = self._errors.get(link, (status, 0))
        count = count if last == status else 0
        self._errors[link] = (status, count + 1)
        row = count // SYSTEM_ERRORS_PER_COUNT if status == CommandStatus.ESME_RSYSERR else count
        if rule.action_after(row) is Action.REBIND:
            self._at_fault(link, f"session at fault: 0x{status:08X}")

    def _tell_throttled(self) -> None:
        """The first answer at once, those after it together: an operator may throttle thousands a second."""
        self._told = None
        if self._throttled:
            log.warning("smpp.submit_sm.throttled", operatorId=self._operator_id, count=self._throttled)
            self._throttled = 0
            self._told = asyncio.get_running_loop().call_later(TELL_THROTTLED_EVERY, self._tell_throttled)
