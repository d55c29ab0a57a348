"""Receipts into JetStream, and only then the answer to the operator (docs/architecture.md, receipts).

All that came in one turn of the loop is published together and answered with one write a link. While the batches
under way are full, receipts wait for the next one and make it bigger.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ghasi import crash
from ghasi.bus import Bus, BusTimeout, Publication
from ghasi.contracts import subjects
from ghasi.contracts.events import receipt_msg_id, stable_id
from ghasi.contracts.submission import LateResponse, encode
from ghasi.logs import get_logger
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import DataSm, DeliverSm, Pdu
from ghasi.smpp.receipt import ReceiptRules, parse_receipt
from ghasi.tasks import end_task
from sessions_gateway.connection import Link
from sessions_gateway.metrics import OperatorMetrics
from sessions_gateway.outbound import wall_ms

MAX_WAITING = 20_000
MAX_WAITING_OCTETS = 16 * 1024 * 1024
MAX_BATCH = 500
MAX_RUNNING = 4
PUBLISH_WITHIN = 4.0
SILENT_FOR = 1.0
"""Seconds in which nothing new is tried after a publish that was not answered in time."""
RETRY_LATE_AFTER = 1.0
LOOK_AGAIN = 0.05
_MESSAGES = (DeliverSm, DataSm)
_ESM_TYPE = 0x3C
_ESM_RECEIPTS = frozenset({0x04, 0x20})

log = get_logger()


@dataclass(slots=True)
class _Taken:
    """One PDU that waits for its PubAck; without a link it is a late response, which nobody would repeat."""

    operator_id: str
    publication: Publication
    metrics: OperatorMetrics
    link: Link | None = None
    request: Pdu | None = None


def is_receipt(pdu: Pdu, rules: ReceiptRules) -> bool:
    """Whether a deliver_sm or data_sm speaks of an earlier message: by esm_class, else by TLV or by its text as the
    operator's `rules` read them. The workers read it by the same rules (docs/architecture.md, "Receipts")."""
    if not isinstance(pdu, _MESSAGES):
        return False
    return pdu.esm_class & _ESM_TYPE in _ESM_RECEIPTS or parse_receipt(pdu, rules).is_receipt


