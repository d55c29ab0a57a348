"""PDUs about a message sent earlier: query_sm, cancel_sm, replace_sm and responses (SMPP 3.4 §4.8-4.10)."""

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
class QuerySm(Pdu):
    command_id: ClassVar[CommandId] = CommandId.QUERY_SM
    strict: ClassVar[bool] = True

    message_id: MessageId = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: SourceAddr = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QuerySmResp(Pdu):
    """final_date is empty or 16 characters; message_state as in `constants.MessageState`."""

    command_id: ClassVar[CommandId] = CommandId.QUERY_SM_RESP

    message_id: MessageId = ""
    final_date: Annotated[str, CString(17, CommandStatus.ESME_RQUERYFAIL, exact=True)] = ""
    message_state: Octet = 0
    error_code: Octet = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CancelSm(Pdu):
    command_id: ClassVar[CommandId] = CommandId.CANCEL_SM
    strict: ClassVar[bool] = True

    service_type: ServiceType = ""
    message_id: MessageId = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: SourceAddr = ""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: DestinationAddr = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CancelSmResp(Pdu):
    command_id: ClassVar[CommandId] = CommandId.CANCEL_SM_RESP


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReplaceSm(Pdu):
    """sm_length is derived from short_message (0 to 254 octets)."""

    command_id: ClassVar[CommandId] = CommandId.REPLACE_SM
    strict: ClassVar[bool] = True

    message_id: MessageId = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: SourceAddr = ""
    schedule_delivery_time: ScheduleTime = ""
    validity_period: ValidityTime = ""
    registered_delivery: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: Annotated[bytes, Counted(254)] = b""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReplaceSmResp(Pdu):
    command_id: ClassVar[CommandId] = CommandId.REPLACE_SM_RESP
