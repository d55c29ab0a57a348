"""PDUs out of a stream of octets, with the length guarded before anything is waited for or allocated."""

from __future__ import annotations

import struct
from typing import Final

from ghasi.smpp.constants import HEADER_LENGTH
from ghasi.smpp.errors import FramingError

#: Header, fields, a message_payload of 65535 octets and other TLVs fit; nothing legal is longer.
DEFAULT_MAX_LENGTH: Final = 70 * 1024

_LENGTH: Final = struct.Struct(">I")


class FrameBuffer:
    """Takes octets as they come, gives complete PDUs. After a FramingError it is of no more use."""

    __slots__ = ("_buffer", "_max_length", "_start")

    def __init__(self, max_length: int = DEFAULT_MAX_LENGTH) -> None:
        self._max_length = max_length
        self._buffer: bytes | bytearray = b""
        self._start = 0

    @property
    def pending(self) -> int:
        """Octets held; once `next_frame` gave None, those of a PDU that has begun and not ended."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Add octets, however they were cut on the way."""
        if self._start == len(self._buffer):
            # What comes mostly begins with a PDU: it is cut where it stands.
            self._buffer, self._start = data, 0
            return
        if not isinstance(self._buffer, bytearray):
            self._buffer = bytearray(self._buffer)
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """One complete PDU, or None until more octets come.

        Raises FramingError as soon as the four octets of an impossible command_length are there.
        """
        buffer, start = self._buffer, self._start
        available = len(buffer) - start
        if available < _LENGTH.size:
            if not available:
                self._buffer, self._start = b"", 0
            return None
        (length,) = _LENGTH.unpack_from(buffer, start)
        if not HEADER_LENGTH <= length <= self._max_length:
            raise FramingError(f"command_length {length} is not within {HEADER_LENGTH}..{self._max_length}")
        if available < length:
            return None
        end = self._start = start + length
        return buffer[start:end] if isinstance(buffer, bytes) else bytes(memoryview(buffer)[start:end])
