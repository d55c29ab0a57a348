"""What JetStream says of itself, gathered once; the checks read it without asking again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import nats.errors
from nats.js.api import ConsumerInfo, StreamInfo
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from ghasi.bus import Bus, BusError
from ghasi.contracts import subjects, topology
from ghasi.contracts.sessions import ReplicaRecord, SessionRecord, SlotRecord

T = TypeVar("T")
WORKER_PREFIX = "worker."


class Process(msgspec.Struct, frozen=True, rename="camel"):
    """A living worker process, as its presence record names it (`workers.presence`)."""

    pool: str
    operator_ids: list[str]
    started_at: float = 0.0
    version: str = ""


@dataclass(slots=True)
class NatsFacts:
    """Streams and buckets by name, consumers by stream and durable; `waiting` counts the messages of each subject of
    SMS_DISPATCH. `session_at` is when the server stored a session record."""

    version: str = ""
    max_payload: int = 0
    clustered: bool = False
    jetstream: bool = True
    streams: dict[str, StreamInfo] = field(default_factory=dict)
    buckets: dict[str, StreamInfo] = field(default_factory=dict)
    consumers: dict[str, dict[str, ConsumerInfo]] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    gateways: dict[str, ReplicaRecord] = field(default_factory=dict)
    workers: list[Process] = field(default_factory=list)
    slots: dict[str, SlotRecord] = field(default_factory=dict)
    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    session_at: dict[str, datetime] = field(default_factory=dict)

    @property
    def operator_ids(self) -> set[str]:
        """Every operator that a living process is assigned to."""
        found = {one for record in self.gateways.values() for one in record.operator_ids}
        return found | {one for worker in self.workers for one in worker.operator_ids}


async def gather(bus: Bus) -> NatsFacts:
    """Raises BusError where JetStream does not answer."""
    server: dict[str, Any] = bus.nc._server_info
    facts = NatsFacts(
        version=str(server.get("version", "")),
        max_payload=bus.max_payload,
        clustered=bool(server.get("cluster")),
        jetstream=bool(server.get("jetstream")),
    )
    if not facts.jetstream:
        return facts
    try:
        await _streams(bus, facts)
        await _records(bus, facts)
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"JetStream: {type(error).__name__}") from None
    return facts


async def _streams(bus: Bus, facts: NatsFacts) -> None:
    for stream in topology.STREAMS:
        if (info := await _info(bus, stream.name)) is not None:
            facts.streams[stream.name] = info
    for bucket in topology.BUCKETS:
        if (info := await _info(bus, f"KV_{bucket.name}")) is not None:
            facts.buckets[bucket.name] = info
    for name in (subjects.SMS_DISPATCH, subjects.SMPP_RECEIPTS):
        if name in facts.streams:
            facts.consumers[name] = {info.name: info for info in await bus.consumers(name)}
    if subjects.SMS_DISPATCH in facts.streams:
        info = await bus.js.stream_info(subjects.SMS_DISPATCH, subjects_filter=">")
        facts.waiting = dict(info.state.subjects or {})


async def _info(bus: Bus, name: str) -> StreamInfo | None:
    try:
        return await bus.js.stream_info(name)
    except NotFoundError:
        return None


async def _records(bus: Bus, facts: NatsFacts) -> None:
    for key, (value, _) in (await _values(bus, facts, subjects.BUCKET_REPLICAS)).items():
        if key.startswith(WORKER_PREFIX):
            if (worker := _decoded(value, Process)) is not None:
                facts.workers.append(worker)
        elif (gateway := _decoded(value, ReplicaRecord)) is not None:
            facts.gateways[key] = gateway
    for key, (value, _) in (await _values(bus, facts, subjects.BUCKET_SLOTS)).items():
        if (slot := _decoded(value, SlotRecord)) is not None:
            facts.slots[key] = slot
    for key, (value, at) in (await _values(bus, facts, subjects.BUCKET_SESSIONS)).items():
        if (session := _decoded(value, SessionRecord)) is not None:
            facts.sessions[key] = session
            if at is not None:
                facts.session_at[key] = at


async def _values(bus: Bus, facts: NatsFacts, bucket: str) -> dict[str, tuple[bytes, datetime | None]]:
    """Key → value and when it was stored."""
    if bucket not in facts.buckets:
        return {}
    found = {}
    for key in await bus.bucket_keys(bucket):
        try:
            message = await bus.js.get_last_msg(f"KV_{bucket}", f"$KV.{bucket}.{key}")
        except NotFoundError:
            continue
        if message.data and not (message.headers or {}).get("KV-Operation"):
            found[key] = (message.data, message.time)
    return found


def _decoded(value: bytes, kind: type[T]) -> T | None:
    """None for a record of another release that cannot be read."""
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.DecodeError:
        return None
