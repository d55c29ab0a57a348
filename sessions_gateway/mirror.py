"""A live copy of a key-value bucket: watched, looked at anew after silence, aged by when each key was heard of."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec
import nats.errors
from nats.js.errors import Error as JetStreamError
from nats.js.kv import KeyValue

from ghasi.bus import Bus, BusError, TopologyConflict
from ghasi.logs import get_logger
from ghasi.tasks import end_task, lasting

T = TypeVar("T")
RETRY = 1.0
SILENCE = 15.0

log = get_logger()


class Mirror(Generic[T]):
    """`changed(key)` is called after each change. Values that cannot be read are logged and left out.

    Keys that begin with `foreign` hold records of another kind and are passed over in silence, and so are those that
    end with `own`: what this process wrote itself it knows without reading it.
    """

    def __init__(
        self,
        bus: Bus,
        bucket: str,
        kind: type[T],
        changed: Callable[[str], None],
        *,
        silence: float = SILENCE,
        foreign: tuple[str, ...] = (),
        own: str = "",
    ) -> None:
        self._bus = bus
        self._bucket = bucket
        self._decoder = msgspec.json.Decoder(kind)
        self._changed = changed
        self._silence = silence
        self._foreign = foreign
        self._own = own
        self._items: dict[str, tuple[T, float, int]] = {}
        self._families: dict[str, set[str]] = {}
        self._task: asyncio.Task[None] | None = None
        self.filled = asyncio.Event()
        """Set once the bucket has been read for the first time."""

    def get(self, key: str) -> T | None:
        found = self._items.get(key)
        return found[0] if found else None

    def revision(self, key: str) -> int:
        """Of the value that `get` gives; 0 where there is none."""
        found = self._items.get(key)
        return found[2] if found else 0

    def age(self, key: str) -> float:
        """Seconds since the key was last heard of; infinite where there is none."""
        found = self._items.get(key)
        return asyncio.get_running_loop().time() - found[1] if found else math.inf

    def fresh(self, within: float) -> Iterator[tuple[str, T]]:
        """Keys heard of in the last `within` seconds."""
        oldest = asyncio.get_running_loop().time() - within
        for key, (value, heard, _) in list(self._items.items()):
            if heard >= oldest:
                yield key, value

    def fresh_of(self, first: str, within: float) -> list[T]:
        """The same for keys whose first token is `first`, at the cost of those alone."""
        family = self._families.get(first)
        if family is None:
            return []
        oldest = asyncio.get_running_loop().time() - within
        found = [self._items[key] for key in sorted(family)]
        return [value for value, heard, _ in found if heard >= oldest]

    def start(self) -> None:
        self._task = lasting(self._follow, f"mirror-{self._bucket}")

    async def stop(self) -> None:
        await end_task(self._task)

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch(await self._bus.bucket(self._bucket))
                continue
            except (JetStreamError, nats.errors.Error, OSError, TimeoutError) as error:
                log.warning("bucket.watch_lost", stream=self._bucket, errorType=type(error).__name__)
            await asyncio.sleep(RETRY)
            with contextlib.suppress(
                JetStreamError, nats.errors.Error, BusError, TopologyConflict, OSError, TimeoutError
            ):
                await self._bus.ensure(streams=False)

    async def _watch(self, bucket: KeyValue) -> None:
        """Returns where silence means that the watch is dead: one that a restarted server forgot looks like nothing
        happening."""
        watcher = await bucket.watchall()
        seen: set[str] | None = set()
        newest = 0
        try:
            while True:
                try:
                    entry = await _next(watcher, self._silence)
                except (nats.errors.TimeoutError, TimeoutError):
                    if seen is None and await _has_told_all(watcher, newest):
                        continue
                    return
                if entry is not None:
                    newest = max(newest, entry.revision or 0)
                    if seen is not None:
                        seen.add(entry.key)
                    self._apply(entry.key, entry.operation, entry.value, entry.revision or 0)
                elif seen is not None:
                    self._drop_unseen(seen)
                    seen = None
                    self.filled.set()
        finally:
            with contextlib.suppress(nats.errors.Error, JetStreamError, OSError):
                await watcher.stop()  # type: ignore[no-untyped-call]

    def _drop_unseen(self, seen: set[str]) -> None:
        for key in [key for key in self._items if key not in seen]:
            self._drop(key)

    def _apply(self, key: str, operation: str | None, value: bytes | None, revision: int = 0) -> None:
        if key.startswith(self._foreign) or (self._own and key.endswith(self._own)):
            return
        if operation in ("DEL", "PURGE") or not value:
            if key in self._items:
                self._drop(key)
            return
        try:
            decoded = self._decoder.decode(value)
        except msgspec.DecodeError:
            log.error("bucket.unreadable", stream=self._bucket, detail="a record of another form is left out")
            return
        self._items[key] = (decoded, asyncio.get_running_loop().time(), revision)
        self._families.setdefault(_first(key), set()).add(key)
        self._changed(key)

    def _drop(self, key: str) -> None:
        del self._items[key]
        family = self._families[_first(key)]
        family.discard(key)
        if not family:
            del self._families[_first(key)]
        self._changed(key)


async def _next(watcher: KeyValue.KeyWatcher, timeout: float) -> KeyValue.Entry | None:
    """The next update; those that came together cost no timer and no task each. Raises nats.errors.TimeoutError."""
    queue: asyncio.Queue[Any] = watcher._updates
    if not queue.empty():
        found: KeyValue.Entry | None = queue.get_nowait()
        return found
    return await watcher.updates(timeout=timeout)  # type: ignore[no-untyped-call,no-any-return]


async def _has_told_all(watcher: KeyValue.KeyWatcher, newest: int) -> bool:
    """Whether the server still knows the watch and has nothing for it beyond revision `newest`.

    Asking is cheaper than watching anew, which brings every key again.
    """
    subscription: Any = watcher._sub
    try:
        told = await subscription.consumer_info()
    except (JetStreamError, nats.errors.Error, OSError, TimeoutError):
        return False
    return told.delivered is not None and not told.num_pending and told.delivered.stream_seq <= newest


def _first(key: str) -> str:
    return key.partition(".")[0]
