"""What a gateway replica and whoever watches an operator's PDUs say to each other (docs/contract.md §1, "Tracing").

The order is part of a control request (JSON); what is streamed is MessagePack. Both are additive: a receiver ignores
fields it does not know.
"""

from __future__ import annotations

import msgspec

LEASE_SECONDS = 15.0
"""A replica stops that long after the last order; who watches repeats it three times as often."""
LONGEST_SECONDS = 3600.0
"""And that long after the first one, whatever is repeated."""


class TraceOrder(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Stream copies of PDUs to `smpp.trace.{operatorId}.{id}`; the same `id` again renews, `stop` ends at once.

    `id` is 32 hex digits of the asker's. `commands` are command_ids, none means all. `digits` are the last 2 to 4
    digits of a number: only PDUs from or to such a number, and the answers to them.
    """

    id: str
    unmasked: bool = False
    commands: list[int] = []
    digits: str = ""
    stop: bool = False


class TracedPdu(msgspec.Struct, frozen=True, array_like=True):
    """One PDU. `at_us` is Unix time in microseconds; `link` counts the connections of the replica to that operator.

    `sent` is from the connector to the operator. `local` and `remote` are `host:port`, an IPv6 host in brackets.
    """

    at_us: int
    sent: bool
    slot: int
    link: int
    local: str
    remote: str
    octets: bytes

    def __repr__(self) -> str:
        """Without the PDU: unmasked ones hold numbers and texts."""
        return f"TracedPdu(at_us={self.at_us}, sent={self.sent}, link={self.link}, octets={len(self.octets)})"


class TraceBatch(msgspec.Struct, frozen=True, omit_defaults=True):
    """PDUs of one replica in the order of its wire. `number` counts its batches from 1, so that a lost one shows.

    `dropped` PDUs came before these and after the last batch, and were not copied: more than the rate allows, or than
    the buffer holds. `ended` says why nothing more comes.
    """

    replica: str
    number: int
    pdus: list[TracedPdu] = []
    dropped: int = 0
    ended: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(TraceBatch)


def encode_batch(batch: TraceBatch) -> bytes:
    return _encoder.encode(batch)


def decode_batch(data: bytes) -> TraceBatch:
    """Raises msgspec.DecodeError."""
    return _decoder.decode(data)
