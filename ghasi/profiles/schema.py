"""An operator's profile: everything SMPP left open, as data (docs/profiles.md). The defaults are plain SMPP 3.4.

YAML presets and live profiles follow this one schema. `Meta(description=...)` is the text of docs/profiles.md;
what `REBIND` marks reaches the operator with its next bind only, all else with the next message.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from ghasi.contracts.rules import (
    Addresses,
    ReceiptForm,
    StatusMeaning,
    TlvToRead,
    TlvToSend,
    Validity,
)
from ghasi.contracts.sessions import InDoubtPolicy
from ghasi.smpp.receipt_ids import IdBase
from ghasi.smpp.status_rules import MAX_OVERRIDES
from ghasi.sms.coding import Alphabet, FlashMode
from ghasi.sms.segmentation import LongMode

REBIND: Final = {"needs": "rebind"}
Language = Literal[
    "turkish",
    "spanish",
    "portuguese",
    "bengali",
    "gujarati",
    "hindi",
    "kannada",
    "malayalam",
    "oriya",
    "punjabi",
    "tamil",
    "telugu",
    "urdu",
]
"""National language tables of 3GPP 23.038 (annex A), 1 to 13; Spanish has no locking shift."""


class BindMode(StrEnum):
    """How an operator is bound."""

    TRANSCEIVER = "transceiver"
    PAIR = "pair"
    """A transmitter and a receiver, each on a connection of its own."""


class Directions(StrEnum):
    """Which ways an operator is bound at all."""

    BOTH = "both"
    TX = "tx"
    RX = "rx"


class _Group(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """One group of a profile's fields."""


class Bind(_Group, frozen=True):
    """The bind request (SMPP 3.4 §4.1)."""

    modes: Annotated[
        tuple[BindMode, ...], Meta(min_length=1, max_length=2, description="tried in this order", extra=REBIND)
    ] = (BindMode.TRANSCEIVER, BindMode.PAIR)
    directions: Annotated[
        Directions, Meta(description="`tx`: only a transmitter, `rx`: only a receiver", extra=REBIND)
    ] = Directions.BOTH
    system_type: Annotated[
        str, Meta(max_length=12, pattern=r"^[\x20-\x7e]*\Z", description="system_type of the bind", extra=REBIND)
    ] = ""
    address_range: Annotated[
        str,
        Meta(
            max_length=40,
            pattern=r"^[\x20-\x7e]*\Z",
            description="address_range of the bind: whose messages it receives",
            extra=REBIND,
        ),
    ] = ""
    address_ton: Annotated[int, Meta(ge=0, le=255, description="addr_ton of the bind", extra=REBIND)] = 0
    address_npi: Annotated[int, Meta(ge=0, le=255, description="addr_npi of the bind", extra=REBIND)] = 0
    allow_long_credentials: Annotated[
        bool, Meta(description="takes a systemId over 15 and a password over 8 octets", extra=REBIND)
    ] = False


class Text(_Group, frozen=True):
    """Alphabets and data_coding (SMPP 3.4 §5.2.19, 3GPP 23.038)."""

    alphabet: Annotated[Alphabet, Meta(description="what the operator means by data_coding 0")] = Alphabet.GSM7
    packed: Annotated[bool, Meta(description="GSM 7-bit text goes out packed, eight septets in seven octets")] = False
    strict: Annotated[
        bool, Meta(description="GSM7 text with a character outside the alphabet is refused, not sent as UCS-2")
    ] = False
    allowed_data_codings: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=255)], ...] | None,
        Meta(description="the data_coding values the operator takes; without it any"),
    ] = None
    data_coding_fallback: Annotated[
        bool, Meta(description="where the text's own data_coding is not allowed another one is taken, not refused")
    ] = False
    flash: Annotated[
        FlashMode,
        Meta(
            description="`dcs`: data_coding 0x10/0x18; `f0`: 0xF0 for GSM, 0x18 for UCS-2; `subunit`: a TLV; "
            "without GSM as `alphabet` the first two send UCS-2"
        ),
    ] = FlashMode.DCS
    locking_shift: Annotated[
        tuple[Language, ...], Meta(description="languages whose locking shift table may be used")
    ] = ()
    single_shift: Annotated[
        tuple[Language, ...], Meta(description="languages whose single shift table may be used")
    ] = ()
    transliteration: Annotated[
        Literal["off", "punctuation", "letters", "greek"],
        Meta(description="how far a text may be changed to fit the alphabet: signs, letters without marks, Greek"),
    ] = "off"
    whole_clusters: Annotated[
        bool, Meta(description="characters that belong together stay in one part where that costs no part")
    ] = True


