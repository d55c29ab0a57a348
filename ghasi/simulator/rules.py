"""The rules of a scenario: when one applies and what then goes wrong (docs/simulator.md, "Rules").

A rule is a line of the script: `{to: "93700000040*", status: ESME_RINVDSTADR}`. `Faults` holds what it does, `Rule`
adds when it applies.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from fnmatch import translate
from typing import Annotated, Final, Literal

import msgspec

from ghasi.simulator.dialects import DIALECTS
from ghasi.smpp.constants import STATUS_NAMES

Span = float | tuple[float, float]
Status = int | str
Natural = Annotated[int, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Id = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[ -~]*$")]
"""Fits into message_id (SMPP 3.4 §4.4.2)."""
Address = Annotated[str, msgspec.Meta(max_length=20, pattern=r"^[ -~]*$")]
Feature = Literal["messagePayload", "udh", "udh16", "sar", "laterPart", "flash", "ucs2", "receiptWanted"]

_CODES: Final = {name: code for code, name in STATUS_NAMES.items()}


def status_code(status: Status, key: str = "status") -> int:
    """The number of a command_status written as a name or a number. Raises ValueError that names `key`."""
    code = _CODES.get(status) if isinstance(status, str) else status
    if code is None or not 0 <= code <= 0xFFFFFFFF:
        raise ValueError(f"{key}: {status!r} is no command_status (a name as ESME_RTHROTTLED, or a number)")
    return code


def check_span(key: str, span: Span) -> None:
    """A time in seconds, or a range `[least, greatest]`. Raises ValueError."""
    least, greatest = span if isinstance(span, tuple) else (span, span)
    if not 0 <= least <= greatest:
        raise ValueError(f"{key}: must be seconds or [least, greatest], not negative")


def pattern(text: str) -> Callable[[str], bool]:
    """A predicate from `exact`, `with*or?` or `/regular expression/` (searched). Raises ValueError."""
    if len(text) > 1 and text[0] == text[-1] == "/":
        try:
            found = re.compile(text[1:-1]).search
        except re.error as error:
            raise ValueError(f"{text!r} is no regular expression: {error}") from error
        return lambda value: found(value) is not None
    if "*" in text or "?" in text:
        match = re.compile(translate(text)).match
        return lambda value: match(value) is not None
    return text.__eq__


class ReceiptFault(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is different with the receipt of a message that a rule caught; what is absent stays as it was."""

    stat: str | None = None
    err: str | None = None
    state: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    delay: Span | None = None
    dialect: str | None = None
    copies: Natural = 1
    before_response: bool = False
    enroute: bool | None = None
    id: Id | None = None

    def __post_init__(self) -> None:
        if self.delay is not None:
            check_span("delay", self.delay)
        if self.dialect is not None and self.dialect not in DIALECTS:
            raise ValueError(f"dialect: {self.dialect!r} is none of {', '.join(DIALECTS)}")


