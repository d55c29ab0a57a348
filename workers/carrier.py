"""Carries loads of one subject: rows before bytes, hand-over, record, settle (docs/architecture.md).

Order matters and is this: claim (the database knows) ▸ request (the bytes may leave) ▸ record (the fate is
known) ▸ publish (the platform knows) ▸ acknowledge (the stream forgets). A crash between any two is answered by
the step before it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from ghasi import crash
from ghasi.contracts.sessions import SendRules, SessionRecord
from ghasi.contracts.statuses import status_rules
from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations.types import (
    Claim,
    Intent,
    Part,
    PartFateKind,
    PartOutcome,
    Permit,
    Verdict,
)
from ghasi.logs import get_logger
from ghasi.smpp.status_rules import PLAIN
from workers import fates, held_parts, metrics, refusals
from workers.context import Context, utc_now
from workers.ledger_work import LedgerAway, Preparation, Prepared, Recorded, Recording, prepare, record
from workers.minutes import MINUTES
from workers.outgoing import Outgoing
from workers.parcels import Leaving
from workers.route import Route
from workers.settling import BUSY_RETRY, Settling
from workers.shelf import Load
from workers.together import Together

log = get_logger()
LEDGER_RETRY = 1.0
FINISH_GAP = 0.02
"""Seconds between the beginnings of two records."""
_DOUBTFUL = (Fate.UNANSWERED, Fate.FORGOTTEN)


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
        self._spawn = spawn
        self.idle = asyncio.Event()
        """Clear while a claim is under way: a lane must not stop between rows and bytes."""
        self.idle.set()
        self._claims = 0
        self.settling = Settling(context, route.operator_id, forget)
        self._answered = Together(self._finish_all, FINISH_GAP)

    async def claim(self, loads: list[Load], holder: SessionRecord, permit: Permit | None = None) -> list[Leaving]:
        """Writes the rows; returns the parts that may leave now, in order. What the ledger says needs no
        sending is settled on the way."""
        self._claims += 1
        self.idle.clear()
        try:
            return await self._claim(loads, holder, permit)
        finally:
            # The caller spawns the hand-over before it pauses, so the stop sees it among its tasks.
            asyncio.get_running_loop().call_soon(self._claimed)

    def _claimed(self) -> None:
        """The caller's next claim may have begun meanwhile."""
        self._claims -= 1
        if not self._claims:
            self.idle.set()

    async def _claim(self, loads: list[Load], holder: SessionRecord, permit: Permit | None) -> list[Leaving]:
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
                permit,
            )
        )
        leaving: list[Leaving] = []
        claims = iter(prepared.claims)
        for load in loads:
            if load.parts:
                leaving += await self._take_armed(load, prepared.armed)
            else:
                claimed = await self._take_claim(load, next(claims), holder)
                load.outgoing.open_parts += len(claimed)
                leaving += claimed
        return leaving

    async def _take_armed(self, load: Load, armed: set[UUID]) -> list[Leaving]:
        """Parts that are still ours. Where another process has all that was left, the ledger tells the rest."""
        outgoing = load.outgoing
        leaving = [(outgoing, part) for part in load.parts if part.row_id in armed]
        outgoing.open_parts -= len(load.parts) - len(leaving)
        if not leaving and not outgoing.todo and not outgoing.open_parts:
            await self.settling.give_back(outgoing, BUSY_RETRY)
        return leaving

    async def _prepared(self, preparation: Preparation) -> Prepared:
        while True:
            try:
                # The time of this try: what expired while the database was away must not be sent.
                return await self._context.works.run(prepare, replace(preparation, now=utc_now()))
            except LedgerAway as away:
                log.warning("ledger.away", operatorId=self._operator_id, detail=str(away))
                await self._context.sleep(LEDGER_RETRY)

    async def _take_claim(self, load: Load, claim: Claim, holder: SessionRecord) -> list[Leaving]:
        outgoing = load.outgoing
        if claim.verdict is Verdict.SEND:
            now_parts = [part for part in claim.parts if part.gateway_epoch == holder.epoch]
            outgoing.todo = deque(part for part in claim.parts if part.gateway_epoch != holder.epoch)
            if outgoing.todo:
                self._put_back(outgoing)
            self._count_text(outgoing, claim)
            return [(outgoing, part) for part in now_parts]
        if claim.verdict is Verdict.ASK:
            # May take as long as a response: the lane goes on meanwhile.
            self._spawn(outgoing, self._ask(outgoing, claim))
        elif claim.verdict is Verdict.WAIT:
            await self.settling.wait(outgoing, claim)
        else:
            await self.settling.without_sending(outgoing, claim.verdict, claim.outcome)
        return []

    def _intents(self, outgoings: list[Outgoing]) -> list[Intent]:
        doubts, apart = self._route.doubts(), self._route.apart()
        return [outgoing.intent(doubts, apart) for outgoing in outgoings]

    def _count_text(self, outgoing: Outgoing, claim: Claim) -> None:
        if outgoing.strategy:
            metrics.long_message_segments.labels(outgoing.carrier, outgoing.strategy).inc(len(claim.parts))
        if outgoing.changed:
            metrics.transliterated.labels(outgoing.carrier).inc(outgoing.changed)

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
                await self.settling.wait(outgoing, claim)
            else:
                await self.settling.without_sending(outgoing, claim.verdict, claim.outcome)

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

    async def answered(self, leaving: list[Leaving], fate_list: list[PartFate]) -> None:
        """`finish`, together with what others were answered at about the same time."""
        await self._answered.join(self._carrier_of(leaving), (leaving, fate_list))

    async def _finish_all(self, answered: list[tuple[list[Leaving], list[PartFate]]]) -> None:
        await self.finish(
            [one for leaving, _ in answered for one in leaving],
            [fate for _, fate_list in answered for fate in fate_list],
        )

    def _carrier_of(self, leaving: list[Leaving]) -> str:
        return str((leaving[0][1].operator_id if leaving else None) or self._operator_id)

    async def finish(self, leaving: list[Leaving], fate_list: list[PartFate], *, asked: bool = False) -> None:
        """Records the fates, publishes what follows, settles the commands that are done. All parts of one call were
        carried by one operator."""
        now = utc_now()
        carrier = self._carrier_of(leaving)
        written: list[PartOutcome] = []
        for (outgoing, part), fate in zip(leaving, fate_list, strict=True):
            rules = self._rules(outgoing, carrier)
            outcome = fates.outcome_of(
                part,
                fate,
                now=now,
                id_base=rules.id_base,
                jitter=self._context.jitter(),
                statuses=status_rules(rules.statuses) if fate.command_status else PLAIN,
            )
            written.append(outcome)
            if fate.command_status:
                refusals.count(carrier, fate.command_status)
            if outcome.kind is PartFateKind.HELD:
                held_parts.count(carrier, fate.command_status, outgoing.message_id, outgoing.traceparent)
        _observe(leaving, fate_list, carrier, written, now)
        recorded = await self._recorded(Recording(UUID(carrier), written, now))
        crash.point("dispatch.before_publish")
        await self.settling.publish(recorded.outcomes, recorded.matched, now)
        crash.point("dispatch.published")
        if not asked:
            back = self._return_unsent(leaving, fate_list)
            done = {id(one): one for one, _ in leaving if id(one) not in back}
            await self.settling.after_sending(list(done.values()), written, recorded, now)

    async def _recorded(self, recording: Recording) -> Recorded:
        while True:
            try:
                return await self._context.works.run(record, recording)
            except LedgerAway as away:
                log.warning("ledger.away", operatorId=self._operator_id, detail=str(away))
                await self._context.sleep(LEDGER_RETRY)

    def _return_unsent(self, leaving: list[Leaving], fate_list: list[PartFate]) -> set[int]:
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

    def _rules(self, outgoing: Outgoing, carrier: str) -> SendRules:
        """Those the parts were built by, where `carrier` is whom the command is built for; else its last known."""
        return outgoing.rules if carrier == outgoing.carrier else self._route.rules_of(carrier)


def _observe(
    leaving: list[Leaving],
    fate_list: list[PartFate],
    carrier: str,
    written: list[PartOutcome],
    now: datetime,
) -> None:
    waited = [
        max(0.0, fate.sent_ms / 1000 - outgoing.delivery.stored)
        for (outgoing, _), fate in zip(leaving, fate_list, strict=True)
        if fate.sent_ms
    ]
    if waited:
        metrics.dispatch_to_wire.labels(carrier).observe_all(waited)
    MINUTES.answered(carrier, written, now, fates=fate_list, waited=waited)
    if doubtful := sum(fate.fate in _DOUBTFUL for fate in fate_list):
        metrics.in_doubt.labels(carrier).inc(doubtful)
