"""One operator's receipts: from the stream to the ledger, then to the platform, then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import nats.errors
from nats.js.errors import Error as JetStreamError

from ghasi import crash
from ghasi.bus import Arrived, Bus, BusError, Settlement
from ghasi.contracts import subjects, topology
from ghasi.contracts.sessions import SendRules
from ghasi.logs import get_logger
from ghasi.tasks import end_task
from ghasi.telemetry import TRACES
from workers import spans
from workers.broker.works import WorkQueue
from workers.context import utc_now
from workers.holders import Holders
from workers.metrics import receipt_to_event
from workers.receipts import RawReceipt, RetryLater, Taken, confirm, take_in
from workers.together import Spacing

log = get_logger()

BATCH = 500
FETCH_TIMEOUT = 5.0
RETRY = 1.0
GAP = 0.02
"""Seconds between the beginnings of two batches."""
RULES_LOOK = 0.1
RULES_SAID_EVERY = 300
"""Looks between two words about rules that nobody has said."""
_KIND = subjects.HEADER_KIND.encode()
_TAKEN_AT = subjects.HEADER_TAKEN_AT.encode()


class ReceiptLane:
    """Takes a batch at a time, in order; a batch that fails is tried again before anything newer."""

    def __init__(self, bus: Bus, works: WorkQueue, holders: Holders, operator_id: str) -> None:
        self.operator_id = operator_id
        self._bus = bus
        self._works = works
        self._holders = holders
        self._task: asyncio.Task[None] | None = None
        self._held: list[Arrived] = []
        self._held_since = 0.0
        self._stopping = False
        self._spacing = Spacing(GAP)
        self.waits_for_rules = False

    async def start(self) -> None:
        """Raises BusError or TopologyConflict."""
        self._consumer = topology.receipt_consumer(self.operator_id)
        await self._bus.ensure_consumer(self._consumer)
        self._pull = await self._bus.pull(self._consumer)
        self._task = asyncio.create_task(self._run(), name=f"receipts-{self.operator_id}")

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._step()
            except (BusError, nats.errors.Error, JetStreamError, OSError, TimeoutError) as error:
                log.warning("receipts.step_failed", operatorId=self.operator_id, errorType=type(error).__name__)
                await asyncio.sleep(RETRY)
            except Exception:
                # What was in hand is renewed no more: it comes back by its ack wait.
                log.exception("receipts.step_failed", operatorId=self.operator_id)
                self._held = []
                await asyncio.sleep(RETRY)

    async def _step(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._held:
            await self._spacing.wait()
            self._held = await self._pull.fetch(BATCH, FETCH_TIMEOUT)
            self._spacing.begin()
            self._held_since = loop.time()
            if self._pull.missing:
                await self._bus.ensure_consumer(self._consumer)
        if self._held:
            await self._take_in(self._held)
            self._held = []

    async def _take_in(self, deliveries: Sequence[Arrived]) -> None:
        """Record, publish, acknowledge, in this order: a crash between them repeats what a message id drops."""
        raw = [_raw(self.operator_id, delivery) for delivery in deliveries]
        taken = await self._recorded(raw)
        crash.point("receipts.before_publish")
        await self._bus.publish_many(taken.publications)
        told = utc_now()
        crash.point("receipts.published")
        if TRACES.on:
            spans.receipts_told(taken.matched, datetime.now(UTC))
        if taken.woken:
            await self._works.run(confirm, taken)
        crash.point("receipts.before_ack")
        # One write and no answer: an acknowledgement that is lost is a delivery that comes again.
        await self._bus.settle(deliveries, Settlement.DONE)
        crash.point("receipts.acked")
        self._observe(raw, told)

    def _observe(self, raw: list[RawReceipt], told: datetime) -> None:
        waited = [max(0.0, (told - one.taken_at).total_seconds()) for one in raw]
        receipt_to_event.labels(self.operator_id).observe_all(waited)

    async def _recorded(self, raw: list[RawReceipt]) -> Taken:
        rules = await self._rules()
        while True:
            try:
                return await self._works.run(partial(take_in, rules=rules), raw)
            except RetryLater as later:
                log.warning("ledger.away", operatorId=self.operator_id)
                await asyncio.sleep(later.seconds)

    async def _rules(self) -> SendRules:
        """A receipt that is read by other rules than its operator's gets an id that matches nothing: it waits on the
        stream until a gateway has said them."""
        waited = 0
        while (rules := self._holders.rules(self.operator_id)) is None:
            if waited % RULES_SAID_EVERY == 0:
                log.warning("receipts.rules_unknown", operatorId=self.operator_id, count=len(self._held))
            waited += 1
            self.waits_for_rules = True
            await asyncio.sleep(RULES_LOOK)
        self.waits_for_rules = False
        return rules

    async def renew(self, older_than: float) -> None:
        """Tells the server that what arrived before `older_than` is still in our hands."""
        if self._held and self._held_since <= older_than:
            await self._bus.settle(self._held, Settlement.IN_HAND)

    async def stop(self, deadline: float) -> None:
        """Finishes the batch in hand within `deadline` seconds."""
        self._stopping = True
        if self._task is not None:
            if not self._held:
                self._task.cancel()
            await asyncio.wait({self._task}, timeout=deadline)
            await end_task(self._task)
        try:
            await self._bus.settle([*await self._pull.stop(), *self._held], Settlement.GIVEN_BACK)
        except BusError as error:
            # They come back by their ack wait.
            log.warning("receipts.not_given_back", operatorId=self.operator_id, errorType=type(error).__name__)


def _raw(operator_id: str, delivery: Arrived) -> RawReceipt:
    return RawReceipt(
        operator_id=operator_id,
        stream_seq=delivery.sequence,
        frame=delivery.data,
        taken_at=_taken_at(delivery),
        kind=delivery.header(_KIND) or "",
    )


def _taken_at(delivery: Arrived) -> datetime:
    """When the gateway took it in; when the stream stored it, where the gateway did not say."""
    text = delivery.header(_TAKEN_AT)
    if text:
        try:
            taken = datetime.fromisoformat(text)
        except ValueError:
            return delivery.stored_at
        return taken if taken.tzinfo else taken.replace(tzinfo=UTC)
    return delivery.stored_at
