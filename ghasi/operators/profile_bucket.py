"""Live profiles as the gateways get them: the bucket SMPP_PROFILES (docs/contract.md §1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
import nats.errors
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyDeletedError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts.subjects import BUCKET_PROFILES
from ghasi.profiles.record import ProfileRecord

CONNECT_WAIT = 5.0
TRIES = 5


def publish(settings: BusSettings, records: Iterable[ProfileRecord]) -> list[str]:
    """Connects, publishes, closes; raises BusError. For synchronous code: the admin and the commands."""

    async def run() -> list[str]:
        bus = await Bus.connect(settings, name="profiles", wait=CONNECT_WAIT)
        try:
            await bus.ensure(streams=False)
            return await publish_on(bus, records)
        finally:
            await bus.close()

    return asyncio.run(run())


async def publish_on(bus: Bus, records: Iterable[ProfileRecord]) -> list[str]:
    """Brings the bucket up to `records`; the names of those it did not hold yet. A later version stays.

    Raises BusError; then any of them may stand.
    """
    try:
        bucket = await bus.bucket(BUCKET_PROFILES)
        return [one.name for one in records if await _put(bucket, one)]
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"bucket {BUCKET_PROFILES}: {type(error).__name__}") from None


async def _put(bucket: KeyValue, record: ProfileRecord) -> bool:
    value = msgspec.json.encode(record)
    for _ in range(TRIES):
        held, revision = await _held(bucket, record.name)
        if held is not None and (held == record or held.version > record.version):
            return False
        try:
            if revision:
                await bucket.update(record.name, value, revision)
            else:
                await bucket.create(record.name, value)
            return True
        except KeyWrongLastSequenceError:
            continue
    raise BusError(f"bucket {BUCKET_PROFILES}: others write {record.name} at the same time")


async def _held(bucket: KeyValue, name: str) -> tuple[ProfileRecord | None, int]:
    """The record and its revision; revision 0 where there is none. One that cannot be read counts for nothing."""
    try:
        entry = await bucket.get(name)
    except (KeyNotFoundError, KeyDeletedError):
        return None, 0
    try:
        return msgspec.json.decode(entry.value or b"", type=ProfileRecord), entry.revision or 0
    except msgspec.DecodeError:
        return None, entry.revision or 0
