"""One command in hand: its PDUs, what the ledger said of it, and which parts still have to go."""

from __future__ import annotations

import hashlib
from collections import deque
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ghasi.contracts import subjects
from ghasi.contracts.commands import DeadReason, Refused, SmsDispatchCommand, decode_command
from ghasi.contracts.replay import replay_attempt
from ghasi.contracts.rules import ValidityForm
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.traceparent import checked, derived
from ghasi.correlations.types import DoubtRule, Intent, Part
from ghasi.smpp.errors import FieldError
from ghasi.sms.coding import Wanted
from ghasi.sms.errors import AddressError, InvalidNumber, TextError, TooLong
from ghasi.sms.header import own_elements
from ghasi.sms.reference import message_reference
from ghasi.sms.segmentation import LongMode, Strategy
from ghasi.sms.submit import MessageType
from ghasi.telemetry import TRACES
from workers.delivery import Delivery
from workers.submit_rules import writers_of

PLAIN_RULES = SendRules()


VALIDITY_AGE = timedelta(seconds=1)
"""A validity_period is built anew after that: its own unit is the second."""
_STRATEGIES = {one.value: one for one in Strategy}
_TYPES = {one.value: one for one in MessageType}
_WANTED = {one.value: one for one in Wanted}


class Outgoing:
    """A command from intake to its settlement.

    `todo` holds the parts that are claimed and still to hand over, in order; before the claim it is None and
    every segment counts. `open_parts` counts parts handed over whose fate is not recorded yet; `left` says that
    at least one was more than given back unsent; `replica` is the gateway they were handed to last. `carrier` is the
    operator whose `rules` the PDUs follow; `changed` counts the characters that transliteration replaced for it.
    """

    __slots__ = (
        "built_at",
        "carrier",
        "changed",
        "command",
        "delivery",
        "lane_value",
        "left",
        "open_parts",
        "pdus",
        "replica",
        "retry_at",
        "rules",
        "strategy",
        "todo",
    )

    def __init__(
        self, delivery: Delivery, command: SmsDispatchCommand, rules: SendRules, carrier: str, now: datetime
    ) -> None:
        self.delivery = delivery
        self.command = command
        self.rules = rules
        self.carrier = carrier
        self.pdus: list[bytes] = []
        self.strategy = ""
        self.changed = 0
        self.todo: deque[Part] | None = None
        self.open_parts = 0
        self.left = False
        self.replica = ""
        self.retry_at: datetime | None = None
        self.lane_value = _lane_value(command.message_id)
        self.encode(rules, carrier, now)

    def encode(self, rules: SendRules, carrier: str, now: datetime) -> None:
        """(Re)builds the PDUs by the rules of `carrier`; raises Refused for what can never be sent."""
        self.rules, self.carrier, self.built_at = rules, carrier, now
        self.pdus, self.strategy, self.changed = encode_command(self.command, rules, now)

    @property
    def built_for(self) -> tuple[str, SendRules]:
        """The operator and the rules that the PDUs follow."""
        return self.carrier, self.rules

    def outdated(self, now: datetime) -> bool:
        """Whether the PDUs say how long the message is valid, and said it a while ago."""
        return self.rules.validity.form is not ValidityForm.NONE and now - self.built_at >= VALIDITY_AGE

    @property
    def unsent(self) -> int:
        """PDUs that still have to be handed over."""
        return len(self.pdus) if self.todo is None else len(self.todo)

    @property
    def message_id(self) -> UUID:
        return self.command.message_id

    @property
    def given_traceparent(self) -> str | None:
        """The platform's, by header or field; None where what it gave is none."""
        return checked(self.delivery.header(subjects.HEADER_TRACEPARENT) or self.command.traceparent)

    @property
    def traceparent(self) -> str | None:
        """Of all that becomes of the message: the platform's; else, where traces are made, one of its own."""
        given = self.given_traceparent
        if given is None and TRACES.on:
            return str(derived(self.message_id, TRACES.ratio))
        return given

    def expired(self, now: datetime) -> bool:
        """True while nothing of it has been claimed and its time is over (docs/contract.md §2)."""
        return self.todo is None and now >= self.command.expires_at

    def intent(self, doubts: tuple[DoubtRule, ...] = (), apart: bool = False) -> Intent:
        """What the ledger is asked, with `carrier` the operator that would carry it (see Intent for the rest)."""
        command, carrier = self.command, UUID(self.carrier)
        return Intent(
            message_id=command.message_id,
            event_id=command.event_id,
            operator_id=carrier,
            requested_operator_id=command.operator_id,
            destination=command.to.lstrip("+"),
            sender=command.sender,
            account_id=command.account_id,
            segments=len(self.pdus),
            enqueued_at=command.enqueued_at,
            expires_at=command.expires_at,
            traceparent=self.traceparent,
            replay_attempt=replay_attempt(self.delivery.header(subjects.HEADER_REPLAY)),
            user_message_reference=self._reference(),
            in_doubt_policy=self.rules.in_doubt_policy.value,
            in_doubt_wait=self.rules.in_doubt_wait,
            other_doubts=tuple(rule for rule in doubts if rule.operator_id != carrier),
            stored_at=datetime.fromtimestamp(self.delivery.stored, UTC),
            apart=apart,
        )

    def _reference(self) -> str | None:
        """What the first part's TLV says, as the ledger keeps it: four hex digits."""
        return f"{message_reference(self.message_id):04x}" if self.rules.user_message_reference else None


