"""What is wrong or unusual about a PDU as a whole: fields that do not go together (SMPP 3.4 §4, §5.3.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ghasi.explain.tlvs import may_repeat
from ghasi.explain.udh import read_header
from ghasi.smpp import constants as c
from ghasi.smpp.constants import CommandId
from ghasi.smpp.layout import Layout, SpanKind
from ghasi.smpp.pdu_base import field_table
from ghasi.smpp.tlv import Tag, Tlv, find

_SAR = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
_EMPTY_IN_DELIVER = (
    "schedule_delivery_time",
    "validity_period",
    "replace_if_present_flag",
    "sm_default_msg_id",
)
_WITH_TEXT = (CommandId.SUBMIT_SM, CommandId.SUBMIT_MULTI, CommandId.DELIVER_SM)
_WITH_ID = (CommandId.SUBMIT_SM_RESP, CommandId.DATA_SM_RESP, CommandId.SUBMIT_MULTI_RESP)


def pdu_warnings(layout: Layout, frame: bytes) -> list[str]:
    """Sentences, none for a PDU as the specification has it."""
    tlvs = tuple(span.value for span in layout.spans if span.kind is SpanKind.TLV)
    if layout.trouble:
        return list(_of_length(layout, frame))
    return [
        *_of_length(layout, frame),
        *_of_text(layout, tlvs),
        *_of_parts(layout, tlvs),
        *_of_receipt(layout, tlvs),
        *_of_deliver(layout),
        *_of_response(layout, frame),
        *_of_repeats(tlvs),
    ]


def _of_length(layout: Layout, frame: bytes) -> Iterator[str]:
    length = layout.value("command_length")
    if length is not None and length != len(frame):
        yield f"command_length says {length} octets, there are {len(frame)}"


def _of_text(layout: Layout, tlvs: tuple[Tlv, ...]) -> Iterator[str]:
    command_id = layout.value("command_id")
    payload = find(tlvs, Tag.MESSAGE_PAYLOAD)
    if command_id in _WITH_TEXT:
        short = layout.value("short_message", b"")
        if short and payload is not None:
            yield "a text in short_message and one in message_payload: only one may be there (§5.3.2.32)"
        if not short and payload is None and not layout.value("sm_default_msg_id"):
            yield "no text at all"
    elif command_id == CommandId.DATA_SM and payload is None:
        yield "no message_payload: a data_sm carries its text there and nowhere else"


def _of_parts(layout: Layout, tlvs: tuple[Tlv, ...]) -> Iterator[str]:
    sar = [find(tlvs, tag) for tag in _SAR]
    present = [tlv for tlv in sar if tlv is not None]
    if not present:
        return
    if len(present) < len(_SAR):
        yield "the sar_* TLVs go together: all three or none (§5.3.2.22)"
        return
    total, number = (tlv.as_int() or 0 for tlv in present[1:])
    if not 1 <= number <= total:
        yield "sar_segment_seqnum is not within 1 and sar_total_segments (§5.3.2.24)"
    if layout.value("esm_class", 0) & c.ESM_UDHI:
        header = read_header(layout.value("short_message", b""))
        if header is not None and header.concatenation is not None:
            yield "parts are numbered by sar_* and by a user data header: phones may see one message twice"


def _of_receipt(layout: Layout, tlvs: tuple[Tlv, ...]) -> Iterator[str]:
    if layout.value("command_id") not in (CommandId.DELIVER_SM, CommandId.DATA_SM):
        return
    marked = layout.value("esm_class", 0) & (c.ESM_RECEIPT | c.ESM_INTERMEDIATE)
    told = [tag.name.lower() for tag in (Tag.RECEIPTED_MESSAGE_ID, Tag.MESSAGE_STATE) if find(tlvs, tag)]
    if told and not marked:
        yield f"{' and '.join(told)} of a receipt, and esm_class (0x04) does not say that it is one"


def _of_deliver(layout: Layout) -> Iterator[str]:
    if layout.value("command_id") == CommandId.DELIVER_SM:
        for name in _EMPTY_IN_DELIVER:
            if layout.value(name):
                yield f"{name} is not used in a deliver_sm and must be empty (§4.6.1)"


def _of_response(layout: Layout, frame: bytes) -> Iterator[str]:
    status = layout.value("command_status", 0)
    if layout.value("command_id") in _WITH_ID and status == 0 and not layout.value("message_id"):
        yield "accepted without a message_id: no receipt can be told to be this message's"
    has_body = layout.pdu_class is not None and field_table(layout.pdu_class)
    if has_body and len(frame) == c.HEADER_LENGTH and status == 0:
        yield "a response without its body, which is for errors only (§3.2)"


def _of_repeats(tlvs: tuple[Tlv, ...]) -> Iterator[str]:
    counted = Counter(tlv.tag for tlv in tlvs if not may_repeat(tlv))
    for tag, count in counted.items():
        if count > 1:
            yield f"{Tlv(tag).name} stands {count} times; the first one counts here"