class LongMessages(_Group, frozen=True):
    """Texts of more than one part."""

    csms: Annotated[LongMode, Meta(description="what strategy CSMS becomes: `udh`, `sar` or `payload`")] = (
        LongMode.UDH
    )
    tlv: Annotated[LongMode, Meta(description="what strategy TLV becomes")] = LongMode.PAYLOAD
    reference_bits: Annotated[Literal[8, 16], Meta(description="of the concatenation reference")] = 8
    max_parts: Annotated[int, Meta(ge=1, le=255, description="a longer text is refused")] = 255
    more_messages_to_send: Annotated[bool, Meta(description="that TLV on all parts but the last")] = False


class Submit(_Group, frozen=True):
    """Fields of submit_sm (SMPP 3.4 §4.4.1)."""

    registered_delivery: Annotated[int, Meta(ge=0, le=255, description="1: receipts of success and failure")] = 1
    esm_class_base: Annotated[int, Meta(ge=0, le=255, description="esm_class without the bit of a header")] = 0
    service_type: Annotated[str, Meta(max_length=5, pattern=r"^[\x20-\x7e]*\Z", description="service_type")] = ""
    protocol_id: Annotated[int, Meta(ge=0, le=255, description="protocol_id")] = 0
    priority: Annotated[int, Meta(ge=0, le=255, description="priority_flag")] = 0
    validity: Annotated[Validity, Meta(description="validity_period")] = Validity()
    user_message_reference: Annotated[
        bool, Meta(description="each part carries that TLV, by which a receipt can prove a part in doubt")
    ] = False


class Pace(_Group, frozen=True):
    """How much at once, and how fast."""

    window: Annotated[int, Meta(ge=1, le=5000, description="submit_sm without an answer on each bind")] = 10
    tps: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(description="PDUs in any second, where operator management names no limit"),
    ] = None


class Timers(_Group, frozen=True):
    """How long the connector waits on the operator's connections (docs/contract.md §8)."""

    enquire_link_interval: Annotated[
        Annotated[float, Meta(ge=1, le=3600)] | None,
        Meta(description="seconds from one enquire_link to the next; else as the gateway is set", extra=REBIND),
    ] = None
    enquire_link_timeout: Annotated[
        Annotated[float, Meta(ge=1, le=600)] | None,
        Meta(description="seconds until a connection that leaves it unanswered is dead; likewise", extra=REBIND),
    ] = None
    response: Annotated[
        Annotated[float, Meta(ge=1, le=300)] | None,
        Meta(description="seconds until a submit_sm without an answer is in doubt; likewise", extra=REBIND),
    ] = None


class InDoubt(_Group, frozen=True):
    """Parts whose fate nobody could tell (docs/architecture.md)."""

    policy: Annotated[InDoubtPolicy, Meta(description="`resend`, `hold` for a person, or `fail`")] = (
        InDoubtPolicy.RESEND
    )
    wait: Annotated[float, Meta(ge=0, le=604_800, description="seconds in which a receipt may prove the fate")] = 60.0


class Receipts(ReceiptForm, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """An operator's dialect of delivery receipts."""

    zone: Annotated[str, Meta(description="IANA zone of dates without an offset")] = "UTC"
    id_base: Annotated[
        IdBase,
        Meta(description="`hex` or `dec`: base of the ids in responses, receipts having the other; `text`: the same"),
    ] = IdBase.TEXT
    unknown_is_final: Annotated[bool, Meta(description="state UNKNOWN is final")] = False


class Tlvs(_Group, frozen=True):
    """Optional parameters of this operator."""

    send: Annotated[tuple[TlvToSend, ...], Meta(max_length=16, description="added to submit_sm")] = ()
    read: Annotated[
        tuple[TlvToRead, ...],
        Meta(max_length=32, description="named where PDUs are shown, and told in the events of receipts"),
    ] = ()


class Connection(_Group, frozen=True):
    """Where the operator is."""

    hosts: Annotated[
        tuple[str, ...], Meta(max_length=16, description="`host:port`, binds are spread over them", extra=REBIND)
    ] = ()
    max_binds: Annotated[int, Meta(ge=1, le=64, description="binds over all replicas")] = 1
    tls: Annotated[bool, Meta(description="TLS by the system's authorities", extra=REBIND)] = False


class Profile(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """One operator's dialect. `extends` is a preset's name as written; an effective profile has none."""

    title: Annotated[str, Meta(max_length=80, description="for lists")] = ""
    extends: Annotated[str | None, Meta(description="the preset whose values stand where this one is silent")] = None
    bind: Bind = Bind()
    addresses: Addresses = Addresses()
    text: Text = Text()
    long_messages: LongMessages = LongMessages()
    submit: Submit = Submit()
    pace: Pace = Pace()
    timers: Timers = Timers()
    in_doubt: InDoubt = InDoubt()
    receipts: Receipts = Receipts()
    tlvs: Tlvs = Tlvs()
    statuses: Annotated[
        dict[str, StatusMeaning],
        Meta(
            max_length=MAX_OVERRIDES,
            description="command_status by number or name, or a range `0x0400-0x04FF`, to its meaning",
        ),
    ] = msgspec.field(default_factory=dict)
    connection: Connection = Connection()


PLAIN: Final = Profile()
