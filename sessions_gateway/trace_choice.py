"""Which PDUs a trace wants: by command, by the end of a number, and the answers to those."""

from __future__ import annotations

from typing import Final

from ghasi.smpp.constants import HEADER_LENGTH, RESPONSE_BIT
from ghasi.smpp.layout import lay_out

MAX_FOLLOWED: Final = 1_000
_ADDRESSES: Final = frozenset({"source_addr", "destination_addr", "esme_addr"})


class Choice:
    """`commands` are command_ids, none means all; `digits` are the last ones of a number, none means any."""

    def __init__(self, commands: frozenset[int], digits: str) -> None:
        self._commands = commands
        self._digits = digits
        self._ending = digits.encode("ascii") + b"\0"
        self._followed: dict[tuple[int, bool, int], None] = {}
        """Answers to look out for: link, direction, sequence_number; the oldest are forgotten first."""

    def wants(self, sent: bool, link: int, frame: bytes) -> bool:
        """Whether the PDU is to be copied; `link` tells connections apart."""
        if len(frame) < HEADER_LENGTH:
            return not self._commands and not self._digits
        command_id = int.from_bytes(frame[4:8], "big")
        if self._digits and not self._is_of_number(sent, link, command_id, frame):
            return False
        return not self._commands or command_id in self._commands

    def _is_of_number(self, sent: bool, link: int, command_id: int, frame: bytes) -> bool:
        number = int.from_bytes(frame[12:16], "big")
        if command_id & RESPONSE_BIT:
            return self._followed.pop((link, sent, number), self) is None
        # Taking each PDU apart would cost the traffic; few hold these octets in front of a NUL.
        if self._ending not in frame or not self._is_address(frame):
            return False
        self._followed[link, not sent, number] = None
        if len(self._followed) > MAX_FOLLOWED:
            del self._followed[next(iter(self._followed))]
        return True

    def _is_address(self, frame: bytes) -> bool:
        return any(span.name in _ADDRESSES and span.value.endswith(self._digits) for span in lay_out(frame).spans)
