"""From a command's text and addresses to its submit_sm PDUs (SMPP 3.4 §4.4.1), sequence numbers still
unset.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.pdu import SubmitSm
from ghasi.smpp.tlv import Tag, Tlv
from ghasi.sms.address import PLAIN_RULES, AddressRules, parse_destination, parse_sender
from ghasi.sms.choice import TextRules, encode
from ghasi.sms.coding import Alphabet, Coding, Encoded, FlashMode, Wanted, flash_data_coding, for_flash
from ghasi.sms.errors import BadHeader, DataCodingNotAllowed
from ghasi.sms.national import Language
from ghasi.sms.reference import concatenation_reference
from ghasi.sms.segmentation import MAX_PARTS, LongMode, Part, Segmented, Strategy, segment
from ghasi.sms.septets import fill_bits, pack
from ghasi.sms.transliteration import Transliteration

MOBILE_DISPLAY: Final = 1


class MessageType(StrEnum):
    """docs/contract.md §2. FLASH is shown at once and not stored (message class 0)."""

    SMS = "SMS"
    FLASH = "FLASH"


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """Everything an operator's profile may say about a submit_sm; the defaults are plain SMPP 3.4.

    `long_mode` None takes the mode of the command's strategy. `user_message_reference` is that TLV of the
    first part, 0 to 65535; the others count up from it. `tlvs` are added to every part as they are, `first_tlvs`
    and `last_tlvs` to that part of a message only; a single part is both.

    `locking`, `single`, `transliteration`, `data_codings` and `data_coding_fallback` are the TextRules of
    ghasi.sms.choice; `data_codings` holds for the values that mark FLASH as well. `packed`: GSM 03.38 goes out as
    packed septets (ghasi.sms.septets). `whole_clusters` keeps grapheme clusters whole where that costs no part.
    """

    alphabet: Alphabet = Alphabet.GSM7
    strict: bool = False
    long_mode: LongMode | None = None
    reference_bits: int = 8
    max_parts: int = MAX_PARTS
    flash_mode: FlashMode = FlashMode.DCS
    registered_delivery: int = 1
    esm_class_base: int = 0
    service_type: str = ""
    protocol_id: int = 0
    priority_flag: int = 0
    validity_period: str = ""
    more_messages_to_send: bool = False
    user_message_reference: int | None = None
    addresses: AddressRules = PLAIN_RULES
    tlvs: tuple[Tlv, ...] = ()
    first_tlvs: tuple[Tlv, ...] = ()
    last_tlvs: tuple[Tlv, ...] = ()
    locking: tuple[Language, ...] = ()
    single: tuple[Language, ...] = ()
    transliteration: Transliteration = Transliteration.OFF
    data_codings: frozenset[int] | None = None
    data_coding_fallback: bool = False
    packed: bool = False
    whole_clusters: bool = True

    text_rules: TextRules = field(init=False, repr=False, compare=False)
    """What decides the coding of a text: made once of the fields above."""

    def __post_init__(self) -> None:
        rules = TextRules(
            alphabet=self.alphabet,
            strict=self.strict,
            locking=self.locking,
            single=self.single,
            transliteration=self.transliteration,
            data_codings=self.data_codings,
            fallback=self.data_coding_fallback,
            reference_bits=self.reference_bits,
        )
        object.__setattr__(self, "text_rules", rules)


PLAIN_OPTIONS: Final = SubmitOptions()


def segment_message(
    text: str,
    encoding: Wanted,
    strategy: Strategy,
    message_id: UUID,
    options: SubmitOptions = PLAIN_OPTIONS,
    elements: bytes = b"",
    message_type: MessageType = MessageType.SMS,
) -> Segmented:
    """The command's text cut by the operator's rules, with the reference that belongs to `message_id`.

    FLASH can cost parts: its mark may need UCS-2 (FlashMode).

    `elements` are those of its own user data header, which only a BINARY body may have. Raises TextError of every
    kind (ghasi.sms.errors).
    """
    encoded = encode(text, encoding, options.text_rules)
    if message_type is MessageType.FLASH:
        encoded = for_flash(text, encoded, options.flash_mode)
    if elements:
        encoded = with_elements(encoded, elements)
    return segment(
        encoded,
        options.long_mode or LongMode.of(strategy),
        reference=concatenation_reference(message_id, options.reference_bits),
        reference_bits=options.reference_bits,
        max_parts=options.max_parts,
        whole_clusters=options.whole_clusters,
    )


def with_elements(encoded: Encoded, elements: bytes) -> Encoded:
    """A binary body with the elements of its header. Raises BadHeader for a text."""
    if encoded.coding is not Coding.BINARY:
        raise BadHeader("udh is for encoding BINARY only")
    return replace(encoded, elements=elements)


def sent_body(part: Part, coding: Coding, *, packed: bool) -> bytes:
    """The octets behind the part's header as they go out: septets are packed where the operator wants that."""
    return pack(part.body, fill_bits(len(part.udh))) if packed and coding is Coding.GSM7 else part.body


