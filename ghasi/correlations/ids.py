"""Row ids: UUID version 7, so that new rows lie side by side in the index and a key tells its age (RFC 9562 §5.7)."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_AT_ONCE = 200


def row_id(now: datetime, entropy: bytes = b"") -> UUID:
    """A new id: 48 bits of Unix milliseconds, then 74 random bits, from these 10 octets where there are any."""
    random = int.from_bytes(entropy or os.urandom(10), "big")
    high = (int(now.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80
    return UUID(int=high | _VERSION_7 | (random >> 68) << 64 | _VARIANT | (random & (2**62 - 1)))


def row_ids(now: datetime) -> Callable[[], UUID]:
    """Makes ids of one moment, as `row_id` does, with one look at clock and entropy for hundreds."""
    pool = bytearray()

    def made() -> UUID:
        if not pool:
            pool.extend(os.urandom(10 * _AT_ONCE))
        entropy = bytes(pool[-10:])
        del pool[-10:]
        return row_id(now, entropy)

    return made


def lock_key(message_id: UUID) -> int:
    """The message's advisory lock: its two halves folded into a signed bigint, fair for UUIDs of any version."""
    value = (message_id.int >> 64) ^ (message_id.int & (2**64 - 1))
    return value - 2**64 if value >= 2**63 else value


def first_row_id(moment: datetime) -> UUID:
    """The lowest row id of a moment: where a span of rows begins in the primary key."""
    return UUID(int=(int(moment.timestamp() * 1000) & 0xFFFFFFFFFFFF) << 80)


def moment_of(row_id: UUID) -> datetime:
    """When a row id was made, to the millisecond."""
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)
