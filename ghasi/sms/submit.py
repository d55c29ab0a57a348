"""From a command's text and addresses to its submit_sm PDUs (SMPP 3.4 §4.4.1), sequence numbers still
unset.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.pdu import SubmitSm
from ghasi.smpp.tlv import Tag, Tlv
from ghasi.sms.address import PLAIN_RULES, AddressRules, parse_destination, parse_sender
from ghasi.sms.coding import Alphabet, FlashMode, Wanted, flash_data_coding
from ghasi.sms.reference import concatenation_reference
from ghasi.sms.segmentation import MAX_PARTS, LongMode, Segmented, Strategy, split

MOBILE_DISPLAY: Final = 1


class MessageType(StrEnum):
    """docs/contract.md §2. FLASH is shown at once and not stored (message class 0)."""

    SMS = "SMS"
    FLASH = "FLASH"


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """Everything an operator's profile may say about a submit_sm; the defaults are plain SMPP 3.4.

    `long_mode` None takes the mode of the command's strategy. `user_message_reference` is that TLV of the
    first part, 0 to 65535; the others count up from it. `tlvs` are added to every part as they are.
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


PLAIN_OPTIONS: Final = SubmitOptions()


def segment_message(
    text: str,
    encoding: Wanted,
    strategy: Strategy,
    message_id: UUID,
    options: SubmitOptions = PLAIN_OPTIONS,
) -> Segmented:
    """The command's text cut by the operator's rules, with the reference that belongs to `message_id`.

    Raises LoneSurrogate, NotEncodable and TooLong (ghasi.sms.errors).
    """
    return split(
        text,
        encoding,
        strategy,
        reference=concatenation_reference(message_id, options.reference_bits),
        reference_bits=options.reference_bits,
        long_mode=options.long_mode,
        alphabet=options.alphabet,
        strict=options.strict,
        max_parts=options.max_parts,
    )


def build_submits(
    segmented: Segmented,
    *,
    to: str,
    sender: str,
    message_type: MessageType = MessageType.SMS,
    options: SubmitOptions = PLAIN_OPTIONS,
) -> list[SubmitSm]:
    """One submit_sm a part, in order. Raises InvalidNumber and InvalidSender."""
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
            short_message=b"" if segmented.mode is LongMode.PAYLOAD else part.user_data,
            tlvs=_tlvs(segmented, number, flash, options),
        )
        for number, part in enumerate(segmented.parts, 1)
    ]


def _data_coding(segmented: Segmented, flash: bool, options: SubmitOptions) -> int:
    if flash and options.flash_mode is not FlashMode.SUBUNIT:
        return flash_data_coding(segmented.coding, options.flash_mode)
    return segmented.data_coding


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
        tlvs.append(Tlv(Tag.MESSAGE_PAYLOAD, segmented.parts[0].user_data))
    return (*tlvs, *options.tlvs)
