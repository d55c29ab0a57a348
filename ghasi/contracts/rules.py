"""Rules of an operator that its profile states and its workers follow (docs/profiles.md): the parts both share.

They stand in a profile as a person writes it and in the `rules` of a session record as the gateway publishes it.
`Meta(description=...)` is the text of docs/profiles.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class TonNpi(msgspec.Struct, frozen=True, rename="camel"):
    """Type of number and numbering plan of one form of address (SMPP 3.4 §5.2.5, §5.2.6)."""

    ton: Annotated[int, Meta(ge=0, le=255, description="type of number")]
    npi: Annotated[int, Meta(ge=0, le=255, description="numbering plan indicator")]


class Addresses(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """TON and NPI by the form of an address (docs/contract.md §2)."""

    destination: Annotated[TonNpi, Meta(description="of every destination")] = TonNpi(1, 1)
    international: Annotated[TonNpi, Meta(description="of a sender that is a number of 9 to 15 digits")] = TonNpi(
        1, 1
    )
    short_code: Annotated[TonNpi, Meta(description="of a sender that is a number of up to 8 digits")] = TonNpi(3, 0)
    alphanumeric: Annotated[TonNpi, Meta(description="of a sender that is a name")] = TonNpi(5, 0)
    plus: Annotated[bool, Meta(description="international numbers carry their leading plus")] = False


class ValidityForm(StrEnum):
    """How validity_period is written (SMPP 3.4 §7.1.1)."""

    NONE = "none"
    RELATIVE = "relative"
    ABSOLUTE = "absolute"


class Validity(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """validity_period of a submit_sm."""

    form: Annotated[ValidityForm, Meta(description="`none` leaves the field empty: the operator's own default")] = (
        ValidityForm.NONE
    )
    seconds: Annotated[
        Annotated[int, Meta(ge=1, le=2_678_400)] | None,
        Meta(description="a fixed period; without it what is left until `expiresAt`"),
    ] = None
    most: Annotated[
        Annotated[int, Meta(ge=1, le=2_678_400)] | None, Meta(description="seconds the operator accepts at most")
    ] = None
    zone: Annotated[str, Meta(description="IANA zone in which an absolute time is written")] = "UTC"


class TlvEncoding(StrEnum):
    """What the text of a template becomes."""

    ASCII = "ascii"
    CSTRING = "cstring"
    """ASCII and a NUL."""
    HEX = "hex"
    INTEGER = "integer"
    """Big-endian, of `octets` octets."""


class TlvToSend(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One optional parameter that goes with the submit_sm PDUs of this operator."""

    tag: Annotated[int, Meta(ge=0, le=0xFFFF, description="tag, hexadecimal or decimal")]
    value: Annotated[str, Meta(max_length=1024, description="template over the command's fields")]
    encoding: Annotated[TlvEncoding, Meta(description="what the text becomes")] = TlvEncoding.ASCII
    octets: Annotated[int, Meta(ge=1, le=8, description="length of an `integer`")] = 1
    parts: Annotated[
        Literal["all", "first", "last"], Meta(description="on which parts of a long message it stands")
    ] = "all"


