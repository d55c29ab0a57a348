"""Which request a response answers: an id in it may hold the number that the message went to, and only the request
says which number that is."""

from __future__ import annotations

from typing import Final

from ghasi.smpp.constants import HEADER_LENGTH, RESPONSE_BIT, CommandId

MAX_WAITING: Final = 10_000
"""Requests without an answer yet that are remembered; the oldest are forgotten first."""
_NAMING: Final = frozenset({CommandId.SUBMIT_SM, CommandId.DATA_SM, CommandId.SUBMIT_MULTI})
"""Requests whose answers give a message its id."""


class Requests:
    """By link, direction and sequence_number."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, bool, int], bytes] = {}

    def heard(self, sent: bool, link: int, frame: bytes) -> bytes:
        """Takes in what passes; the request that `frame` answers, empty where it is none or not known."""
        if len(frame) < HEADER_LENGTH:
            return b""
        command_id, number = int.from_bytes(frame[4:8], "big"), int.from_bytes(frame[12:16], "big")
        if command_id & RESPONSE_BIT:
            return self._waiting.pop((link, sent, number), b"")
        if command_id in _NAMING:
            self._waiting[link, not sent, number] = frame
            if len(self._waiting) > MAX_WAITING:
                del self._waiting[next(iter(self._waiting))]
        return b""
