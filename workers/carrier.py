"""Carries loads of one subject: rows before bytes, hand-over, record, settle (docs/architecture.md).

Order matters and is this: claim (the database knows) ▸ request (the bytes may leave) ▸ record (the fate is
known) ▸ publish (the platform knows) ▸ acknowledge (the stream forgets). A crash between any two is answered by
the step before it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from ghasi import crash
from ghasi.contracts import events
from ghasi.contracts.sessions import SendRules, SessionRecord
from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations.types import (
    Claim,
    Intent,
    MatchedReceipt,
    MessageOutcome,
    Part,
    PartOutcome,
    RowStatus,
    Verdict,
)
from ghasi.logs import get_logger
from workers import fates, metrics, outcomes
from workers.context import Context, utc_now
from workers.dead_letters import DeadLetters
from workers.ledger_work import LedgerAway, Preparation, Prepared, Recorded, Recording, confirm, prepare, record
from workers.outgoing import Outgoing
from workers.route import Route
from workers.shelf import Load

log = get_logger()
LEDGER_RETRY = 1.0
BUSY_RETRY = 0.2
IN_DOUBT_RETRY_FLOOR = 1.0


class Carrier:
    """Of one lane. `put_back` returns a command with parts still to send, `forget` one that is settled."""

    def __init__(
        self,
        context: Context,
        route: Route,
        put_back: Callable[[Outgoing], None],
        forget: Callable[[Outgoing], None],
        spawn: Callable[[Outgoing, Coroutine[Any, Any, None]], None],
    ) -> None:
        self._context = context
        self._route = route
        self._operator_id = route.operator_id
        self._put_back = put_back
        self._forget = forget
        self._spawn = spawn
        self.idle = asyncio.Event()
        """Clear while a claim is under way: a lane must not stop between rows and bytes."""
        self.idle.set()
        self._claims = 0
        self._dead = DeadLetters(context, route.operator_id)
        self._retries: list[float] = []
        """When commands given back with a delay are due again, on the loop's clock: a heap."""

    async def claim(self, loads: list[Load], holder: SessionRecord) -> list[tuple[Outgoing, Part]]:
        """Writes the rows; returns the parts that may leave now, in order. What the ledger says needs no
        sending is settled on the way."""
        self._claims += 1
        self.idle.clear()
        try:
            return await self._claim(loads, holder)
        finally:
            # The caller spawns the hand-over before it pauses, so the stop sees it among its tasks.
            asyncio.get_running_loop().call_soon(self._claimed)

    def _claimed(self) -> None:
        """The caller's next claim may have begun meanwhile."""
        self._claims -= 1
        if not self._claims:
            self.idle.set()

    async def _claim(self, loads: list[Load], holder: SessionRecord) -> list[tuple[Outgoing, Part]]:
        fresh = [load for load in loads if not load.parts]
        later = [part for load in loads for part in load.parts]
        for load in loads:
            # Counted before the wait: an earlier part that is answered meanwhile must not end the command.
            load.outgoing.open_parts += len(load.parts)
        prepared = await self._prepared(
            Preparation(
                self._intents([load.outgoing for load in fresh]),
                {load.outgoing.message_id: load.count for load in fresh},
                later,
                holder.replica,
                holder.epoch,
                utc_now(),
            )
        )
        leaving: list[tuple[Outgoing, Part]] = []
        claims = iter(prepared.claims)
        for load in loads:
            if load.parts:
                leaving += await self._take_armed(load, prepared.armed)
            else:
                claimed = await self._take_claim(load, next(claims), holder)
                load.outgoing.open_parts += len(claimed)
                leaving += claimed
        return leaving

    async def _take_armed(self, load: Load, armed: set[UUID]) -> list[tuple[Outgoing, Part]]:
        """Parts that are still ours. Where another process has all that was left, the ledger tells the rest."""
        outgoing = load.outgoing
        leaving = [(outgoing, part) for part in load.parts if part.row_id in armed]
        outgoing.open_parts -= len(load.parts) - len(leaving)
        if not leaving and not outgoing.todo and not outgoing.open_parts:
            await self.give_back(outgoing, BUSY_RETRY)
        return leaving

    async def _prepared(self, preparation: Preparation) -> Prepared:
        while True:
            try:
                # The time of this try: what expired while the database was away must not be sent.
                return await self._context.works.run(prepare, replace(preparation, now=utc_now()))
            except LedgerAway as away:
                log.warning("ledger.away", operatorId=self._operator_id, detail=str(away))
                await self._context.sleep(LEDGER_RETRY)

    async def _take_claim(self, load: Load, claim: Claim, holder: SessionRecord) -> list[tuple[Outgoing, Part]]:
        outgoing = load.outgoing
        if claim.verdict is Verdict.SEND:
            now_parts = [part for part in claim.parts if part.gateway_epoch == holder.epoch]
            outgoing.todo = deque(part for part in claim.parts if part.gateway_epoch != holder.epoch)
            if outgoing.todo:
                self._put_back(outgoing)
            self._count_long(outgoing, claim)
            return [(outgoing, part) for part in now_parts]
        if claim.verdict is Verdict.ASK:
            # May take as long as a response: the lane goes on meanwhile.
            self._spawn(outgoing, self._ask(outgoing, claim))
        elif claim.verdict is Verdict.WAIT:
            await self._wait(outgoing, claim)
        else:
            await self._settled(outgoing, claim.verdict, claim.outcome)
        return []

    def _intents(self, outgoings: list[Outgoing]) -> list[Intent]:
        doubts, apart = self._route.doubts(), self._route.apart()
        return [outgoing.intent(doubts, apart) for outgoing in outgoings]

    def _count_long(self, outgoing: Outgoing, claim: Claim) -> None:
        if outgoing.strategy:
            metrics.long_message_segments.labels(outgoing.carrier, outgoing.strategy).inc(len(claim.parts))

    async def settle_expired(self, expired: list[Outgoing]) -> None:
        """Commands past their time: rows EXPIRED, their events, and away, whether a bind is up or not."""
        preparation = Preparation(
            self._intents(expired),
            {outgoing.message_id: 0 for outgoing in expired},
            [],
            "",
            "",
            utc_now(),
        )
        prepared = await self._prepared(preparation)
        for outgoing, claim in zip(expired, prepared.claims, strict=True):
            if claim.verdict is Verdict.SEND:
                # Something of it had left before: the others follow, whatever the time.
                outgoing.todo = deque(claim.parts)
                self._put_back(outgoing)
            elif claim.verdict is Verdict.ASK:
                self._spawn(outgoing, self._ask(outgoing, claim))
            elif claim.verdict is Verdict.WAIT:
                await self._wait(outgoing, claim)
            else:
                await self._settled(outgoing, claim.verdict, claim.outcome)

    async def _wait(self, outgoing: Outgoing, claim: Claim) -> None:
        """A message in doubt waits for proof. A crash may have come between its record and its event."""
        if claim.outcome is not None:
            await self._publish([claim.outcome], [], utc_now())
        await self.give_back(outgoing, claim.wait)

    async def _ask(self, outgoing: Outgoing, claim: Claim) -> None:
        """Parts that an earlier life handed over: the gateway of their epoch says what it knows."""
        groups: dict[tuple[str, str, str], list[Part]] = defaultdict(list)
        for part in claim.parts:
            carrier = str(part.operator_id or self._operator_id)
            groups[(carrier, part.gateway_replica or "", part.gateway_epoch or "")].append(part)
        for (carrier, replica, epoch), parts in groups.items():
            keys = [part.row_id.hex for part in parts]
            answer = await self._context.gateway.ask(carrier, replica, epoch, keys)
            await self.finish([(outgoing, part) for part in parts], answer.fates, asked=True)
        outgoing.todo = None
        self._put_back(outgoing)

    async def finish(
        self, leaving: list[tuple[Outgoing, Part]], fate_list: list[PartFate], *, asked: bool = False
    ) -> None:
        """Records the fates, publishes what follows, settles the commands that are done. All parts of one call were
        carried by one operator."""
        now = utc_now()
        carrier = str((leaving[0][1].operator_id if leaving else None) or self._operator_id)
        written: list[PartOutcome] = []
        for (outgoing, part), fate in zip(leaving, fate_list, strict=True):
            id_base = self._rules(outgoing, carrier).id_base
            written.append(fates.outcome_of(part, fate, now=now, id_base=id_base, jitter=self._context.jitter()))
            self._observe(outgoing, fate, carrier)
        recorded = await self._recorded(Recording(UUID(carrier), written, now))
        crash.point("dispatch.before_publish")
        await self._publish(recorded.outcomes, recorded.matched, now)
        crash.point("dispatch.published")
        if not asked:
            back = self._return_unsent(leaving, fate_list)
            done = {id(one): one for one, _ in leaving if id(one) not in back}
            await self._settle_done(list(done.values()), written, recorded, now)

    async def _recorded(self, recording: Recording) -> Recorded:
        while True:
            try:
                return await self._context.works.run(record, recording)
            except LedgerAway as away:
                log.warning("ledger.away", operatorId=self._operator_id, detail=str(away))
                await self._context.sleep(LEDGER_RETRY)

    def _observe(self, outgoing: Outgoing, fate: PartFate, carrier: str) -> None:
        if fate.sent_ms:
            waited = fate.sent_ms / 1000 - outgoing.delivery.stored_at.timestamp()
            metrics.dispatch_to_wire.labels(carrier).observe(max(0.0, waited))
        if fate.fate in (Fate.UNANSWERED, Fate.FORGOTTEN):
            metrics.in_doubt.labels(carrier).inc()

    def _return_unsent(self, leaving: list[tuple[Outgoing, Part]], fate_list: list[PartFate]) -> set[int]:
        """Unsent parts go back in front, in their order, to be booked and armed again; tells whose."""
        returned: dict[int, tuple[Outgoing, list[Part]]] = {}
        for (outgoing, part), fate in zip(leaving, fate_list, strict=True):
            outgoing.open_parts -= 1
            if fate.fate is Fate.NOT_SENT:
                returned.setdefault(id(outgoing), (outgoing, []))[1].append(part)
            else:
                outgoing.left = True
        for outgoing, parts in reversed(returned.values()):
            if outgoing.left or outgoing.open_parts:
                # Hand-overs of one message may be answered in another order than they were made.
                outgoing.todo = deque(sorted([*parts, *(outgoing.todo or ())], key=lambda part: part.segment))
            else:
                # Nothing of it left: it is claimed anew, and may expire until then.
                outgoing.todo = None
            self._put_back(outgoing)
        return set(returned)

    async def _settle_done(
        self, done: list[Outgoing], written: list[PartOutcome], recorded: Recorded, now: datetime
    ) -> None:
        by_message = {outcome.message_id: outcome for outcome in recorded.outcomes}
        retries: dict[UUID, datetime] = {}
        for outcome in written:
            if outcome.retry_at is not None:
                earlier = retries.get(outcome.message_id, outcome.retry_at)
                retries[outcome.message_id] = min(earlier, outcome.retry_at)
        for outgoing in done:
            retry_at = retries.get(outgoing.message_id)
            if retry_at is not None:
                outgoing.retry_at = min(outgoing.retry_at or retry_at, retry_at)
            if outgoing.open_parts or outgoing.todo:
                continue
            if outgoing.retry_at is not None:
                await self.give_back(outgoing, (outgoing.retry_at - now).total_seconds())
            elif (message := by_message.get(outgoing.message_id)) is not None:
                await self._end(outgoing, message)
            else:
                # Not settled and nothing to wait for: another process has the rest. The ledger will tell.
                await self.give_back(outgoing, BUSY_RETRY)

    async def _end(self, outgoing: Outgoing, message: MessageOutcome) -> None:
        """All parts have their fate: in doubt waits for proof, rejected keeps its bytes, the rest is done."""
        result = outcomes.result_of(message)
        if result is events.SubmitResult.IN_DOUBT:
            await self.give_back(outgoing, max(IN_DOUBT_RETRY_FLOOR, outgoing.rules.in_doubt_wait))
            return
        if result is events.SubmitResult.REJECTED:
            await self._dead.keep(outgoing, _reason(message))
        crash.point("dispatch.before_ack")
        await outgoing.delivery.ack()
        crash.soon("dispatch.acked")
        self._forget(outgoing)

    async def _settled(self, outgoing: Outgoing, verdict: Verdict, message: MessageOutcome | None) -> None:
        """What needs no sending: repeats, duplicates, expiries, parked ones."""
        now = utc_now()
        if message is not None:
            await self._publish([message], [], now)
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
        await outgoing.delivery.ack()
        self._forget(outgoing)

    def _rules(self, outgoing: Outgoing, carrier: str) -> SendRules:
        """Those the parts were built by, where `carrier` is whom the command is built for; else its last known."""
        return outgoing.rules if carrier == outgoing.carrier else self._route.rules_of(carrier)

    async def _publish(self, messages: list[MessageOutcome], matched: list[MatchedReceipt], now: datetime) -> None:
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