class TlvToRead(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One optional parameter this operator sends, and what it is called here."""

    tag: Annotated[int, Meta(ge=0, le=0xFFFF, description="tag, hexadecimal or decimal")]
    name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9]{0,39}\Z", description="name in what is shown")]
    encoding: Annotated[TlvEncoding, Meta(description="how its octets are shown")] = TlvEncoding.ASCII


class StatusAction(StrEnum):
    """What a command_status asks of us (docs/architecture.md)."""

    RETRY_SOON = "retry_soon"
    RETRY_LATER = "retry_later"
    REBIND = "rebind"
    PERMANENT = "permanent"
    HOLD = "hold"


class StatusMeaning(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What one command_status, or a range of them, means at this operator."""

    action: Annotated[StatusAction, Meta(description="what becomes of the part")]
    cause: Annotated[str, Meta(pattern=r"^([a-z][a-z0-9_]{0,47})?\Z", description="a name for it, for people")] = ""
    tries: Annotated[
        Annotated[int, Meta(ge=1, le=100)] | None,
        Meta(description="answers in a row to one message, after which `then` counts"),
    ] = None
    then: Annotated[StatusAction | None, Meta(description="the action after `tries` answers")] = None
    delays: Annotated[
        tuple[Annotated[float, Meta(ge=0.1, le=86_400)], ...],
        Meta(max_length=20, description="seconds before each next try, the last one for ever after"),
    ] = ()
    slows_down: Annotated[bool | None, Meta(description="lowers the rate; by itself for `retry_soon`")] = None
    shrinks_window: Annotated[bool | None, Meta(description="shrinks the window where it was full")] = None


StateWord = Literal[
    "scheduled",
    "enroute",
    "delivered",
    "expired",
    "deleted",
    "undeliverable",
    "accepted",
    "unknown",
    "rejected",
    "skipped",
]
"""A message_state by name (SMPP 3.4 §5.2.28, the first and the last of SMPP 5)."""
CauseWord = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{0,39}\Z")]


class ReceiptErrors(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What error codes of receipts mean; the code itself is always told as sent (docs/contract.md §3)."""

    form: Annotated[
        Literal["text", "dec", "hex"], Meta(description="how `err` is written: a number in that base, or just text")
    ] = "text"
    low_bits: Annotated[
        int, Meta(ge=0, le=32, description="a receipt carries only so many low bits of a code; 0: all of it")
    ] = 0
    base: Annotated[
        int, Meta(ge=0, le=0xFFFFFFFF, description="added to the number: the operator's documented code")
    ] = 0
    table: Annotated[str | None, Meta(description="a list of causes that comes with the connector")] = None
    causes: Annotated[
        dict[str, CauseWord],
        Meta(description="cause by code as sent, by documented code (`0x1013`) or by word of `stat`; before `table`"),
    ] = msgspec.field(default_factory=dict)


class ReceiptForm(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How an operator writes delivery receipts; the defaults read every form that needs no knowledge of it."""

    encoding: Annotated[
        Literal["auto", "latin1", "ascii", "gsm7", "gsm7-packed", "utf8", "ucs2", "ucs2-le"],
        Meta(description="of the text; `auto`: UCS-2 where data_coding says so, else Latin-1"),
    ] = "auto"
    date_forms: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=40)], ...],
        Meta(
            max_length=8,
            description="how dates are written (`YYMMDDhhmm`, `YYYYMMDDhhmmss`, `unix`), before length decides",
        ),
    ] = ()
    id_source: Annotated[
        Literal["both", "tlv", "text"], Meta(description="which id counts where TLV and text both name one")
    ] = "both"
    id_prefix: Annotated[str, Meta(max_length=32, description="what stands before the id in receipts only")] = ""
    id_cut: Annotated[
        str, Meta(max_length=8, description="from this mark on (`@`), an id in a receipt is not the id any more")
    ] = ""
    unmarked: Annotated[bool, Meta(description="receipts may lack the mark in esm_class")] = True
    words: Annotated[dict[str, StateWord], Meta(description="words of `stat` that mean something else here")] = (
        msgspec.field(default_factory=dict)
    )
    keys: Annotated[
        dict[str, Literal["id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text"]],
        Meta(description="the operator's own keys, beside the usual ones"),
    ] = msgspec.field(default_factory=dict)
    mark: Annotated[str, Meta(min_length=1, max_length=2, description="what stands between key and value")] = ":"
    columns: Annotated[
        tuple[Literal["", "id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text"], ...],
        Meta(max_length=40, description="fields of a text without keys, in order; empty skips one"),
    ] = ()
    separator: Annotated[str, Meta(min_length=1, max_length=2, description="between `columns`")] = ","
    errors: Annotated[ReceiptErrors, Meta(description="the error code")] = ReceiptErrors()
