"""The types of mandatory parameters, SMPP 3.4 §3.1, each able to write and to read one field.

A PDU's class annotates its fields with these; that is the field table. Writing is always strict. Reading
takes over-long strings from peers unless `strict` is given, because operators exceed the limits and a
receipt refused for a long address would be a receipt lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.errors import FieldError


class BrokenField(Exception):
    """Reading stopped here; `status` is what to answer. The codec turns it into a DecodeError."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class FieldType(Protocol):
    """What the codec needs of a field type. `default` is what an absent field reads as."""

    @property
    def default(self) -> Any: ...

    def encode(self, name: str, value: Any) -> bytes:
        """The octets of the field. Raises FieldError."""
        ...

    def decode(self, data: bytes, pos: int, strict: bool) -> tuple[Any, int]:
        """The value at `pos` and the position behind it. Raises BrokenField."""
        ...


@dataclass(frozen=True, slots=True)
class UInt:
    """Unsigned big-endian integer of `size` octets."""

    size: int = 1

    @property
    def default(self) -> int:
        return 0

    def encode(self, name: str, value: object) -> bytes:
        if not isinstance(value, int):
            raise FieldError(name, "must be an integer")
        if not 0 <= value < 1 << (8 * self.size):
            raise FieldError(name, f"must be 0 to {(1 << (8 * self.size)) - 1}")
        return value.to_bytes(self.size, "big")

    def decode(self, data: bytes, pos: int, strict: bool) -> tuple[int, int]:
        end = pos + self.size
        if end > len(data):
            raise BrokenField(CommandStatus.ESME_RINVCMDLEN, "the PDU ends inside its mandatory fields")
        return int.from_bytes(data[pos:end], "big"), end


@dataclass(frozen=True, slots=True)
class CString:
    """C-octet string: Latin-1 text of less than `limit` octets and a NUL (the limit counts it).

    `exact`: nothing or exactly `limit` - 1 octets, as the time fields want. `status`: the answer to one too
    long.
    """

    limit: int
    status: int = CommandStatus.ESME_RINVPARLEN
    exact: bool = False

    @property
    def default(self) -> str:
        return ""

    def encode(self, name: str, value: object) -> bytes:
        octets = latin1(name, value)
        if b"\0" in octets:
            raise FieldError(name, "holds a NUL")
        if not self._fits(len(octets)):
            raise FieldError(name, self._rule())
        return octets + b"\0"

    def decode(self, data: bytes, pos: int, strict: bool) -> tuple[str, int]:
        end = data.find(0, pos)
        if end < 0:
            raise BrokenField(CommandStatus.ESME_RINVCMDLEN, "a string has no NUL before the end of the PDU")
        if strict and not self._fits(end - pos):
            raise BrokenField(self.status, f"a string {self._rule()}")
        return data[pos:end].decode("latin-1"), end + 1

    def _fits(self, length: int) -> bool:
        return length in (0, self.limit - 1) if self.exact else length < self.limit

    def _rule(self) -> str:
        if self.exact:
            return f"must be empty or have {self.limit - 1} octets"
        return f"is longer than {self.limit - 1} octets"


@dataclass(frozen=True, slots=True)
class Counted:
    """Octet string behind a length of one octet (sm_length with short_message)."""

    limit: int = 254

    @property
    def default(self) -> bytes:
        return b""

    def encode(self, name: str, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise FieldError(name, "must be octets")
        if len(value) > self.limit:
            raise FieldError(name, f"is longer than {self.limit} octets")
        return bytes((len(value),)) + value

    def decode(self, data: bytes, pos: int, strict: bool) -> tuple[bytes, int]:
        if pos >= len(data):
            raise BrokenField(CommandStatus.ESME_RINVCMDLEN, "the PDU ends before its message length")
        end = pos + 1 + data[pos]
        if end > len(data):
            raise BrokenField(CommandStatus.ESME_RINVMSGLEN, "the message is shorter than its length says")
        return data[pos + 1 : end], end


def latin1(name: str, value: object) -> bytes:
    """Octets of a string field. Raises FieldError: not a string, or characters outside Latin-1."""
    if not isinstance(value, str):
        raise FieldError(name, "must be text")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise FieldError(name, "has characters outside Latin-1") from None
