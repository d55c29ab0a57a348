"""How a command ends: its events are published, its bytes kept where a person may want them, its delivery
acknowledged or given back (docs/architecture.md, settling)."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from ghasi import crash
from ghasi.contracts import events
from ghasi.correlations.types import Claim, MatchedReceipt, MessageOutcome, PartOutcome, RowStatus, Verdict
from ghasi.logs import get_logger
from ghasi.telemetry import TRACES
from workers import metrics, outcomes, spans
from workers.context import Context, utc_now
from workers.dead_letters import DeadLetters
from workers.delivery import ack_all
from workers.ledger_work import LedgerAway, Recorded, confirm
from workers.outgoing import Outgoing

log = get_logger()
BUSY_RETRY = 0.2
IN_DOUBT_RETRY_FLOOR = 1.0
LONGEST_WAIT = 60.0
"""Seconds until the ledger is asked again: meanwhile the operator's policy may have been said, or changed."""


class Settling:
    """Of one lane. `forget` is told of each command that is settled or given back."""

    def __init__(self, context: Context, operator_id: str, forget: Callable[[Outgoing], None]) -> None:
        self._context = context
        self._operator_id = operator_id
        self._forget = forget
        self._dead = DeadLetters(context, operator_id)
        self._retries: list[float] = []
        """When commands given back with a delay are due again, on the loop's clock: a heap."""

    async def after_sending(
        self, done: list[Outgoing], written: list[PartOutcome], recorded: Recorded, now: datetime
    ) -> None:
        """Commands of which no part came back unsent: those that are complete end, the others wait for their parts or
        for their retry."""
        by_message = {outcome.message_id: outcome for outcome in recorded.outcomes}
        retries: dict[UUID, datetime] = {}
        for outcome in written:
            if outcome.retry_at is not None:
                earlier = retries.get(outcome.message_id, outcome.retry_at)
                retries[outcome.message_id] = min(earlier, outcome.retry_at)
        ended: list[Outgoing] = []
        for outgoing in done:
            retry_at = retries.get(outgoing.message_id)
            if retry_at is not None:
                outgoing.retry_at = min(outgoing.retry_at or retry_at, retry_at)
            if outgoing.open_parts or outgoing.todo:
                continue
            if outgoing.retry_at is not None:
                await self.give_back(outgoing, (outgoing.retry_at - now).total_seconds())
            elif (message := by_message.get(outgoing.message_id)) is not None:
                if await self._ends(outgoing, message):
                    ended.append(outgoing)
            else:
                # Not settled and nothing to wait for: another process has the rest. The ledger will tell.
                await self.give_back(outgoing, BUSY_RETRY)
        if ended:
            crash.point("dispatch.before_ack")
            await self._acknowledge(ended)
            crash.soon("dispatch.acked")

    async def _acknowledge(self, ended: list[Outgoing]) -> None:
        await ack_all(self._context.bus, [outgoing.delivery for outgoing in ended])
        if TRACES.on:
            spans.commands_ended(ended, utc_now())
        for outgoing in ended:
            self._forget(outgoing)

    async def _ends(self, outgoing: Outgoing, message: MessageOutcome) -> bool:
        """All parts have their fate: in doubt waits for proof, rejected keeps its bytes, the rest is done."""
        result = outcomes.result_of(message)
        if result is events.SubmitResult.IN_DOUBT and _is_left_to_a_person(message):
            await self._dead.keep(outgoing, _parked(message))
            return True
        if result is events.SubmitResult.IN_DOUBT:
            await self.give_back(outgoing, max(IN_DOUBT_RETRY_FLOOR, outgoing.rules.in_doubt_wait))
            return False
        if result is events.SubmitResult.REJECTED:
            await self._dead.keep(outgoing, _reason(message))
        return True

    async def without_sending(self, outgoing: Outgoing, verdict: Verdict, message: MessageOutcome | None) -> None:
        """What needs no sending: repeats, duplicates, expiries, parked ones."""
        now = utc_now()
        if message is not None:
            await self.publish([message], [], now)
        if verdict is Verdict.DUPLICATE:
            metrics.duplicates.labels(self._operator_id).inc()
        elif verdict is Verdict.PARK:
            await self._dead.keep(outgoing, _parked(message))
        elif (
            verdict in (Verdict.SETTLED, Verdict.EXPIRED)
            and message is not None
            and outcomes.result_of(message) is events.SubmitResult.REJECTED
        ):
            await self._dead.keep(outgoing, _reason(message))
        await self._acknowledge([outgoing])

    async def wait(self, outgoing: Outgoing, claim: Claim) -> None:
        """A message in doubt waits for proof. A crash may have come between its record and its event."""
        if claim.outcome is not None:
            await self.publish([claim.outcome], [], utc_now())
        await self.give_back(outgoing, min(claim.wait, LONGEST_WAIT))

    async def publish(self, messages: list[MessageOutcome], matched: list[MatchedReceipt], now: datetime) -> None:
        """The events of messages and of receipts that had waited for them; returns when they are stored."""
        publications = []
        for message in messages:
            publications += outcomes.message_publications(message, now=now)
        for receipt in matched:
            publications += outcomes.receipt_publications(receipt, now=now)
        await self._context.publish(publications)
        if matched:
            try:
                await self._context.works.run(confirm, matched)
            except LedgerAway:
                # Unconfirmed events are told again by the inbox's sweep, under the same message ids.
                log.warning("ledger.away", operatorId=self._operator_id)

    def count_retries(self) -> int:
        """Commands given back that are not due yet."""
        now = asyncio.get_running_loop().time()
        while self._retries and self._retries[0] <= now:
            heapq.heappop(self._retries)
        return len(self._retries)

    async def give_back(self, outgoing: Outgoing, delay: float) -> None:
        """Back to the stream for `delay` seconds; the next delivery starts from the ledger."""
        delay = max(BUSY_RETRY, delay)
        heapq.heappush(self._retries, asyncio.get_running_loop().time() + delay)
        await outgoing.delivery.release(delay)
        self._forget(outgoing)


def _is_left_to_a_person(message: MessageOutcome) -> bool:
    """Whether waiting can bring nothing: all that is in doubt was answered with a status nobody knows."""
    return all(part.held for part in message.parts if part.status is RowStatus.IN_DOUBT and not part.failed)


def _parked(message: MessageOutcome | None) -> str:
    """`fail` gives up; whatever else stopped a part in doubt leaves it to a person. Without such a part it is the
    rest of a message that cannot be joined with what left."""
    parts = message.parts if message is not None else ()
    if any(part.failed for part in parts):
        return "in_doubt:fail"
    if not parts or any(part.status is RowStatus.IN_DOUBT for part in parts):
        return "in_doubt:hold"
    return f"rejected:{next((part.reason for part in parts if part.reason), 'unknown')}"


def _reason(message: MessageOutcome) -> str:
    """Why the bytes of a message that ended rejected are kept."""
    if any(part.failed for part in message.parts):
        return "in_doubt:fail"
    return f"rejected:{outcomes.command_status_of(message) or 'unknown'}"
