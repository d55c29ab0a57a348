"""From a profile to the rules that the workers follow, and back to what of a profile they cannot follow."""

from __future__ import annotations

import msgspec

from ghasi.contracts.rules import ReceiptForm
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.statuses import overrides
from ghasi.profiles.schema import Profile, Receipts

_FORM = tuple(one for one in ReceiptForm.__struct_fields__)


def send_rules(profile: Profile) -> SendRules:
    """What of `profile` concerns PDUs and receipts."""
    text, long, submit, receipts = profile.text, profile.long_messages, profile.submit, profile.receipts
    return SendRules(
        alphabet=text.alphabet.value,
        strict=text.strict,
        packed=text.packed,
        allowed_data_codings=text.allowed_data_codings,
        locking_shift=text.locking_shift,
        single_shift=text.single_shift,
        transliteration=text.transliteration,
        data_coding_fallback=text.data_coding_fallback,
        whole_clusters=text.whole_clusters,
        flash=text.flash.value,
        long_mode=long.csms.value,
        long_mode_tlv=long.tlv.value,
        reference_bits=long.reference_bits,
        max_parts=long.max_parts,
        more_messages_to_send=long.more_messages_to_send,
        registered_delivery=submit.registered_delivery,
        esm_class_base=submit.esm_class_base,
        service_type=submit.service_type,
        protocol_id=submit.protocol_id,
        priority=submit.priority,
        validity=submit.validity,
        user_message_reference=submit.user_message_reference,
        addresses=profile.addresses,
        tlvs=profile.tlvs.send,
        tlvs_read=profile.tlvs.read,
        in_doubt_policy=profile.in_doubt.policy,
        in_doubt_wait=profile.in_doubt.wait,
        id_base=receipts.id_base.value,
        dlr_zone=receipts.zone,
        unknown_is_final=receipts.unknown_is_final,
        receipts=_form(receipts),
        statuses=overrides(profile.statuses),
    )


def override(rules: SendRules, stated: dict[str, object]) -> SendRules:
    """`rules` with what operator management states of its own, which always wins (docs/contract.md §6).

    `stated` are fields of SendRules by their written names, each already checked; a field it does not know says
    nothing. Nested fields are stated as a whole.
    """
    known = set(SendRules.__struct_encode_fields__)
    mine = {name: value for name, value in stated.items() if name in known}
    return msgspec.convert({**msgspec.to_builtins(rules), **mine}, SendRules) if mine else rules


def _form(receipts: Receipts) -> ReceiptForm:
    return ReceiptForm(**{name: getattr(receipts, name) for name in _FORM})
