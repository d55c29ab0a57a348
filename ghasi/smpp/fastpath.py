"""The commands that come by the thousand a second, written out: submit_sm, deliver_sm and their responses.

Each function does exactly what the field tables do, or gives None and lets the tables decide (and raise).
Tests hold both equal.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, cast

from ghasi.smpp.constants import HEADER_LENGTH, CommandId
from ghasi.smpp.pdu_base import Pdu
from ghasi.smpp.pdu_message import DeliverSm, SubmitSm, SubmitSmResp
from ghasi.smpp.tlv import decode_tlvs, encode_tlvs

_HEADER: Final = struct.Struct(">IIII")


class _MessageDraft(Pdu):
    """A message while its fields are filled in; it becomes its own class, of the same fields, when they are.

    The dataclasses are frozen: their `__init__` sets each field by a call, which costs more than reading it does.
    """

    __slots__ = SubmitSm.__slots__
    __setattr__ = object.__setattr__
    __init__ = object.__init__


class _ResponseDraft(Pdu):
    """The same for a response."""

    __slots__ = SubmitSmResp.__slots__
    __setattr__ = object.__setattr__
    __init__ = object.__init__


_MESSAGE_LIMITS: Final = {CommandId.SUBMIT_SM: 254, CommandId.DELIVER_SM: 255}


def encode_message(pdu: Any) -> bytes | None:
    """Octets of a valid submit_sm or deliver_sm; None for anything the tables would refuse."""
    message = pdu.short_message
    try:
        service, source = pdu.service_type.encode("latin-1"), pdu.source_addr.encode("latin-1")
        destination = pdu.destination_addr.encode("latin-1")
        schedule = pdu.schedule_delivery_time.encode("latin-1")
        validity = pdu.validity_period.encode("latin-1")
        if (
            len(service) > 5
            or len(source) > 20
            or len(destination) > 20
            or len(schedule) not in (0, 16)
            or len(validity) not in (0, 16)
            or len(message) > _MESSAGE_LIMITS[pdu.command_id]
            or type(message) is not bytes
            or 0 in service + source + destination + schedule + validity
        ):
            return None
        body = b"%b\0%b%b\0%b%b\0%b%b\0%b\0%b%b%b" % (
            service,
            bytes((pdu.source_addr_ton, pdu.source_addr_npi)),
            source,
            bytes((pdu.dest_addr_ton, pdu.dest_addr_npi)),
            destination,
            bytes((pdu.esm_class, pdu.protocol_id, pdu.priority_flag)),
            schedule,
            validity,
            bytes(
                (
                    pdu.registered_delivery,
                    pdu.replace_if_present_flag,
                    pdu.data_coding,
                    pdu.sm_default_msg_id,
                    len(message),
                )
            ),
            message,
            encode_tlvs(pdu.tlvs) if pdu.tlvs else b"",
        )
        header = _HEADER.pack(HEADER_LENGTH + len(body), pdu.command_id, pdu.command_status, pdu.sequence_number)
    except (AttributeError, TypeError, ValueError, struct.error):
        return None
    return header + body


def encode_message_id(pdu: Any) -> bytes | None:
    """Octets of a submit_sm_resp or deliver_sm_resp without TLVs; None for anything else."""
    try:
        message_id = pdu.message_id.encode("latin-1")
        if pdu.tlvs or len(message_id) > 64 or 0 in message_id:
            return None
        body = b"" if pdu.command_status and not message_id else message_id + b"\0"
        header = _HEADER.pack(HEADER_LENGTH + len(body), pdu.command_id, pdu.command_status, pdu.sequence_number)
    except (AttributeError, TypeError, ValueError, struct.error):
        return None
    return header + body


def decode_submit_sm_resp(frame: bytes, status: int, sequence: int) -> Pdu | None:
    """A response that is a message_id and its NUL and nothing else."""
    if frame.find(0, HEADER_LENGTH) != len(frame) - 1:
        return None
    pdu: Any = _ResponseDraft()
    pdu.sequence_number = sequence
    pdu.command_status = status
    pdu.tlvs = ()
    pdu.message_id = frame[HEADER_LENGTH:-1].decode("latin-1")
    pdu.__class__ = SubmitSmResp
    return cast(Pdu, pdu)


def decode_submit_sm(frame: bytes, status: int, sequence: int) -> Pdu | None:
    """A whole submit_sm whose strings keep to the limits; None for any other."""
    return _decode_message(SubmitSm, frame, status, sequence)


def decode_deliver_sm(frame: bytes, status: int, sequence: int) -> Pdu | None:
    """A whole deliver_sm; None for a broken one."""
    return _decode_message(DeliverSm, frame, status, sequence)


def _decode_message(
    pdu_class: type[SubmitSm] | type[DeliverSm], frame: bytes, status: int, sequence: int
) -> Pdu | None:
    try:
        service = frame.index(0, HEADER_LENGTH)
        source = frame.index(0, service + 3)
        destination = frame.index(0, source + 3)
        schedule = frame.index(0, destination + 4)
        validity = frame.index(0, schedule + 1)
        end = validity + 6 + frame[validity + 5]
    except (ValueError, IndexError):
        return None
    if end > len(frame):
        return None
    if pdu_class.strict and (
        service > HEADER_LENGTH + 5
        or source > service + 23
        or destination > source + 23
        or schedule - destination - 4 not in (0, 16)
        or validity - schedule - 1 not in (0, 16)
    ):
        return None
    tlvs, whole = decode_tlvs(frame, end) if end < len(frame) else ((), True)
    if not whole:
        return None
    text = frame.decode("latin-1")
    pdu: Any = _MessageDraft()
    pdu.sequence_number = sequence
    pdu.command_status = status
    pdu.tlvs = tlvs
    pdu.service_type = text[HEADER_LENGTH:service]
    pdu.source_addr_ton = frame[service + 1]
    pdu.source_addr_npi = frame[service + 2]
    pdu.source_addr = text[service + 3 : source]
    pdu.dest_addr_ton = frame[source + 1]
    pdu.dest_addr_npi = frame[source + 2]
    pdu.destination_addr = text[source + 3 : destination]
    pdu.esm_class = frame[destination + 1]
    pdu.protocol_id = frame[destination + 2]
    pdu.priority_flag = frame[destination + 3]
    pdu.schedule_delivery_time = text[destination + 4 : schedule]
    pdu.validity_period = text[schedule + 1 : validity]
    pdu.registered_delivery = frame[validity + 1]
    pdu.replace_if_present_flag = frame[validity + 2]
    pdu.data_coding = frame[validity + 3]
    pdu.sm_default_msg_id = frame[validity + 4]
    pdu.short_message = frame[validity + 6 : end]
    pdu.__class__ = pdu_class
    return cast(Pdu, pdu)


ENCODERS: Final[dict[int, Callable[[Any], bytes | None]]] = {
    CommandId.SUBMIT_SM: encode_message,
    CommandId.DELIVER_SM: encode_message,
    CommandId.SUBMIT_SM_RESP: encode_message_id,
    CommandId.DELIVER_SM_RESP: encode_message_id,
}
DECODERS: Final[dict[int, Callable[[bytes, int, int], Pdu | None]]] = {
    CommandId.SUBMIT_SM: decode_submit_sm,
    CommandId.SUBMIT_SM_RESP: decode_submit_sm_resp,
    CommandId.DELIVER_SM: decode_deliver_sm,
}
