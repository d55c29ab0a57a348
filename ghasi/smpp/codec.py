"""PDUs to octets and back, over the field tables; the three busiest commands take `fastpath` first."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any, Final, TypeVar

from ghasi.smpp import fastpath, pdu_link, pdu_manage, pdu_message, pdu_multi
from ghasi.smpp.constants import HEADER_LENGTH, RESPONSE_BIT, CommandId, CommandStatus
from ghasi.smpp.errors import DecodeError, FieldError, FramingError, StateError, UnknownCommand
from ghasi.smpp.fields import BrokenField, CString, UInt
from ghasi.smpp.pdu_base import Pdu, field_table
from ghasi.smpp.tlv import decode_tlvs, encode_tlvs

P = TypeVar("P", bound=Pdu)

HEADER: Final = struct.Struct(">IIII")
_SEQUENCE: Final = struct.Struct(">I")
_UINT32: Final = UInt(4)
_LONG: Final = {"system_id": CString(256), "password": CString(256)}

PDU_CLASSES: Final[dict[int, type[Pdu]]] = {
    value.command_id: value
    for module in (pdu_link, pdu_manage, pdu_message, pdu_multi)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Pdu) and hasattr(value, "command_id")
}
NO_RESPONSE: Final = frozenset({CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION})


def encode_pdu(pdu: Pdu, *, long_credentials: bool = False) -> bytes:
    """The complete PDU, length included. An error response without any field set is its header only (§3.2).

    `long_credentials`: let system_id and password of a bind exceed the specification's 15 and 8 octets,
    because providers hand out longer ones. Raises FieldError, naming the field, before anything is written.
    """
    quick = fastpath.ENCODERS.get(pdu.command_id)
    if quick is not None:
        frame = quick(pdu)
        if frame is not None:
            return frame
    table = field_table(type(pdu))
    if long_credentials and isinstance(pdu, pdu_link.BindRequest):
        table = tuple((name, _LONG.get(name, kind)) for name, kind in table)
    if pdu.is_response and pdu.command_status and not pdu.tlvs and _is_blank(pdu):
        body = b""
    else:
        body = b"".join([kind.encode(name, getattr(pdu, name)) for name, kind in table]) + encode_tlvs(pdu.tlvs)
    for name in ("command_status", "sequence_number"):
        _UINT32.encode(name, getattr(pdu, name))
    return HEADER.pack(HEADER_LENGTH + len(body), pdu.command_id, pdu.command_status, pdu.sequence_number) + body


def _is_blank(pdu: Pdu) -> bool:
    return all(getattr(pdu, name) == kind.default for name, kind in field_table(type(pdu)))


def decode_pdu(frame: bytes) -> Pdu:
    """The PDU in exactly these octets.

    Raises FramingError: less than a header, or command_length is not the length given. UnknownCommand: an
    id that SMPP 3.4 lacks. DecodeError: a request whose body is broken, with the status to answer. A
    response is never refused for its body: it settles a request whatever it looks like, so what could be
    read is kept.
    """
    if len(frame) < HEADER_LENGTH:
        raise FramingError("less than the 16 octets of a header")
    length, command_id, status, sequence = HEADER.unpack_from(frame)
    if length != len(frame):
        raise FramingError(f"command_length {length} on {len(frame)} octets")
    quick = fastpath.DECODERS.get(command_id)
    if quick is not None:
        pdu = quick(frame, status, sequence)
        if pdu is not None:
            return pdu
    pdu_class = PDU_CLASSES.get(command_id)
    if pdu_class is None:
        raise UnknownCommand(command_id, sequence, CommandStatus.ESME_RINVCMDID, "unknown command_id")
    values: dict[str, Any] = {"sequence_number": sequence, "command_status": status}
    try:
        _decode_body(pdu_class, frame, values)
    except BrokenField as broken:
        if not pdu_class.is_response:
            raise DecodeError(command_id, sequence, broken.status, broken.why) from None
    return pdu_class(**values)


def _decode_body(pdu_class: type[Pdu], frame: bytes, values: dict[str, Any]) -> None:
    """Fill `values` as far as the body can be read. Raises BrokenField where it cannot."""
    pos = HEADER_LENGTH
    for name, kind in field_table(pdu_class):
        if pdu_class.is_response and isinstance(kind.default, str) and frame.find(0, pos) < 0:
            # Some SMSCs leave out the NUL behind a message_id that ends the PDU.
            values[name] = frame[pos:].decode("latin-1")
            return
        values[name], pos = kind.decode(frame, pos, pdu_class.strict)
    values["tlvs"], whole = decode_tlvs(frame, pos)
    if not whole:
        raise BrokenField(CommandStatus.ESME_RINVOPTPARSTREAM, "a TLV is longer than the PDU")


def response_class(request: Pdu) -> type[Pdu] | None:
    """The class that answers `request`; None for outbind, alert_notification and responses themselves."""
    if request.is_response or request.command_id in NO_RESPONSE:
        return None
    return PDU_CLASSES[request.command_id | RESPONSE_BIT]


def make_response(request: Pdu, *, command_status: int = 0, **fields: Any) -> Pdu:
    """The response with the request's sequence_number. Raises StateError: this command is never answered."""
    found = response_class(request)
    if found is None:
        raise StateError(f"{request.command_name} has no response")
    try:
        return found(sequence_number=request.sequence_number, command_status=command_status, **fields)
    except TypeError:
        known = {name for name, _ in field_table(found)} | {"tlvs"}
        raise FieldError(", ".join(sorted(set(fields) - known)), f"not a field of {found.command_name}") from None


def with_sequence(pdu: P, number: int) -> P:
    """The same PDU under another sequence_number."""
    return replace(pdu, sequence_number=number)


def patch_sequence(buffer: bytearray, offset: int, number: int) -> None:
    """Write the sequence_number of the PDU that begins at `offset`."""
    _SEQUENCE.pack_into(buffer, offset + 12, number)


def frames(concatenated: bytes) -> list[bytes]:
    """Complete PDUs set back to back, cut apart. Raises FramingError: the last one is not complete."""
    found: list[bytes] = []
    start, end = 0, len(concatenated)
    while start < end:
        if end - start < HEADER_LENGTH:
            raise FramingError("less than the 16 octets of a header at the end")
        (length,) = _SEQUENCE.unpack_from(concatenated, start)
        if length < HEADER_LENGTH or start + length > end:
            raise FramingError(f"command_length {length} with {end - start} octets left")
        found.append(bytes(concatenated[start : start + length]))
        start += length
    return found
