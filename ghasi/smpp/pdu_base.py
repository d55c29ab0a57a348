"""What all PDUs share: the header's own fields, TLVs, the field table, and a repr that keeps secrets.

A PDU is a frozen dataclass whose annotations are its field table: `Annotated[str, CString(21)]` says both
what the attribute is in Python and how it stands on the wire; the order of the class body is the order on
the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, get_type_hints

from ghasi.smpp.constants import RESPONSE_BIT, CommandId, CommandStatus
from ghasi.smpp.fields import CString, FieldType, UInt
from ghasi.smpp.tlv import Tlv

HIDDEN_FIELDS: Final = frozenset(
    {
        "password",
        "source_addr",
        "destination_addr",
        "esme_addr",
        "dest_address",
        "unsuccess_sme",
        "short_message",
    }
)

Octet = Annotated[int, UInt(1)]
ServiceType = Annotated[str, CString(6, CommandStatus.ESME_RINVSERTYP)]
SourceAddr = Annotated[str, CString(21, CommandStatus.ESME_RINVSRCADR)]
DestinationAddr = Annotated[str, CString(21, CommandStatus.ESME_RINVDSTADR)]
MessageId = Annotated[str, CString(65, CommandStatus.ESME_RINVMSGID)]
ScheduleTime = Annotated[str, CString(17, CommandStatus.ESME_RINVSCHED, exact=True)]
ValidityTime = Annotated[str, CString(17, CommandStatus.ESME_RINVEXPIRY, exact=True)]
SystemId = Annotated[str, CString(16, CommandStatus.ESME_RINVSYSID)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pdu:
    """Any PDU. `tlvs` stand behind the mandatory fields in wire order; peers add them to every command.

    `strict`: read string limits to the letter. It is set for what an ESME sends to an SMSC; what an
    operator sends is read leniently.
    """

    command_id: ClassVar[CommandId]
    command_name: ClassVar[str]
    is_response: ClassVar[bool] = False
    strict: ClassVar[bool] = False

    sequence_number: int = 0
    command_status: int = 0
    tlvs: tuple[Tlv, ...] = ()

    def __init_subclass__(cls) -> None:
        if "command_id" in cls.__dict__:
            cls.command_name = cls.command_id.name.lower()
            cls.is_response = bool(cls.command_id & RESPONSE_BIT)

    def __repr__(self) -> str:
        shown = [f"sequence_number={self.sequence_number}"]
        if self.command_status:
            shown.append(f"command_status=0x{self.command_status:08X}")
        for name, kind in field_table(type(self)):
            value = getattr(self, name)
            if value != kind.default:
                shown.append(f"{name}=<hidden>" if name in HIDDEN_FIELDS else f"{name}={value!r}")
        if self.tlvs:
            shown.append(f"tlvs={self.tlvs!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


_TABLES: Final[dict[type[Pdu], tuple[tuple[str, FieldType], ...]]] = {}


def field_table(pdu_class: type[Pdu]) -> tuple[tuple[str, FieldType], ...]:
    """Names and types of the mandatory parameters of a class, in wire order."""
    table = _TABLES.get(pdu_class)
    if table is None:
        hints: dict[str, Any] = get_type_hints(pdu_class, include_extras=True)
        fields = ((name, hint) for name, hint in hints.items() if hasattr(hint, "__metadata__"))
        table = _TABLES[pdu_class] = tuple((name, hint.__metadata__[0]) for name, hint in fields)
    return table
