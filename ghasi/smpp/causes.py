"""Why a message was not delivered, in one closed vocabulary (docs/contract.md §3, `cause`).

Operators write error codes of their own. The code is kept as it came; its cause is looked up in the operator's table,
then in the table of the network that a network_error_code TLV names (SMPP 3.4 §5.3.2.31). What no table lists is
UNKNOWN, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final


class Cause(StrEnum):
    """`cause` of a DlrInboundEvent. The vocabulary only grows."""

    ABSENT_SUBSCRIBER = "ABSENT_SUBSCRIBER"
    """Switched off, out of reach, no answer to paging."""
    UNKNOWN_SUBSCRIBER = "UNKNOWN_SUBSCRIBER"
    """The number is not allotted, or its network does not know it."""
    ILLEGAL_SUBSCRIBER = "ILLEGAL_SUBSCRIBER"
    """The network refuses the subscription: not authenticated, blacklisted."""
    SUBSCRIBER_BUSY = "SUBSCRIBER_BUSY"
    CALL_BARRED = "CALL_BARRED"
    """Incoming messages are barred, by the operator or by the subscriber's settings."""
    OPTED_OUT = "OPTED_OUT"
    """The subscriber does not want this sender's messages (do not disturb, block list)."""
    ROAMING_BARRED = "ROAMING_BARRED"
    MEMORY_FULL = "MEMORY_FULL"
    EQUIPMENT_FAULT = "EQUIPMENT_FAULT"
    """Handset or SIM refused or failed."""
    SERVICE_NOT_SUPPORTED = "SERVICE_NOT_SUPPORTED"
    """Network or subscription has no SMS, or not this kind."""
    PORTABILITY_FAULT = "PORTABILITY_FAULT"
    NO_ROUTE = "NO_ROUTE"
    NETWORK_FAULT = "NETWORK_FAULT"
    NETWORK_CONGESTED = "NETWORK_CONGESTED"
    OPERATOR_FAULT = "OPERATOR_FAULT"
    """The operator's own systems failed, before the network."""
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    """Too many messages: of this account, sender or to this number."""
    INSUFFICIENT_CREDIT = "INSUFFICIENT_CREDIT"
    CONTENT_BLOCKED = "CONTENT_BLOCKED"
    """Text, link or kind of traffic is filtered as spam or not allowed."""
    INVALID_DESTINATION = "INVALID_DESTINATION"
    INVALID_SENDER = "INVALID_SENDER"
    """The sender is malformed, not registered or blocked."""
    INVALID_MESSAGE = "INVALID_MESSAGE"
    """A field, length or coding the operator does not take."""
    VALIDITY_EXPIRED = "VALIDITY_EXPIRED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    """The operator gave a code that no table names."""


class Network(IntEnum):
    """First octet of a network_error_code TLV; 1 to 3 by SMPP 3.4, the others came with SMPP 5."""

    ANSI_136 = 1
    IS_95 = 2
    GSM = 3
    ANSI_136_CAUSE = 4
    IS_95_CAUSE = 5
    ANSI_41 = 6
    SMPP = 7
    MESSAGE_CENTRE = 8


@dataclass(frozen=True, slots=True)
class NetworkError:
    """A network_error_code TLV as read. `network` is None where the value has no octet for it."""

    network: int | None
    code: int


class ErrorForm(StrEnum):
    """How an operator writes `err`. TEXT compares what stands there, but for letter case and leading zeros."""

    TEXT = "text"
    DEC = "dec"
    HEX = "hex"


NULL_WORDS: Final = frozenset({"", "null", "none", "nil", "n/a", "-"})
_FULL: Final = re.compile(r"0[xX]([0-9a-fA-F]{1,16})\Z", re.ASCII)
_NUMBERS: Final = {
    ErrorForm.DEC: (re.compile(r"[0-9]{1,18}\Z", re.ASCII), 10),
    ErrorForm.HEX: (re.compile(r"[0-9a-fA-F]{1,16}\Z", re.ASCII), 16),
}


@dataclass(frozen=True, slots=True)
class ErrorCodes:
    """One operator's error codes: how receipts write them and what they mean.

    `causes` by code as receipts write it (`"19"`, `"4A6"`), as a full number (`"0x1013"`), or by a stat word
    (`"NOCRED"`). Receipts that carry only the low `low_bits` bits of a documented code get `base` added to them:
    GatewayAPI's 0x107E stands as 126 in a receipt, 12 bits over 0x1000.
    """

    form: ErrorForm = ErrorForm.TEXT
    low_bits: int = 0
    base: int = 0
    causes: Mapping[str, Cause] = field(default_factory=dict)
    _by_key: Mapping[str, Cause] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_key", {self._key(code): cause for code, cause in self.causes.items()})

    def number(self, code: str) -> int | None:
        """The documented number of a code; None where its form is text or it is no number in its form."""
        full = _FULL.match(code)
        known = _NUMBERS.get(self.form)
        if known is None:
            return None
        if full:
            return int(full[1], 16)
        if not known[0].match(code):
            return None
        number = int(code, known[1])
        return self.base + (number & ((1 << self.low_bits) - 1)) if self.low_bits else self.base + number

    def named(self, code: str) -> Cause | None:
        """What the operator's table says of a code or a stat word; None where it lists neither."""
        return self._by_key.get(self._key(code)) if self._by_key else None

    def named_number(self, code: int) -> Cause | None:
        """What the operator's table says of the number in a network_error_code TLV."""
        return self.named(f"{code}" if self.form is ErrorForm.TEXT else f"0x{code:X}")

    def _key(self, code: str) -> str:
        number = self.number(code)
        return f"#{number}" if number is not None else code.upper().lstrip("0") or "0"


PLAIN_CODES: Final = ErrorCodes()


def says_nothing(code: str | None) -> bool:
    """True for no code, a word for "nothing", or nothing but zeros and dots."""
    return code is None or code.lower() in NULL_WORDS or not code.strip("0.")


def read_network_error(value: bytes | None) -> NetworkError | None:
    """Network and code of a network_error_code TLV; of three octets the last two are the code.

    Three ASCII digits are that number and a single octet is the code, as some operators send it; any other
    length says nothing.
    """
    if value and len(value) == 3:
        if value.isdigit():
            return NetworkError(None, int(value))
        return NetworkError(value[0], int.from_bytes(value[1:], "big"))
    return NetworkError(None, value[0]) if value and len(value) == 1 else None
