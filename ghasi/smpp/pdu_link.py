"""PDUs that open, watch and end a session (SMPP 3.4 §4.1-4.3, 4.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from ghasi.smpp.constants import INTERFACE_VERSION, CommandId, CommandStatus
from ghasi.smpp.fields import CString
from ghasi.smpp.pdu_base import Octet, Pdu, SystemId
from ghasi.smpp.tlv import Tag, find

Password = Annotated[str, CString(9, CommandStatus.ESME_RINVPASWD)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BindRequest(Pdu):
    """The fields of the three bind requests, SMPP 3.4 §4.1.1, 4.1.3, 4.1.5."""

    system_id: SystemId = ""
    password: Password = ""
    system_type: Annotated[str, CString(13, CommandStatus.ESME_RINVSYSTYP)] = ""
    interface_version: Octet = INTERFACE_VERSION
    addr_ton: Octet = 0
    addr_npi: Octet = 0
    address_range: Annotated[str, CString(41)] = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BindResponse(Pdu):
    """The fields of the three bind responses, SMPP 3.4 §4.1.2, 4.1.4, 4.1.6."""

    system_id: SystemId = ""

    @property
    def sc_interface_version(self) -> int | None:
        """The SMSC's version; None when it says nothing, which means that it takes no TLVs (§3.4)."""
        tlv = find(self.tlvs, Tag.SC_INTERFACE_VERSION)
        return tlv.as_int() if tlv else None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BindTransmitter(BindRequest):
    command_id: ClassVar[CommandId] = CommandId.BIND_TRANSMITTER


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BindTransmitterResp(BindResponse):
    command_id: ClassVar[CommandId] = CommandId.BIND_TRANSMITTER_RESP


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BindReceiver(BindRequest):
    command_id: ClassVar[CommandId] = CommandId.BIND_RECEIVER


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BindReceiverResp(BindResponse):
    command_id: ClassVar[CommandId] = CommandId.BIND_RECEIVER_RESP


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BindTransceiver(BindRequest):
    command_id: ClassVar[CommandId] = CommandId.BIND_TRANSCEIVER


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BindTransceiverResp(BindResponse):
    command_id: ClassVar[CommandId] = CommandId.BIND_TRANSCEIVER_RESP


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Outbind(Pdu):
    """An SMSC asks for a bind_receiver, SMPP 3.4 §4.1.7. It has no response."""

    command_id: ClassVar[CommandId] = CommandId.OUTBIND

    system_id: SystemId = ""
    password: Password = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Unbind(Pdu):
    command_id: ClassVar[CommandId] = CommandId.UNBIND


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnbindResp(Pdu):
    command_id: ClassVar[CommandId] = CommandId.UNBIND_RESP


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EnquireLink(Pdu):
    command_id: ClassVar[CommandId] = CommandId.ENQUIRE_LINK


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EnquireLinkResp(Pdu):
    command_id: ClassVar[CommandId] = CommandId.ENQUIRE_LINK_RESP


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GenericNack(Pdu):
    """The answer to what could not be read at all; its sequence_number is 0 when even that was unreadable."""

    command_id: ClassVar[CommandId] = CommandId.GENERIC_NACK
