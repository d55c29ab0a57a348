"""Words and numbers operators use for the state of a message, and what the platform calls it
(docs/contract.md §3).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ghasi.smpp.constants import MessageState as M


class DlrState(StrEnum):
    """`status` of a DlrInboundEvent."""

    DELIVERED = "DELIVERED"
    UNDELIVERABLE = "UNDELIVERABLE"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTED"


FINAL_STATES: Final = frozenset({M.DELIVERED, M.EXPIRED, M.DELETED, M.UNDELIVERABLE, M.REJECTED, M.SKIPPED})

_DLR_STATES: Final = {
    M.SCHEDULED: DlrState.ACCEPTED,
    M.ENROUTE: DlrState.ACCEPTED,
    M.DELIVERED: DlrState.DELIVERED,
    M.EXPIRED: DlrState.EXPIRED,
    M.DELETED: DlrState.DELETED,
    M.UNDELIVERABLE: DlrState.UNDELIVERABLE,
    M.ACCEPTED: DlrState.ACCEPTED,
    M.UNKNOWN: DlrState.UNKNOWN,
    M.REJECTED: DlrState.REJECTED,
    M.SKIPPED: DlrState.UNDELIVERABLE,
}

# SMPP 3.4 appendix B, the state names spelled out, and what single operators write instead.
WORDS: Final[Mapping[str, M]] = {state.name: state for state in M} | {
    "SCHEDLD": M.SCHEDULED,
    "BUFFERD": M.ENROUTE,
    "BUFFRED": M.ENROUTE,
    "ACKED": M.ENROUTE,
    "DELIVRD": M.DELIVERED,
    "DELIVERD": M.DELIVERED,
    "UNDELIV": M.UNDELIVERABLE,
    "FAILED": M.UNDELIVERABLE,
    "ACCEPTD": M.ACCEPTED,
    "REJECTD": M.REJECTED,
    "NACK": M.REJECTED,
}


def dlr_state(state: M | None) -> DlrState:
    """The platform's status of a message_state; UNKNOWN for None, a state nobody listed."""
    return DlrState.UNKNOWN if state is None else _DLR_STATES[state]


def state_of_word(stat: str, words: Mapping[str, int] | None = None) -> M | None:
    """The state a `stat` word means, in any case, or written as a number; None for an unlisted word.

    `words` are the operator's own, in upper case, asked first. An unlisted word never becomes a failure.
    """
    word = stat.upper()
    if words and word in words:
        return state_of_number(words[word])
    if word in WORDS:
        return WORDS[word]
    return state_of_number(int(word)) if word.isascii() and word.isdigit() and len(word) <= 3 else None


def state_of_number(number: int) -> M | None:
    """The message_state of that number; None where SMPP lists none."""
    return M(number) if M.SCHEDULED <= number <= M.SKIPPED else None


def state_of_tlv(value: bytes) -> int | None:
    """The number in a message_state TLV, one octet by SMPP 3.4 §5.3.2.35.

    None for an empty value. Two octets are a big-endian number or, as some write it, the state and a NUL.
    """
    if not value:
        return None
    if len(value) == 2 and value[1] == 0:
        return value[0]
    return int.from_bytes(value[:4], "big")
