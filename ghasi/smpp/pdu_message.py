"""PDUs that carry a message: submit_sm, deliver_sm, data_sm and their responses (SMPP 3.4 §4.4, 4.6, 4.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from ghasi.smpp.constants import CommandId, CommandStatus
from ghasi.smpp.fields import Counted, CString
from ghasi.smpp.pdu_base import (
    DestinationAddr,
    MessageId,
    Octet,
    Pdu,
    ScheduleTime,
    ServiceType,
    SourceAddr,
    ValidityTime,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubmitSm(Pdu):
    """ESME to SMSC, SMPP 3.4 §4.4.1. sm_length is derived from short_message (0 to 254 octets)."""

    command_id: ClassVar[CommandId] = CommandId.SUBMIT_SM
    strict: ClassVar[bool] = True

    service_type: ServiceType = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: SourceAddr = ""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: DestinationAddr = ""
    esm_class: Octet = 0
    protocol_id: Octet = 0
    priority_flag: Octet = 0
    schedule_delivery_time: ScheduleTime = ""
    validity_period: ValidityTime = ""
    registered_delivery: Octet = 0
    replace_if_present_flag: Octet = 0
    data_coding: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: Annotated[bytes, Counted(254)] = b""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubmitSmResp(Pdu):
    command_id: ClassVar[CommandId] = CommandId.SUBMIT_SM_RESP

    message_id: MessageId = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeliverSm(Pdu):
    """SMSC to ESME, SMPP 3.4 §4.6.1: an incoming message or a receipt. Operators do send 255 octets."""

    command_id: ClassVar[CommandId] = CommandId.DELIVER_SM

    service_type: ServiceType = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: SourceAddr = ""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: DestinationAddr = ""
    esm_class: Octet = 0
    protocol_id: Octet = 0
    priority_flag: Octet = 0
    schedule_delivery_time: ScheduleTime = ""
    validity_period: ValidityTime = ""
    registered_delivery: Octet = 0
    replace_if_present_flag: Octet = 0
    data_coding: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: Annotated[bytes, Counted(255)] = b""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeliverSmResp(Pdu):
    """message_id is unused and one NUL, SMPP 3.4 §4.6.2."""

    command_id: ClassVar[CommandId] = CommandId.DELIVER_SM_RESP

    message_id: MessageId = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DataSm(Pdu):
    """Either way, SMPP 3.4 §4.7.1. The text is the TLV message_payload."""

    command_id: ClassVar[CommandId] = CommandId.DATA_SM

    service_type: ServiceType = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(65, CommandStatus.ESME_RINVSRCADR)] = ""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: Annotated[str, CString(65, CommandStatus.ESME_RINVDSTADR)] = ""
    esm_class: Octet = 0
    registered_delivery: Octet = 0
    data_coding: Octet = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DataSmResp(Pdu):
    command_id: ClassVar[CommandId] = CommandId.DATA_SM_RESP

    message_id: MessageId = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AlertNotification(Pdu):
    """An SMSC says that a handset can be reached again, SMPP 3.4 §4.12.1. It has no response."""

    command_id: ClassVar[CommandId] = CommandId.ALERT_NOTIFICATION

    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: Annotated[str, CString(65)] = ""
    esme_addr_ton: Octet = 0
    esme_addr_npi: Octet = 0
    esme_addr: Annotated[str, CString(65)] = ""
