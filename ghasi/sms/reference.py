"""The concatenation reference of a message: the same for all its parts and for every later attempt.

It is a digest of the message id and not a counter, so no process has to remember it, and a part that is
sent again falls into its place among those a phone already holds.
"""

from __future__ import annotations

import hashlib
from uuid import UUID


def concatenation_reference(message_id: UUID, bits: int = 8) -> int:
    """0…255 or 0…65535 for `bits` 8 or 16; equal for equal ids in every process and release.

    A digest rather than some octets of the UUID: time-ordered UUIDs repeat octets in messages that follow
    each other.
    """
    if bits not in (8, 16):
        raise ValueError("a concatenation reference has 8 or 16 bits")
    return int.from_bytes(hashlib.blake2s(message_id.bytes, digest_size=bits // 8).digest(), "big")