def build_submits(
    segmented: Segmented,
    *,
    to: str,
    sender: str,
    message_type: MessageType = MessageType.SMS,
    options: SubmitOptions = PLAIN_OPTIONS,
) -> list[SubmitSm]:
    """One submit_sm a part, in order, of what `segment_message` made for the same `message_type`.

    Raises InvalidNumber, InvalidSender, NoFlash and DataCodingNotAllowed.
    """
    destination = parse_destination(to, options.addresses)
    source = parse_sender(sender, options.addresses)
    flash = message_type is MessageType.FLASH
    return [
        SubmitSm(
            service_type=options.service_type,
            source_addr_ton=source.ton,
            source_addr_npi=source.npi,
            source_addr=source.addr,
            dest_addr_ton=destination.ton,
            dest_addr_npi=destination.npi,
            destination_addr=destination.addr,
            esm_class=options.esm_class_base | (ESM_UDHI if part.udh else 0),
            protocol_id=options.protocol_id,
            priority_flag=options.priority_flag,
            validity_period=options.validity_period,
            registered_delivery=options.registered_delivery,
            data_coding=_data_coding(segmented, flash, options),
            short_message=b"" if segmented.mode is LongMode.PAYLOAD else _user_data(part, segmented, options),
            tlvs=_tlvs(segmented, number, flash, options),
        )
        for number, part in enumerate(segmented.parts, 1)
    ]


def _data_coding(segmented: Segmented, flash: bool, options: SubmitOptions) -> int:
    if not flash or options.flash_mode is FlashMode.SUBUNIT:
        return segmented.data_coding
    marked = flash_data_coding(segmented.coding, options.flash_mode)
    if options.data_codings is not None and marked not in options.data_codings:
        raise DataCodingNotAllowed(marked)
    return marked


def _user_data(part: Part, segmented: Segmented, options: SubmitOptions) -> bytes:
    return part.udh + sent_body(part, segmented.coding, packed=options.packed)


def _tlvs(segmented: Segmented, number: int, flash: bool, options: SubmitOptions) -> tuple[Tlv, ...]:
    """TLVs of part `number` (from 1), the operator's own ones last."""
    tlvs: list[Tlv] = []
    if flash and options.flash_mode is FlashMode.SUBUNIT:
        tlvs.append(Tlv.integer(Tag.DEST_ADDR_SUBUNIT, MOBILE_DISPLAY))
    if options.user_message_reference is not None:
        reference = (options.user_message_reference + number - 1) % 0x10000
        tlvs.append(Tlv.integer(Tag.USER_MESSAGE_REFERENCE, reference))
    total = len(segmented.parts)
    if segmented.mode is LongMode.SAR:
        tlvs += (
            Tlv.integer(Tag.SAR_MSG_REF_NUM, segmented.reference),
            Tlv.integer(Tag.SAR_TOTAL_SEGMENTS, total),
            Tlv.integer(Tag.SAR_SEGMENT_SEQNUM, number),
        )
    if options.more_messages_to_send and number < total:
        tlvs.append(Tlv.integer(Tag.MORE_MESSAGES_TO_SEND, 1))
    if segmented.mode is LongMode.PAYLOAD:
        tlvs.append(Tlv(Tag.MESSAGE_PAYLOAD, _user_data(segmented.parts[0], segmented, options)))
    tlvs += options.tlvs
    if number == 1:
        tlvs += options.first_tlvs
    if number == total:
        tlvs += options.last_tlvs
    return tuple(tlvs)
