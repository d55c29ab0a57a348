"""What the buckets say of operators now: sessions by replica, wanted states (docs/contract.md §1, §7)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import nats.errors
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyDeletedError, KeyNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlAnswer, ControlRequest, SessionRecord, WantedRecord

CONNECT_WAIT = 5.0
ANSWER_WAIT = 0.5
ASKED_AT_MOST = 200
"""Records that are asked for anew; those of the others are at most ten seconds old."""
T = TypeVar("T")
_SESSIONS = msgspec.json.encode(ControlRequest("sessions"))


@dataclass(frozen=True, slots=True)
class Live:
    """`sessions` by operator and replica; `wanted` by operator id."""

    sessions: list[SessionRecord] = field(default_factory=list)
    wanted: dict[str, WantedRecord] = field(default_factory=dict)


def read_live(settings: BusSettings, *, ask: bool = False) -> Live:
    """Connects, reads, closes; raises BusError. For synchronous code: the admin and the commands.

    With `ask` the replicas are asked how their sessions stand now (see `live_now`).
    """

    async def read() -> Live:
        bus = await Bus.connect(settings, name="operators", wait=CONNECT_WAIT)
        try:
            return await (live_now(bus) if ask else live_of(bus))
        finally:
            await bus.close()

    return asyncio.run(read())


def name_of(operator_id: str, live: Live) -> str:
    """The operator's name as a session tells it; its id where none does."""
    names = (one.operator_name for one in live.sessions if one.operator_id == operator_id)
    return next((name for name in names if name), operator_id)


async def live_of(bus: Bus) -> Live:
    """Raises BusError where JetStream does not answer; a bucket nobody has made yet is empty."""
    sessions, wanted = await asyncio.gather(
        records_of(bus, subjects.BUCKET_SESSIONS, SessionRecord),
        records_of(bus, subjects.BUCKET_WANTED, WantedRecord),
    )
    return Live(_ordered(sessions.values()), wanted)


async def live_now(bus: Bus) -> Live:
    """The same with what each replica says now: records are written when a state changes and every few seconds,
    while rates and windows change all the time. Only of one that does not answer in time the record is read."""
    keys, wanted = await asyncio.gather(
        _keys(bus, subjects.BUCKET_SESSIONS), records_of(bus, subjects.BUCKET_WANTED, WantedRecord)
    )
    answers = await asyncio.gather(*(_asked(bus, key) for key in keys[:ASKED_AT_MOST]))
    told = {key: answer for key, answer in zip(keys, answers, strict=False) if answer is not None}
    silent = await _read(bus, subjects.BUCKET_SESSIONS, [key for key in keys if key not in told], SessionRecord)
    return Live(_ordered((told | silent).values()), wanted)


def _ordered(sessions: Iterable[SessionRecord]) -> list[SessionRecord]:
    return sorted(sessions, key=lambda one: (one.operator_name, one.operator_id, one.replica))


async def _asked(bus: Bus, key: str) -> SessionRecord | None:
    """What the replica of this record's key says of the operator; None where it says nothing."""
    operator_id, _, replica = key.partition(".")
    with contextlib.suppress(nats.errors.Error, TimeoutError, OSError, msgspec.DecodeError):
        message = await bus.nc.request(subjects.control(operator_id, replica), _SESSIONS, timeout=ANSWER_WAIT)
        answer = msgspec.json.decode(message.data, type=ControlAnswer)
        return next(iter(answer.sessions), None)
    return None


async def records_of(bus: Bus, bucket: str, kind: type[T]) -> dict[str, T]:
    """Every record of a bucket by its key, without those of other releases that cannot be read. Raises BusError."""
    return await _read(bus, bucket, await _keys(bus, bucket), kind)


async def _keys(bus: Bus, bucket: str) -> list[str]:
    """Raises BusError; none where nobody has made the bucket yet."""
    try:
        return await bus.bucket_keys(bucket)
    except NotFoundError:
        return []
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"bucket {bucket}: {type(error).__name__}") from None


async def _read(bus: Bus, bucket: str, keys: Sequence[str], kind: type[T]) -> dict[str, T]:
    """Raises BusError."""
    if not keys:
        return {}
    try:
        store = await bus.bucket(bucket)
    except NotFoundError:
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
