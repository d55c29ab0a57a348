"""What the buckets say of operators now: sessions by replica, wanted states (docs/contract.md §1, §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import nats.errors
from nats.js.errors import BucketNotFoundError, KeyDeletedError, KeyNotFoundError
from nats.js.errors import Error as JetStreamError
from nats.js.kv import KeyValue

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import SessionRecord, WantedRecord

CONNECT_WAIT = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Live:
    """`sessions` by operator and replica; `wanted` by operator id."""

    sessions: list[SessionRecord] = field(default_factory=list)
    wanted: dict[str, WantedRecord] = field(default_factory=dict)


def read_live(settings: BusSettings) -> Live:
    """Connects, reads, closes; raises BusError. For synchronous code: the admin and the commands."""

    async def read() -> Live:
        bus = await Bus.connect(settings, name="operators", wait=CONNECT_WAIT)
        try:
            return await live_of(bus)
        finally:
            await bus.close()

    return asyncio.run(read())


def name_of(operator_id: str, live: Live) -> str:
    """The operator's name as a session tells it; its id where none does."""
    names = (one.operator_name for one in live.sessions if one.operator_id == operator_id)
    return next((name for name in names if name), operator_id)


async def live_of(bus: Bus) -> Live:
    """Raises BusError where JetStream does not answer; a bucket nobody has made yet is empty."""
    sessions = await _records(bus, subjects.BUCKET_SESSIONS, SessionRecord)
    wanted = await _records(bus, subjects.BUCKET_WANTED, WantedRecord)
    ordered = sorted(sessions.values(), key=lambda one: (one.operator_name, one.operator_id, one.replica))
    return Live(ordered, wanted)


async def _records(bus: Bus, bucket: str, kind: type[T]) -> dict[str, T]:
    try:
        store = await bus.bucket(bucket)
        keys = await bus.bucket_keys(bucket)
    except BucketNotFoundError:
        return {}
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"bucket {bucket}: {type(error).__name__}") from None
    values = await asyncio.gather(*(_value(store, key) for key in keys))
    return dict(_decoded(zip(keys, values, strict=True), kind))


async def _value(store: KeyValue, key: str) -> bytes | None:
    """None where the key vanished since it was listed."""
    try:
        return (await store.get(key)).value
    except (KeyNotFoundError, KeyDeletedError):
        return None
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"key {key}: {type(error).__name__}") from None


def _decoded(pairs: Iterable[tuple[str, bytes | None]], kind: type[T]) -> Iterable[tuple[str, T]]:
    """A record of another release that cannot be read is left out rather than hiding the others."""
    for key, value in pairs:
        if value:
            try:
                yield key, msgspec.json.decode(value, type=kind)
            except msgspec.DecodeError:
                continue
