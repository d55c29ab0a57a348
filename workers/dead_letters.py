"""Commands that can never be sent, and the bytes of those that ended badly (docs/contract.md §1, SMPP_DEAD)."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from uuid import UUID

from ghasi.bus import BusError, Publication
from ghasi.contracts import events, subjects, timers
from ghasi.contracts.commands import DeadReason, Refused
from ghasi.logs import get_logger
from ghasi.telemetry import TRACES
from workers import metrics
from workers.context import Context, utc_now
from workers.delivery import Delivery, traceparent_of
from workers.ledger_work import DeadLetterRow, LedgerAway, index_dead_letter
from workers.outcomes import event_id_of
from workers.outgoing import Outgoing, dead_letter_body

log = get_logger()
ACK_RETRY = 1.0


def _trace_of(delivery: Delivery, message_id: str | None) -> str | None:
    found = TRACES.of(traceparent_of(delivery), message_id)
    return None if found is None else str(found)


class DeadLetters:
    """Of one operator. Everything here ends with the bytes durable on SMPP_DEAD before anything is acked."""

    def __init__(self, context: Context, operator_id: str) -> None:
        self._context = context
        self._operator_id = operator_id
        self._waiting = 0

    async def bury(self, delivery: Delivery, refused: Refused) -> None:
        """A command that can never be sent: its bytes and reason to SMPP_DEAD, a result DEAD, and away."""
        await self._store(delivery, refused.reason.value, refused.message_id, refused.detail)
        if refused.message_id is not None:
            await self._context.publish([self._result(refused.message_id, refused)])
        log.warning(
            "command.dead",
            operatorId=self._operator_id,
            messageId=refused.message_id,
            reason=refused.reason.value,
            detail=refused.detail,
            streamSeq=delivery.sequence,
            traceparent=_trace_of(delivery, refused.message_id),
        )
        while not delivery.settled:
            try:
                await delivery.ack_sync()
            except BusError:
                # No row answers a dead letter that comes again, so the ack must be known to have arrived.
                await self._context.sleep(ACK_RETRY)

    async def keep(self, outgoing: Outgoing, reason: str) -> None:
        """The bytes of a command that ended rejected or parked, for `replay`; before its ack."""
        await self._store(outgoing.delivery, reason, str(outgoing.message_id), reason)

    async def _store(self, delivery: Delivery, reason: str, message_id: str | None, detail: str) -> None:
        limit = min(timers.MAX_COMMAND_OCTETS, self._context.bus.max_payload // 2)
        if len(delivery.data) > limit:
            limit = min(limit, timers.DEAD_LETTER_HEAD_OCTETS)
        body, headers = dead_letter_body(delivery.data, limit)
        headers[subjects.HEADER_REASON] = reason
        headers["Smpp-Detail"] = detail
        headers["Smpp-Stream-Seq"] = str(delivery.sequence)
        if message_id is not None:
            headers["Smpp-Message-Id"] = message_id
        msg_id = hashlib.sha256(f"{self._operator_id} {delivery.sequence} {reason}".encode()).hexdigest()[:40]
        publication = Publication(subjects.dead(self._operator_id), body, msg_id, headers)
        sequence = await self._stored(publication)
        metrics.dead_letters.labels(self._operator_id, reason.partition(":")[0]).inc()
        operator_id, message = UUID(self._operator_id), UUID(message_id) if message_id else None
        size = len(delivery.data)
        await self._index(DeadLetterRow(operator_id, sequence, reason, message, size, utc_now(), delivery.sequence))

    async def _stored(self, publication: Publication) -> int:
        """Until SMPP_DEAD takes it, its sequence there; the command stays unacknowledged in its stream so long."""
        try:
            return await self._context.bus.publish(publication)
        except BusError as error:
            self._wait(1, str(error))
        try:
            while True:
                await self._context.sleep(ACK_RETRY)
                with suppress(BusError):
                    return await self._context.bus.publish(publication)
        finally:
            self._wait(-1)

    def _wait(self, change: int, detail: str = "") -> None:
        """Says once that commands wait, and once that none does any more."""
        before, self._waiting = self._waiting, self._waiting + change
        metrics.dead_letters_waiting.labels(self._operator_id).inc(change)
        if not before:
            log.error("dead_letters.refused", operatorId=self._operator_id, stream=subjects.SMPP_DEAD, detail=detail)
        elif not self._waiting:
            log.warning("dead_letters.taken_again", operatorId=self._operator_id, stream=subjects.SMPP_DEAD)

    async def _index(self, row: DeadLetterRow) -> None:
        while True:
            try:
                await self._context.works.run(index_dead_letter, row)
                return
            except LedgerAway:
                await self._context.sleep(ACK_RETRY)

    def _result(self, message_id: str, refused: Refused) -> Publication:
        reason = DeadReason(refused.reason)
        msg_id = events.stable_id(message_id, 0, "DEAD", reason.value)
        event = events.SubmitResultEvent(
            event_id=event_id_of(msg_id),
            occurred_at=utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            message_id=message_id,
            account_id=None,
            operator_id=self._operator_id,
            result=events.SubmitResult.DEAD,
            segments=0,
            operator_message_ids=[],
            command_status=None,
            reason=reason.value,
            possible_duplicate=False,
            attempt=0,
        )
        return Publication(
            subjects.SUBMIT_RESULT,
            events.encode_event(event),
            msg_id,
        )
