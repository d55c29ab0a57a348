"""Whether the event streams forget what a reader has not read yet (docs/operations.md, "Events forgotten").

They discard their oldest messages when they are full or too old. Who reads them is not ours to know: every durable
with acknowledgements counts as a reader.
"""

from __future__ import annotations

from nats.js.api import AckPolicy, ConsumerInfo

from ghasi.bus import Bus
from ghasi.contracts.subjects import DLR_EVENTS, SUBMIT_EVENTS
from ghasi.contracts.topology import STREAMS
from ghasi.logs import get_logger
from workers import metrics

WATCHED = (DLR_EVENTS, SUBMIT_EVENTS)
SHOWN = tuple(one.name for one in STREAMS)

log = get_logger()


class StreamWatch:
    """Asked to look now and then, by one process of a pool."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._told: set[str] = set()

    async def look(self) -> None:
        """Shows, by stream, how many messages its slowest reader will never see. Raises as nats-py does."""
        for stream in WATCHED:
            # Readers first: what they read until the second question only makes them slower than they are told to be.
            readers = [one for one in await self._bus.consumers(stream) if _reads(one)]
            first = (await self._bus.js.stream_info(stream)).state.first_seq
            count = max((forgotten(first, one) for one in readers), default=0)
            metrics.events_forgotten.labels(stream).set(count)
            if count and stream not in self._told:
                log.error("events.forgotten", stream=stream, count=count)
            (self._told.add if count else self._told.discard)(stream)
        await self._show_sizes()

    async def _show_sizes(self) -> None:
        for name in SHOWN:
            info = await self._bus.js.stream_info(name)
            metrics.stream_bytes.labels(name).set(info.state.bytes)
            metrics.stream_max_bytes.labels(name).set(max(0, info.config.max_bytes or 0))


def _reads(one: ConsumerInfo) -> bool:
    return bool(one.config and one.config.durable_name) and one.config.ack_policy != AckPolicy.NONE


def forgotten(first: int, reader: ConsumerInfo) -> int:
    """Messages between what the reader has settled and the oldest that is left."""
    settled = reader.ack_floor.stream_seq if reader.ack_floor else 0
    return max(0, first - 1 - (settled or 0))