def _lane_value(message_id: UUID) -> int:
    return message_id.int & 0x7FFF_FFFF


def take(
    delivery: Delivery, operator_id: str, rules: SendRules, now: datetime, retention: int, carrier: str | None = None
) -> Outgoing:
    """A delivery of `operator_id`'s subject as an Outgoing, built by the rules of `carrier`, which is the operator
    itself where nobody is named; raises Refused where it is no command that can ever be sent."""
    replayed = delivery.header(subjects.HEADER_REPLAY) is not None
    command = decode_command(
        delivery.data, operator_id=operator_id, now=now, retention_days=retention, replayed=replayed
    )
    return Outgoing(delivery, command, rules, carrier or operator_id, now)


def encode_command(command: SmsDispatchCommand, rules: SendRules, now: datetime) -> tuple[list[bytes], str, int]:
    """The complete submit_sm PDUs of a command, sequence numbers unset, its long message strategy (`csms`, `tlv`, or
    "" for a single part), and how many characters were replaced. `now` counts where the operator wants a validity
    period.

    Raises Refused.
    """
    try:
        strategy = _STRATEGIES[command.long_message_strategy]
        pdus, mode, changed = (
            writers_of(rules)
            .writer(command, strategy, now)
            .write(
                command.text,
                _WANTED[command.encoding],
                strategy,
                command.message_id,
                to=command.to,
                sender=command.sender,
                message_type=_TYPES[command.message_type],
                elements=b"" if command.udh is None else own_elements(command.udh),
            )
        )
    except TooLong as error:
        raise _refused(DeadReason.TOO_LONG, error, command) from None
    except TextError as error:
        raise _refused(DeadReason.BAD_TEXT, error, command) from None
    except AddressError as error:
        reason = DeadReason.BAD_DESTINATION if isinstance(error, InvalidNumber) else DeadReason.BAD_SENDER
        raise _refused(reason, error, command) from None
    except FieldError as error:
        raise _refused(DeadReason.MALFORMED, error, command) from None
    if mode is None:
        return pdus, "", changed
    return pdus, "tlv" if mode is LongMode.PAYLOAD else "csms", changed


def _refused(reason: DeadReason, error: Exception, command: SmsDispatchCommand) -> Refused:
    return Refused(reason, str(error), str(command.message_id), by_rules=True)


def dead_letter_body(data: bytes, limit: int) -> tuple[bytes, dict[str, str]]:
    """What of an unsendable command goes to SMPP_DEAD: all of it where it fits in `limit` octets, else its head
    with length and SHA-256 of the whole (docs/contract.md §2)."""
    if len(data) <= limit:
        return data, {}
    return data[:limit], {
        "Smpp-Length": str(len(data)),
        "Smpp-Sha256": hashlib.sha256(data).hexdigest(),
        "Smpp-Truncated": "1",
    }
