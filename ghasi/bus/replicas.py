"""More copies of streams and buckets that exist (NATS_REPLICAS, docs/contract.md §1).

Only `manage.py provision` asks for it, and it never leads to fewer: that is a person's to decide.
"""

from __future__ import annotations

from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.api import StreamInfo
from nats.js.errors import APIError, NotFoundError

from ghasi.bus.topology import made_by_us, refused
from ghasi.contracts.topology import BUCKETS, STREAMS


@dataclass(frozen=True, slots=True)
class Fewer:
    """What has fewer copies than it should: `ours` may be changed, `others` the platform made."""

    ours: tuple[StreamInfo, ...] = ()
    others: tuple[str, ...] = ()


async def with_fewer(js: JetStreamContext, replicas: int) -> Fewer:
    """Of what exists; buckets by the names of their streams."""
    ours, others = [], []
    for stream in STREAMS:
        info = await _info(js, stream.name)
        if info is not None and copies(info) < replicas:
            if made_by_us(stream, info):
                ours.append(info)
            else:
                others.append(stream.name)
    for bucket in BUCKETS:
        info = await _info(js, f"KV_{bucket.name}")
        if info is not None and copies(info) < replicas:
            ours.append(info)
    return Fewer(tuple(ours), tuple(others))


async def raise_to(js: JetStreamContext, replicas: int, info: StreamInfo) -> None:
    """The other servers catch up behind it. Raises BusError, TopologyConflict, nats-py's errors without an answer."""
    try:
        await js.update_stream(info.config.evolve(num_replicas=replicas))
    except APIError as error:
        raise refused(f"stream {info.config.name}", replicas, error) from None


def copies(info: StreamInfo) -> int:
    return info.config.num_replicas or 1


async def _info(js: JetStreamContext, name: str) -> StreamInfo | None:
    try:
        return await js.stream_info(name)
    except NotFoundError:
        return None
