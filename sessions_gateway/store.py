"""The key-value buckets as the gateway uses them: compare-and-set for leases, and one error to handle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import nats.errors
from nats.js.errors import (
    Error as JetStreamError,
)
from nats.js.errors import (
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NoStreamResponseError,
    NotFoundError,
)
from nats.js.kv import KeyValue

from ghasi.bus import Bus, BusError, TopologyConflict

T = TypeVar("T")


class StoreAway(Exception):
    """The bucket could not be asked; whether a write happened is unknown."""


class Store:
    """Gets and writes keys. A bucket that vanished (kept in memory, server restarted) is made again once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._buckets: dict[str, KeyValue] = {}

    async def get(self, bucket: str, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None where there is none. Raises StoreAway."""

        async def ask(kv: KeyValue) -> tuple[bytes, int] | None:
            try:
                entry = await kv.get(key)
            except KeyNotFoundError:
                return None
            return entry.value or b"", entry.revision or 0

        return await self._do(bucket, ask)

    async def put(self, bucket: str, key: str, value: bytes) -> int:
        """The new revision. Raises StoreAway."""
        return await self._do(bucket, lambda kv: kv.put(key, value))

    async def put_all(self, bucket: str, values: Sequence[tuple[str, bytes]]) -> None:
        """Many keys for one answer: the last one's, before which a stream has taken what came before it on this
        connection. Raises StoreAway; then any of them may stand."""

        async def write(kv: KeyValue) -> None:
            for key, value in values[:-1]:
                await self._bus.nc.publish(f"$KV.{bucket}.{key}", value)
            await kv.put(*values[-1])

        if values:
            await self._do(bucket, write)

    async def create(self, bucket: str, key: str, value: bytes) -> int | None:
        """The revision, or None where the key is there already. Raises StoreAway."""
        return await self._do(bucket, lambda kv: _unless_conflict(kv.create(key, value)))

    async def update(self, bucket: str, key: str, value: bytes, last: int) -> int | None:
        """The revision, or None where the key has moved on from revision `last`. Raises StoreAway."""
        return await self._do(bucket, lambda kv: _unless_conflict(kv.update(key, value, last)))

    async def delete(self, bucket: str, key: str, last: int | None = None) -> bool:
        """Only at revision `last`, where given; False where the key has moved on. Raises StoreAway."""
        return bool(await self._do(bucket, lambda kv: _unless_conflict(kv.delete(key, last))))

    async def _do(self, bucket: str, what: Callable[[KeyValue], Awaitable[T]]) -> T:
        if not self._bus.connected:
            raise StoreAway("not connected to NATS")
        try:
            try:
                return await what(await self._bucket(bucket))
            except (NoStreamResponseError, NotFoundError):
                self._buckets.pop(bucket, None)
                await self._bus.ensure(streams=False)
                return await what(await self._bucket(bucket))
        except (JetStreamError, nats.errors.Error, BusError, TopologyConflict, OSError, TimeoutError) as error:
            raise StoreAway(f"{bucket}: {type(error).__name__}") from None

    async def _bucket(self, name: str) -> KeyValue:
        if name not in self._buckets:
            self._buckets[name] = await self._bus.bucket(name)
        return self._buckets[name]


async def _unless_conflict(write: Awaitable[T]) -> T | None:
    try:
        return await write
    except KeyWrongLastSequenceError:
        return None
    except JetStreamError as error:
        # `delete` does not translate the refusal of a revision that moved on.
        if getattr(error, "err_code", None) in (10071, 10164):
            return None
        raise
