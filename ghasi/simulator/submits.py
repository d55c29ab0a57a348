"""What an SMSC does with submit_sm and data_sm: judge, number, answer, and plan the receipts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ghasi.simulator.agenda import Agenda
from ghasi.simulator.config import Operator, Outcome
from ghasi.simulator.desk import Desk, Parcel
from ghasi.simulator.dialects import DIALECTS
from ghasi.simulator.faults import after_answer, answer, before_answer
from ghasi.simulator.features import Part, features, part_of
from ghasi.simulator.ids import IdSource, MessageIds
from ghasi.simulator.link import Link
from ghasi.simulator.log import Journal
from ghasi.simulator.messages import Message, Messages
from ghasi.simulator.meter import SlidingSecond
from ghasi.simulator.quoting import quoted
from ghasi.simulator.receipts import Address
from ghasi.simulator.rules import Faults, ReceiptFault, status_code
from ghasi.simulator.script import Occasion, Script
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import DataSm, SubmitSm
from ghasi.smpp.tlv import Tag, Tlv, find

_RECEIPT_AHEAD: Final = 0.2
"""Seconds from a receipt to the response it overtakes, where the rule gives the response no delay."""
_AS_USUAL: Final = ReceiptFault()
_NO_IDS: Final = MessageIds("", "", "")
_INTERMEDIATE: Final = 0x20
_WORST_EVERY: Final = 1.0
"""Seconds between two lines about a new worst second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to happen with one submit."""

    status: int
    taken: bool
    message_id: str
    ids: MessageIds
    part: Part
    delay: float
    faults: Faults


class Submits:
    """One operator's intake. `started` is the loop time of the start: rules count from it."""

    def __init__(
        self,
        operator: Operator,
        *,
        agenda: Agenda,
        journal: Journal,
        script: Script,
        ids: IdSource,
        rng: random.Random,
        messages: Messages,
        desk_of: Callable[[str], Desk],
        started: float,
    ) -> None:
        self._operator = operator
        self._agenda = agenda
        self._journal = journal
        self._script = script
        self._ids = ids
        self._rng = rng
        self._messages = messages
        self._desk_of = desk_of
        self._started = started
        self._accepted = SlidingSecond()
        self._weights = [outcome.share for outcome in operator.receipts.outcomes]
        self.arrivals = SlidingSecond()
        self.count = 0
        self._worst_due = False

    def handle(self, link: Link, pdu: SubmitSm | DataSm) -> None:
        """Takes one PDU off the wire: count, judge, note, answer, plan its receipts."""
        self.count += 1
        if self.arrivals.add(link.mono) and not self._worst_due:
            self._worst_due = True
            self._agenda.after(_WORST_EVERY, self.tell_worst)
        if link.leaving:
            self._note(link, pdu, None)
            return
        verdict = self._judge(link, pdu)
        self._note(link, pdu, verdict)
        before_answer(link, verdict.faults, self._journal)
        if verdict.taken:
            self._take(link, pdu, verdict)
        if verdict.delay > 0:
            link.waiting += verdict.status == 0
            self._agenda.at(link.mono + verdict.delay, partial(self._answer_late, link, pdu, verdict))
        else:
            self._answer(link, pdu, verdict)

    # -- judging

    def _judge(self, link: Link, pdu: SubmitSm | DataSm) -> Verdict:
        part = part_of(pdu)
        rate = self._accepted.count(link.mono) + 1
        faults = self._script.faults(
            "submit",
            Occasion(
                at=link.mono - self._started,
                system_id=link.system_id,
                mode=link.mode,
                source=pdu.source_addr,
                destination=pdu.destination_addr,
                features=features(pdu, part),
                rate=rate,
                waiting=link.waiting + 1,
            ),
        )
        status = faults.code if faults.status is not None else self._own_judgement(link, pdu, rate)
        if status == 0:
            self._accepted.add(link.mono)
        taken = status == 0 if faults.taken is None else faults.taken
        ids = self._ids.take() if taken or status == 0 else _NO_IDS
        return Verdict(
            status=status,
            taken=taken,
            message_id=self._answered_id(status, ids, part, faults),
            ids=ids,
            part=part,
            delay=self._delay(faults),
            faults=faults,
        )

    def _own_judgement(self, link: Link, pdu: SubmitSm | DataSm, rate: int) -> int:
        """What this SMSC refuses without any rule."""
        if self._operator.enforce_window and link.waiting >= self._operator.window_size:
            return status_code(self._operator.full_window_with)
        if self._operator.enforce_tps and rate > self._operator.tps_limit:
            return CommandStatus.ESME_RTHROTTLED
        if not (pdu.destination_addr.isascii() and pdu.destination_addr.removeprefix("+").isdecimal()):
            return CommandStatus.ESME_RINVDSTADR
        if isinstance(pdu, SubmitSm) and pdu.short_message and find(pdu.tlvs, Tag.MESSAGE_PAYLOAD):
            return CommandStatus.ESME_RINVMSGLEN
        return CommandStatus.ESME_ROK

    def _answered_id(self, status: int, ids: MessageIds, part: Part, faults: Faults) -> str:
        if status:
            return ""
        if faults.message_id is not None:
            return faults.message_id
        return "" if part.number > 1 and self._operator.ids.later_parts == "empty" else ids.response

    def _delay(self, faults: Faults) -> float:
        delay = self._script.seconds(self._operator.response_delay if faults.delay is None else faults.delay)
        receipt = faults.receipt
        if isinstance(receipt, ReceiptFault) and receipt.before_response and faults.delay is None:
            return max(delay, _RECEIPT_AHEAD)
        return delay

    # -- answering

    def _answer_late(self, link: Link, pdu: SubmitSm | DataSm, verdict: Verdict) -> None:
        link.waiting -= verdict.status == 0
        self._answer(link, pdu, verdict)

    def _answer(self, link: Link, pdu: SubmitSm | DataSm, verdict: Verdict) -> None:
        if verdict.delay and link.leaving:
            return
        faults = verdict.faults
        fields: dict[str, Any] = {} if verdict.status else {"message_id": verdict.message_id}
        if faults.info is not None:
            fields["tlvs"] = (Tlv.c_string(Tag.ADDITIONAL_STATUS_INFO_TEXT, faults.info),)
        answer(link, pdu, faults, status=verdict.status, **fields)
        after_answer(link, faults, self._journal)

    # -- receipts

    def _take(self, link: Link, pdu: SubmitSm | DataSm, verdict: Verdict) -> None:
        plan, faults = self._operator.receipts, verdict.faults
        fault = faults.receipt if isinstance(faults.receipt, ReceiptFault) else _AS_USUAL
        outcome = self._outcome()
        wait = self._script.seconds(plan.delay if fault.delay is None else fault.delay)
        if fault.before_response:
            wait = 0.0 if fault.delay is None else wait
        else:
            wait += verdict.delay
        reference = find(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE) if pdu.tlvs else None
        dialect = DIALECTS[fault.dialect or plan.dialect]
        ids = verdict.ids if fault.id is None else MessageIds(verdict.ids.response, fault.id, fault.id)
        message = Message(
            ids=ids,
            system_id=link.system_id,
            link=link.number,
            source=Address(ton=pdu.source_addr_ton, npi=pdu.source_addr_npi, number=pdu.source_addr),
            destination=Address(ton=pdu.dest_addr_ton, npi=pdu.dest_addr_npi, number=pdu.destination_addr),
            dialect=dialect,
            stat=fault.stat or outcome.stat,
            err=outcome.err if fault.err is None else fault.err,
            state=fault.state,
            at=link.at,
            due=link.mono + wait,
            utc_minutes=plan.utc_minutes,
            text=quoted(pdu, self._operator.alphabet, plan.alphabet, ucs2=dialect.ucs2),
            reference=reference.value if reference else None,
        )
        self._messages.add(verdict.message_id or ids.response, message)
        if faults.receipt != "none" and self._wants_receipt(pdu, message, verdict.part):
            self._plan_receipts(pdu, message, fault, wait)

    def _outcome(self) -> Outcome:
        outcomes = self._operator.receipts.outcomes
        return outcomes[0] if len(outcomes) == 1 else self._rng.choices(outcomes, self._weights)[0]

    def _wants_receipt(self, pdu: SubmitSm | DataSm, message: Message, part: Part) -> bool:
        """By registered_delivery bits 0-1 (SMPP 3.4 §5.2.17; 3, success only, is SMPP 5's) and the plan."""
        plan = self._operator.receipts
        if plan.when == "never":
            return False
        if (plan.parts == "first" and part.number != 1) or (plan.parts == "last" and part.number != part.total):
            return False
        wanted = pdu.registered_delivery & 0x03
        delivered = message.stat == "DELIVRD"
        return plan.when == "always" or wanted == 1 or (wanted == 2 and not delivered) or (wanted == 3 and delivered)

    def _plan_receipts(self, pdu: SubmitSm | DataSm, message: Message, fault: ReceiptFault, wait: float) -> None:
        esm_class = message.dialect.enroute
        if esm_class is None and (fault.enroute or pdu.registered_delivery & 0x10):
            esm_class = _INTERMEDIATE
        if esm_class is not None and fault.enroute is not False:
            self._agenda.at(message.due - wait / 2, partial(self._post, message, "ENROUTE", esm_class, 1))
        for copy in range(1, fault.copies + 1):
            self._agenda.at(message.due, partial(self._post, message, None, None, copy))

    def _post(self, message: Message, stat: str | None, esm_class: int | None, copy: int) -> None:
        """Writes the receipt now, so that its done date is true, and leaves it with the account's desk."""
        pdu = message.receipt(now=time.time(), stat=stat, esm_class=esm_class)
        about = {
            "message_id": message.ids.response,
            "receipt_id": message.ids.receipt,
            "destination_addr": message.destination.number,
            "stat": stat or message.stat,
            "err": message.err,
            "final": stat is None,
            "copy": copy,
        }
        same = message.link if self._operator.receipts.route == "same" else None
        self._desk_of(message.system_id).post(Parcel(pdu, about, same))

    # -- the log

    def tell_worst(self) -> None:
        """A line about the fullest sliding second so far."""
        self._worst_due = False
        self._journal.write("worst_second", count=self.arrivals.worst, begins=self.arrivals.worst_at)

    def _note(self, link: Link, pdu: SubmitSm | DataSm, verdict: Verdict | None) -> None:
        """The submit line; `verdict` None: it came on a session that the script was ending."""
        if not self._journal.is_open:
            return
        part = verdict.part if verdict else part_of(pdu)
        self._journal.write(
            "submit",
            at=link.at,
            mono=link.mono,
            command=pdu.command_name,
            seq=pdu.sequence_number,
            bind=link.number,
            system_id=link.system_id,
            source_addr=pdu.source_addr,
            source_addr_ton=pdu.source_addr_ton,
            source_addr_npi=pdu.source_addr_npi,
            destination_addr=pdu.destination_addr,
            dest_addr_ton=pdu.dest_addr_ton,
            dest_addr_npi=pdu.dest_addr_npi,
            esm_class=pdu.esm_class,
            data_coding=pdu.data_coding,
            registered_delivery=pdu.registered_delivery,
            short_message=pdu.short_message.hex() if isinstance(pdu, SubmitSm) else "",
            tlvs=[[tlv.name, tlv.value.hex()] for tlv in pdu.tlvs],
            part=part.number,
            parts=part.total,
            reference=part.reference,
            message_id=verdict.message_id if verdict else "",
            receipt_id=verdict.ids.receipt if verdict else "",
            command_status=verdict.status if verdict else None,
            answer=_answer_kind(verdict),
            delay=verdict.delay if verdict else 0.0,
            taken=verdict.taken if verdict else False,
        )


def _answer_kind(verdict: Verdict | None) -> str:
    if verdict is None or verdict.faults.drop == "unanswered":
        return "none"
    return verdict.faults.answer or "normal"