class Receipts:
    """For all operators of the process, so that one batch serves many."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Taken] = deque()
        self._octets = 0
        self._stamp = (0, "")
        self._silent_until = 0.0
        self._running: set[asyncio.Task[None]] = set()
        self._kick_due = False
        self._late: deque[_Taken] = deque()
        """Late responses that were not stored; at most MAX_WAITING."""
        self._retry: asyncio.TimerHandle | None = None

    def take(
        self,
        operator_id: str,
        metrics: OperatorMetrics,
        link: Link,
        request: Pdu,
        frame: bytes,
        rules: ReceiptRules,
    ) -> None:
        """A request of the operator; answered when it is stored, or at once where it is not stored at all.

        `rules` are the operator's own: what they do not know for a receipt is answered and not kept.
        """
        if not isinstance(request, _MESSAGES):
            self._answer(link, request, CommandStatus.ESME_RINVCMDID)
        elif not is_receipt(request, rules):
            metrics.mo.inc()
            self._answer(link, request, CommandStatus.ESME_ROK)
        elif not self._takes(len(frame)):
            metrics.receipts_failed.inc()
            self._answer(link, request, CommandStatus.ESME_RX_T_APPN)
        else:
            self._add(_Taken(operator_id, _receipt(operator_id, frame, self._taken_at()), metrics, link, request))

    def _taken_at(self) -> str:
        """The time, ISO 8601 in milliseconds; written out once for all that came in the same one."""
        now_ms = wall_ms()
        if now_ms != self._stamp[0]:
            moment = datetime.fromtimestamp(now_ms / 1000.0, UTC)
            self._stamp = (now_ms, moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        return self._stamp[1]

    def _takes(self, octets: int) -> bool:
        """Whether a receipt can be stored soon and need not be kept in memory beyond the bound."""
        if not self._bus.connected or self._loop.time() < self._silent_until:
            return False
        return len(self._waiting) < MAX_WAITING and self._octets + octets <= MAX_WAITING_OCTETS

    def take_late(self, operator_id: str, metrics: OperatorMetrics, response: LateResponse) -> None:
        """A response after its request was given up; kept until it is stored."""
        if len(self._waiting) >= MAX_WAITING:
            log.error("late_response.dropped", operatorId=operator_id)
            return
        self._add(_Taken(operator_id, _late(operator_id, response), metrics))

    async def stop(self, seconds: float) -> None:
        """Publishes and answers what is here."""
        self._again()
        try:
            async with asyncio.timeout(seconds):
                while self._waiting or self._running or self._late:
                    self._kick()
                    # Only late responses are left where nothing runs: their timer brings them back.
                    await (asyncio.wait(self._running) if self._running else asyncio.sleep(LOOK_AGAIN))
        except TimeoutError:
            log.warning("receipts.unanswered", count=len(self._waiting) + len(self._late))
        if self._retry is not None:
            self._retry.cancel()
        await asyncio.gather(*(end_task(task) for task in self._running))

    def _answer(self, link: Link, request: Pdu, status: int) -> None:
        """Inside an event of the link, so the write follows without a pump."""
        link.respond(request, status)

    def _add(self, taken: _Taken) -> None:
        self._waiting.append(taken)
        self._octets += len(taken.publication.payload)
        if not self._kick_due:
            self._kick_due = True
            self._loop.call_soon(self._kick)

    def _kick(self) -> None:
        self._kick_due = False
        while self._waiting and len(self._running) < MAX_RUNNING:
            batch = self._from_waiting(MAX_BATCH)
            task = asyncio.create_task(self._publish(batch), name="receipts")
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _from_waiting(self, most: int) -> list[_Taken]:
        batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._octets -= sum(len(taken.publication.payload) for taken in batch)
        return batch

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            self._kick()

    async def _publish(self, batch: Sequence[_Taken]) -> None:
        crash.point("gateway.on_receipt")
        try:
            async with asyncio.timeout(PUBLISH_WITHIN):
                await self._bus.publish_many([taken.publication for taken in batch])
        except Exception as error:
            # A fault of ours too: what is never answered takes the operator's window for as long as the bind stands.
            log.warning("receipts.not_stored", count=len(batch), errorType=type(error).__name__)
            if isinstance(error, BusTimeout | TimeoutError):
                # What waits behind it would only wait as long: the operator is to hear now that it keeps them.
                self._silent_until = self._loop.time() + SILENT_FOR
                batch = [*batch, *self._from_waiting(len(self._waiting))]
            self._failed(batch)
            return
        crash.point("gateway.receipt_stored")
        for metrics, count in Counter(taken.metrics for taken in batch if taken.link is not None).items():
            metrics.receipts_taken.inc(count)
        self._respond(batch, CommandStatus.ESME_ROK)
        crash.point("gateway.receipt_answered")

    def _failed(self, batch: Sequence[_Taken]) -> None:
        """The operator keeps its receipts; a late response is ours to keep."""
        for taken in batch:
            if taken.link is not None:
                taken.metrics.receipts_failed.inc()
            elif len(self._late) >= MAX_WAITING:
                log.error("late_response.dropped", operatorId=taken.operator_id)
            else:
                self._late.append(taken)
        self._respond(batch, CommandStatus.ESME_RX_T_APPN)
        if self._late and self._retry is None:
            self._retry = self._loop.call_later(RETRY_LATE_AFTER, self._again)

    def _again(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        while self._late:
            self._add(self._late.popleft())

    def _respond(self, batch: Sequence[_Taken], status: int) -> None:
        links: dict[Link, None] = {}
        for taken in batch:
            if taken.link is not None and taken.request is not None:
                taken.link.respond(taken.request, status)
                links[taken.link] = None
        for link in links:
            link.pump()


def _receipt(operator_id: str, frame: bytes, taken_at: str) -> Publication:
    return Publication(
        subjects.receipt(operator_id),
        frame,
        receipt_msg_id(operator_id, frame),
        {subjects.HEADER_TAKEN_AT: taken_at},
    )


def _late(operator_id: str, response: LateResponse) -> Publication:
    return Publication(
        subjects.receipt(operator_id),
        encode(response),
        stable_id("late", operator_id, response.key, response.operator_message_id, response.command_status),
        {subjects.HEADER_KIND: subjects.KIND_RESPONSE},
    )
