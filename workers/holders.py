"""Who holds each operator's binds, as the gateways say it in the sessions bucket (docs/contract.md §1, §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec
import nats.errors
from nats.js.errors import Error as JetStreamError
from nats.js.kv import KeyValue

from ghasi.bus import Bus
from ghasi.contracts.sessions import SendRules, SessionRecord, State
from ghasi.contracts.subjects import BUCKET_SESSIONS
from ghasi.logs import get_logger
from ghasi.tasks import end_task, lasting
from workers.unfollowed import Unfollowed

STALE_AFTER = 25.0
"""Seconds without a word from a gateway, which repeats its records every 10 s, until it is taken for gone."""
FORGET_AFTER = 10 * STALE_AFTER
"""Seconds until nothing is kept of it: one that was killed never takes its records back, and the next one mostly
has another name."""

log = get_logger()
_decoder = msgspec.json.Decoder(SessionRecord)


class Holders:
    """A live copy of the sessions bucket. Everything runs on the loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[str, dict[str, tuple[SessionRecord, float]]] = {}
        self._rules: dict[str, SendRules] = {}
        self._stuck: set[str] = set()
        self._unfollowed = Unfollowed()
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._task: asyncio.Task[None] | None = None

    def listen(self, operator_id: str, changed: Callable[[], None]) -> None:
        """`changed` is called whenever a record of the operator comes or goes."""
        self._listeners.setdefault(operator_id, []).append(changed)

    def bound(self, operator_id: str) -> list[SessionRecord]:
        """The replicas PDUs may be handed to, by name: BOUND, heard of lately, with rules that can be followed."""
        fresh = self._clock() - STALE_AFTER
        records = self._records.get(operator_id, {})
        return [
            record
            for _, (record, heard) in sorted(records.items())
            if heard >= fresh
            and record.state is State.BOUND
            and record.binds > 0
            and not self._unfollowed.holds(record)
        ]

    def holder(self, operator_id: str) -> SessionRecord | None:
        """One of `bound`, whose limit and rules stand for the operator's: the same one as long as it can be."""
        return min(self.bound(operator_id), key=lambda record: (-record.binds, record.replica), default=None)

    def everyone(self) -> list[SessionRecord]:
        """All records heard of lately, of any operator. May be called from another thread."""
        fresh = self._clock() - STALE_AFTER
        replicas = list(self._records.values())
        return [record for one in replicas for record, heard in list(one.values()) if heard >= fresh]

    def records(self, operator_id: str) -> list[SessionRecord]:
        """The last word of each replica that was heard of lately."""
        fresh = self._clock() - STALE_AFTER
        return [record for record, heard in self._records.get(operator_id, {}).values() if heard >= fresh]

    def rules(self, operator_id: str) -> SendRules | None:
        """The operator's rules as last heard from a gateway that had its credentials, however long ago; a standby
        that never fetched them knows none. None: nobody has said yet."""
        return self._rules.get(operator_id)

    def stuck(self, operator_id: str) -> bool:
        """Whether no PDU can be built by the rules that `rules` gives."""
        return operator_id in self._stuck

    def put(self, record: SessionRecord) -> None:
        followed = self._unfollowed.judge(record, self._clock())
        self._forget_gone(record.operator_id)
        self._records.setdefault(record.operator_id, {})[record.replica] = (record, self._clock())
        if record.tps_limit > 0:
            self._rules[record.operator_id] = record.rules
            (self._stuck.discard if followed else self._stuck.add)(record.operator_id)
        self._tell(record.operator_id)

    def _forget_gone(self, operator_id: str) -> None:
        long_ago = self._clock() - FORGET_AFTER
        records = self._records.get(operator_id, {})
        for replica in [one for one, (_, heard) in records.items() if heard < long_ago]:
            del records[replica]
        self._unfollowed.forget(operator_id, long_ago)

    def refused(self, record: SessionRecord) -> None:
        """The replica took nothing on the strength of this record: not to be asked until it is heard of again."""
        known = self._records.get(record.operator_id, {}).get(record.replica)
        if known is not None and known[0] is record:
            self.drop(record.operator_id, record.replica)

    def drop(self, operator_id: str, replica: str) -> None:
        """A replica gave its record up."""
        self._unfollowed.clear(operator_id, replica)
        if self._records.get(operator_id, {}).pop(replica, None) is not None:
            self._tell(operator_id)

    def _tell(self, operator_id: str) -> None:
        for listener in list(self._listeners.get(operator_id, ())):
            listener()

    async def start(self, bus: Bus) -> None:
        self._task = lasting(partial(self._follow, bus), "holders")

    async def _follow(self, bus: Bus) -> None:
        while True:
            try:
                await self._watch(await bus.bucket(BUCKET_SESSIONS))
            except (nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
                log.warning("holders.lost", errorType=type(error).__name__)
            await asyncio.sleep(1.0)

    async def _watch(self, bucket: KeyValue) -> None:
        watcher = await bucket.watchall()
        try:
            while True:
                try:
                    entry = await watcher.updates(timeout=30.0)  # type: ignore[no-untyped-call]
                except (nats.errors.TimeoutError, TimeoutError):
                    # Gateways repeat their records every 10 s: silence means that the watch itself is dead
                    # (a server that restarted forgets it), or that no gateway lives. Look anew.
                    return
                if entry is not None:
                    self._apply(entry.key, entry.operation, entry.value)
        finally:
            await watcher.stop()  # type: ignore[no-untyped-call]

    def _apply(self, key: str, operation: str | None, value: bytes | None) -> None:
        operator_id, _, replica = key.partition(".")
        if operation in ("DEL", "PURGE") or not value:
            self.drop(operator_id, replica)
            return
        try:
            self.put(_decoder.decode(value))
        except msgspec.DecodeError as error:
            self._unfollowed.mark(operator_id, replica, self._clock(), type(error).__name__)

    async def stop(self) -> None:
        await end_task(self._task)
