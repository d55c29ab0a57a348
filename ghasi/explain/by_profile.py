"""What of a submit_sm is not as the operator's profile has it (docs/profiles.md)."""

from __future__ import annotations

from collections.abc import Iterator

from ghasi.contracts.rules import TonNpi
from ghasi.profiles.schema import Profile
from ghasi.smpp import constants as c
from ghasi.smpp.constants import CommandId
from ghasi.smpp.layout import Layout, SpanKind
from ghasi.smpp.tlv import Tag, Tlv, find
from ghasi.sms.address import MAX_SHORT_CODE_DIGITS
from ghasi.sms.segmentation import LongMode


def profile_warnings(layout: Layout, profile: Profile) -> list[str]:
    """Sentences; none for another command, or where the PDU is what the profile makes."""
    if layout.value("command_id") != CommandId.SUBMIT_SM or layout.trouble:
        return []
    tlvs = tuple(span.value for span in layout.spans if span.kind is SpanKind.TLV)
    return [
        *_of_coding(layout, profile),
        *_of_addresses(layout, profile),
        *_of_fields(layout, profile),
        *_of_parts(layout, profile, tlvs),
        *_of_tlvs(profile, tlvs),
    ]


def _of_coding(layout: Layout, profile: Profile) -> Iterator[str]:
    allowed = profile.text.allowed_data_codings
    if allowed is not None and layout.value("data_coding") not in allowed:
        yield f"data_coding 0x{layout.value('data_coding'):02X} is none that the profile allows"


def _of_addresses(layout: Layout, profile: Profile) -> Iterator[str]:
    rules = profile.addresses
    destination = (layout.value("dest_addr_ton"), layout.value("dest_addr_npi"))
    yield from _pair("destination", destination, rules.destination)
    source = layout.value("source_addr", "").lstrip("+").replace("*", "0")
    if not source:
        return
    wanted = rules.alphanumeric
    if source.isdigit():
        wanted = rules.short_code if len(source) <= MAX_SHORT_CODE_DIGITS else rules.international
    yield from _pair("sender", (layout.value("source_addr_ton"), layout.value("source_addr_npi")), wanted)


def _pair(name: str, found: tuple[int, int], wanted: TonNpi) -> Iterator[str]:
    if found != (wanted.ton, wanted.npi):
        yield f"{name}: TON/NPI {found[0]}/{found[1]}, the profile says {wanted.ton}/{wanted.npi}"


def _of_fields(layout: Layout, profile: Profile) -> Iterator[str]:
    submit = profile.submit
    wanted = {
        "service_type": submit.service_type,
        "registered_delivery": submit.registered_delivery,
        "protocol_id": submit.protocol_id,
        "priority_flag": submit.priority,
    }
    for name, value in wanted.items():
        if layout.value(name) != value:
            yield f"{name}: {layout.value(name)!r}, the profile says {value!r}"
    base = layout.value("esm_class", 0) & ~c.ESM_UDHI
    if base != submit.esm_class_base:
        yield f"esm_class: 0x{base:02X} beside the header's bit, the profile says 0x{submit.esm_class_base:02X}"


def _of_parts(layout: Layout, profile: Profile, tlvs: tuple[Tlv, ...]) -> Iterator[str]:
    modes = {profile.long_messages.csms, profile.long_messages.tlv}
    found = {
        LongMode.SAR: find(tlvs, Tag.SAR_MSG_REF_NUM) is not None,
        LongMode.PAYLOAD: find(tlvs, Tag.MESSAGE_PAYLOAD) is not None,
    }
    for mode, is_there in found.items():
        if is_there and mode not in modes:
            yield f"a long message by {mode.value}, which the profile uses for no strategy"


def _of_tlvs(profile: Profile, tlvs: tuple[Tlv, ...]) -> Iterator[str]:
    for rule in profile.tlvs.send:
        if rule.parts == "all" and find(tlvs, rule.tag) is None:
            yield f"TLV 0x{rule.tag:04X} is missing, which the profile adds"
    if profile.submit.user_message_reference and find(tlvs, Tag.USER_MESSAGE_REFERENCE) is None:
        yield "user_message_reference is missing, which the profile adds"