class Trickle(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """From here on the session writes `octets` at a time with `delay` seconds between, for `seconds` (null: ever)."""

    octets: Count = 1
    delay: Seconds = 0.005
    seconds: Seconds | None = None


class Mo(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A message from a subscriber: a deliver_sm that is no receipt."""

    from_: Address = msgspec.field(name="from")
    to: Address
    text: str = "hello"


class Faults(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Everything a rule can do; absent means: as without the rule."""

    status: Status | None = None
    info: Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[ -~]*$")] | None = None
    message_id: Id | None = None
    delay: Span | None = None
    answer: Literal["none", "nack", "wrongSequence", "wrongCommand", "twice"] | None = None
    taken: bool | None = None
    receipt: ReceiptFault | Literal["none"] | None = None
    drop: Literal["unanswered", "answered"] | None = None
    hangup: Literal["reset", "close"] | None = None
    unbind: bool | None = None
    silence: Seconds | Literal["forever"] | None = None
    trickle: Trickle | None = None
    garbage: str | None = None
    mo: Mo | None = None

    @property
    def code(self) -> int:
        """command_status to answer; 0 where the rule names none."""
        return 0 if self.status is None else status_code(self.status)


class Rule(Faults, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One rule: conditions (all must hold), limits on how often, and the faults of `Faults`."""

    on: Literal["submit", "bind", "connect", "clock"] = "submit"
    to: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    system_id: str | None = None
    mode: Literal["TRX", "TX", "RX"] | None = None
    has: Feature | None = None
    over_rate: Count | None = None
    over_window: Count | None = None
    after: Seconds = 0.0
    until: Seconds | None = None
    every: Annotated[float, msgspec.Meta(gt=0)] | None = None
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    skip: Natural = 0
    times: Count | None = None
    more: bool = False

    def __post_init__(self) -> None:
        if self.status is not None:
            status_code(self.status)
        if self.delay is not None:
            check_span("delay", self.delay)
        if self.garbage is not None:
            _check_hex(self.garbage)
        for key, text in (("to", self.to), ("from", self.from_), ("systemId", self.system_id)):
            if text is not None:
                _check_pattern(key, text)
        if self.until is not None and self.until <= self.after:
            raise ValueError("until: must be later than after")
        self._check_moment()

    def _check_moment(self) -> None:
        """Refuses keys that have no meaning at the rule's moment: a typo must not pass as a rule that never works."""
        given = {
            name
            for name, key in zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True)
            if getattr(self, key) is not None
        }
        for key in _NOT_AT[self.on] & given - ({"hangup"} if self.drop else set()):
            raise ValueError(f"{key}: has no meaning for on: {self.on}")
        if not given & _FAULT_KEYS:
            raise ValueError("status: the rule names no fault (see simulate --list-faults)")
        if self.on == "bind" and self.answer not in (None, "none", "nack"):
            raise ValueError(f"answer: {self.answer} has no meaning for on: bind")
        if self.on == "clock" and self.times is None and self.every is None:
            raise ValueError("every: a rule on the clock needs every or times")


def _check_pattern(key: str, text: str) -> None:
    try:
        pattern(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _check_hex(text: str) -> None:
    try:
        binascii.unhexlify(text.replace(" ", ""))
    except ValueError as error:
        raise ValueError("garbage: must be hexadecimal digits, two an octet") from error


_SUBMIT_ONLY = {"to", "from", "has", "overRate", "info", "messageId", "taken", "receipt", "overWindow"}
_ANSWERING = {"status", "answer", "delay"}
_NOT_AT: Final[dict[str, set[str]]] = {
    "submit": {"every", "mo"},
    "bind": _SUBMIT_ONLY | {"every", "mo"},
    "connect": _SUBMIT_ONLY | _ANSWERING | {"systemId", "mode", "every", "unbind", "mo"},
    "clock": _SUBMIT_ONLY | _ANSWERING,
}
_FAULT_KEYS: Final = frozenset(Faults.__struct_encode_fields__) - {"hangup", "taken"}
RULE_STRUCTS: Final = (Rule, ReceiptFault, Trickle, Mo)

FAULT_HELP: Final[dict[str, str]] = {
    "status": "answer this command_status (a name or a number); a bind is refused with it",
    "info": "text in the TLV additional_status_info_text of the answer",
    "messageId": "answer this message id, whatever the ids of the operator look like (may be empty)",
    "delay": "answer after so many seconds, or a random time of [least, greatest]",
    "answer": "none: never · nack: generic_nack · wrongSequence · wrongCommand: another response id · twice",
    "taken": "false: the message is not kept, so that no receipt comes, whatever was answered",
    "receipt": "none, or {stat, err, state, delay, dialect, copies, beforeResponse, enroute, id}",
    "drop": "unanswered: the connection ends instead of an answer · answered: right after it",
    "hangup": "how drop ends it: reset (default; RST) or close (FIN)",
    "unbind": "the SMSC sends unbind after its answer, with requests still in flight",
    "silence": "for so many seconds (or forever) nothing is read and nothing written; then all of it at once",
    "trickle": "{octets, delay, seconds}: from here on PDUs leave in small pieces",
    "garbage": "these octets (hex) go out before the answer",
    "mo": "on: clock only: {from, to, text}: a message from a subscriber",
}
WHEN_HELP: Final[dict[str, str]] = {
    "on": "submit (default; submit_sm and data_sm), bind, connect, clock (every session, by time)",
    "to, from": "destination or source: text, a pattern with * and ?, or /regular expression/",
    "systemId, mode": "the account; the session's mode TRX, TX or RX",
    "has": "messagePayload, udh, udh16, sar, laterPart (second part and on), flash, ucs2, receiptWanted",
    "overRate": "more than so many submits accepted within the last second, this one included",
    "overWindow": "more than so many accepted submits of the session without an answer, this one included",
    "after, until": "seconds since the start of the simulator",
    "every": "on: clock: seconds between two times",
    "probability": "0 < p <= 1, drawn from the operator's seeded generator",
    "skip, times": "pass so many matches first; apply at most so often",
    "more": "true: later rules may add what this one leaves open (otherwise the first match decides)",
}
