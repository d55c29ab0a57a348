"""Since when the oldest message of a consumer waits (docs/contract.md §11)."""

from __future__ import annotations

from datetime import datetime

import msgspec
from nats.js.api import ConsumerInfo

from ghasi.bus import Bus
from ghasi.contracts import topology

TIMEOUT = 2.0


class _Message(msgspec.Struct):
    time: datetime


class _Answer(msgspec.Struct):
    message: _Message | None = None


async def oldest(bus: Bus, consumer: topology.Consumer, info: ConsumerInfo) -> float:
    """Unix time at which the first message behind the ack floor was stored; 0.0 where nothing waits. Raises as
    nats-py does."""
    if not (info.num_pending or info.num_ack_pending):
        return 0.0
    floor = info.ack_floor.stream_seq if info.ack_floor else 0
    request = msgspec.json.encode({"seq": (floor or 0) + 1, "next_by_subj": consumer.filter_subject})
    answer = await bus.nc.request(f"$JS.API.STREAM.MSG.GET.{consumer.stream}", request, timeout=TIMEOUT)
    found = msgspec.json.decode(answer.data, type=_Answer).message
    return found.time.timestamp() if found else 0.0
