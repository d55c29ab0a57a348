"""submit_multi and its response (SMPP 3.4 §4.5): one message to many, with lists inside the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from ghasi.smpp.constants import CommandId, CommandStatus
from ghasi.smpp.errors import FieldError
from ghasi.smpp.fields import BrokenField, Counted, CString, FieldType, UInt
from ghasi.smpp.pdu_base import MessageId, Octet, Pdu, ScheduleTime, ServiceType, SourceAddr, ValidityTime

_ADDRESS: Final = CString(21, CommandStatus.ESME_RINVDSTADR)
_LIST_NAME: Final = CString(21, CommandStatus.ESME_RINVDLNAME)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SmeAddress:
    """One destination, dest_flag 1 (SMPP 3.4 §4.5.1.1)."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""

    def __repr__(self) -> str:
        return "SmeAddress(<hidden>)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DistributionList:
    """A list kept at the SMSC, dest_flag 2 (SMPP 3.4 §4.5.1.2)."""

    dl_name: str = ""

    def __repr__(self) -> str:
        return "DistributionList(<hidden>)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnsuccessSme:
    """One destination the SMSC refused and why (SMPP 3.4 §4.5.2.1)."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    error_status_code: int = 0

    def __repr__(self) -> str:
        return f"UnsuccessSme(<hidden>, error_status_code=0x{self.error_status_code:08X})"


_SME_TABLE: Final[tuple[tuple[str, FieldType], ...]] = (
    ("dest_addr_ton", UInt(1)),
    ("dest_addr_npi", UInt(1)),
    ("destination_addr", _ADDRESS),
)
# What stands inside one list entry, by its class; dest_flag in front of the first two.
ENTRY_TABLES: Final[dict[type, tuple[tuple[str, FieldType], ...]]] = {
    SmeAddress: _SME_TABLE,
    DistributionList: (("dl_name", _LIST_NAME),),
    UnsuccessSme: (*_SME_TABLE, ("error_status_code", UInt(4))),
}
DEST_FLAGS: Final[dict[int, type]] = {1: SmeAddress, 2: DistributionList}


@dataclass(frozen=True, slots=True)
class Entries:
    """A count of one octet and that many entries; `flagged`: each begins with dest_flag."""

    limit: int
    flagged: bool

    @property
    def default(self) -> tuple[Any, ...]:
        return ()

    def encode(self, name: str, value: object) -> bytes:
        if not isinstance(value, Sequence):
            raise FieldError(name, "must be a sequence")
        if len(value) > self.limit:
            raise FieldError(name, f"has more than {self.limit} entries")
        return bytes((len(value),)) + b"".join([self._encode_entry(name, entry) for entry in value])

    def _encode_entry(self, name: str, entry: object) -> bytes:
        allowed = tuple(DEST_FLAGS.values()) if self.flagged else (UnsuccessSme,)
        if not isinstance(entry, allowed):
            raise FieldError(name, "holds something that is no address")
        table = ENTRY_TABLES[type(entry)]
        body = b"".join([kind.encode(f"{name}.{field}", getattr(entry, field)) for field, kind in table])
        if not self.flagged:
            return body
        return (b"\x01" if isinstance(entry, SmeAddress) else b"\x02") + body

    def decode(self, data: bytes, pos: int, strict: bool) -> tuple[tuple[Any, ...], int]:
        count, pos = UInt(1).decode(data, pos, strict)
        entries = []
        for _ in range(count):
            entry, pos = self._decode_entry(data, pos, strict)
            entries.append(entry)
        return tuple(entries), pos

    def _decode_entry(self, data: bytes, pos: int, strict: bool) -> tuple[Any, int]:
        entry_class: type = UnsuccessSme
        if self.flagged:
            flag, pos = UInt(1).decode(data, pos, strict)
            if flag not in DEST_FLAGS:
                raise BrokenField(CommandStatus.ESME_RINVDESTFLAG, "dest_flag is neither 1 nor 2")
            entry_class = DEST_FLAGS[flag]
        values: dict[str, Any] = {}
        for field, kind in ENTRY_TABLES[entry_class]:
            values[field], pos = kind.decode(data, pos, strict)
        return entry_class(**values), pos


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubmitMulti(Pdu):
    """number_of_dests and sm_length are derived; at most 254 destinations."""

    command_id: ClassVar[CommandId] = CommandId.SUBMIT_MULTI
    strict: ClassVar[bool] = True

    service_type: ServiceType = ""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: SourceAddr = ""
    dest_address: Annotated[tuple[SmeAddress | DistributionList, ...], Entries(254, flagged=True)] = ()
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
class SubmitMultiResp(Pdu):
    """no_unsuccess is derived from unsuccess_sme."""

    command_id: ClassVar[CommandId] = CommandId.SUBMIT_MULTI_RESP

    message_id: MessageId = ""
    unsuccess_sme: Annotated[tuple[UnsuccessSme, ...], Entries(255, flagged=False)] = ()
