"""An operator's rules as what builds its submit_sm takes them (docs/profiles.md). Pure."""

from __future__ import annotations

from ghasi.contracts.rules import Addresses, TonNpi
from ghasi.contracts.sessions import SendRules
from ghasi.sms.address import AddressRules
from ghasi.sms.coding import Alphabet, FlashMode
from ghasi.sms.national import named_languages
from ghasi.sms.segmentation import LongMode, Strategy
from ghasi.sms.submit import SubmitOptions
from ghasi.sms.transliteration import Transliteration


def submit_options(rules: SendRules) -> SubmitOptions:
    """What holds for all messages but their TLVs; raises ValueError on a word nobody knows."""
    return SubmitOptions(
        alphabet=Alphabet(rules.alphabet),
        strict=rules.strict,
        reference_bits=rules.reference_bits,
        max_parts=rules.max_parts,
        flash_mode=FlashMode(rules.flash),
        registered_delivery=rules.registered_delivery,
        esm_class_base=rules.esm_class_base,
        service_type=rules.service_type,
        protocol_id=rules.protocol_id,
        priority_flag=rules.priority,
        more_messages_to_send=rules.more_messages_to_send,
        addresses=_addresses(rules.addresses),
        locking=named_languages(rules.locking_shift),
        single=named_languages(rules.single_shift),
        transliteration=Transliteration(rules.transliteration),
        data_codings=None if rules.allowed_data_codings is None else frozenset(rules.allowed_data_codings),
        data_coding_fallback=rules.data_coding_fallback,
        packed=rules.packed,
        whole_clusters=rules.whole_clusters,
    )


def long_mode(rules: SendRules, strategy: Strategy) -> LongMode:
    """What `strategy` becomes; raises ValueError on a word nobody knows."""
    return LongMode(rules.long_mode_tlv if strategy is Strategy.TLV else rules.long_mode)


def _addresses(rules: Addresses) -> AddressRules:
    return AddressRules(
        destination=_pair(rules.destination),
        international=_pair(rules.international),
        short_code=_pair(rules.short_code),
        alphanumeric=_pair(rules.alphanumeric),
        plus=rules.plus,
    )


def _pair(one: TonNpi) -> tuple[int, int]:
    return one.ton, one.npi
