"""The references of a message, the same for every later attempt: one for the phone, one for receipts.

The concatenation reference is shared by all parts, the user_message_reference differs from part to part. Each is a
digest of the message id and not a counter, so no process has to remember it, and a part that is sent again falls into
its place among those a phone already holds.
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


def message_reference(message_id: UUID, segment: int = 1) -> int:
    """0…65535, the user_message_reference (SMPP 3.4 §5.3.2.17) of part `segment`, counted from 1.

    The parts count up from the first one, so that all of a message differ; a later attempt carries the same again.
    """
    digest = hashlib.blake2s(message_id.bytes, digest_size=2, person=b"umr").digest()
    return (int.from_bytes(digest, "big") + segment - 1) % 0x10000
