"""One who watches an operator's PDUs: orders copies of every replica, renews, merges (docs/contract.md §1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import nats.errors
from nats.aio.msg import Msg

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.sessions import ControlAnswer, ControlRequest, SendRules
from ghasi.contracts.trace import LEASE_SECONDS, TracedPdu, TraceOrder, decode_batch
from ghasi.operators.control import CONNECT_WAIT, GATHER_SECONDS
from ghasi.trace.merge import Item, Merge

RENEW_SECONDS = LEASE_SECONDS / 3
LOOK_SECONDS = 0.05
LAST_SECONDS = 0.2
"""For what replicas had in hand when they were told to stop."""


class NobodyAnswers(Exception):
    """No gateway serves the operator now."""


class TraceRefused(Exception):
    """Every gateway refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to watch. `seconds` and `count` of PDUs end it; None: until it is interrupted."""

    operator_id: str
    order: TraceOrder
    by: str
    reason: str = ""
    seconds: float | None = None
    count: int | None = None


@dataclass(slots=True)
class Watcher:
    """`show` gets each item in the order of time; `note` a sentence on who sends, who refuses and who ended."""

    wish: Wish
    show: Callable[[Item], None]
    note: Callable[[str], None]
    shown: int = 0
    rules: SendRules | None = None
    """Of the operator as the gateways follow them now; None until one has said."""
    _merge: Merge = field(default_factory=Merge)
    _answers: dict[str, ControlAnswer] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    async def run(self, settings: BusSettings) -> None:
        """Watches until the wish is fulfilled. Raises BusError, NobodyAnswers, TraceRefused; what `show` raises."""
        bus = await Bus.connect(settings, name="trace", wait=CONNECT_WAIT)
        try:
            await self._run(bus)
        except (nats.errors.Error, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise BusError(f"trace: {type(error).__name__}") from None
        finally:
            await bus.close()

    async def _run(self, bus: Bus) -> None:
        loop = asyncio.get_running_loop()
        inbox = bus.nc.new_inbox()
        await bus.nc.subscribe(inbox, cb=self._take_answer)
        await bus.nc.subscribe(subjects.trace(self.wish.operator_id, self.wish.order.id), cb=self._take_batch)
        began = loop.time()
        try:
            await self._order(bus, inbox, self.wish.order)
            renew_at = began + RENEW_SECONDS
            while not self._is_over(loop.time() - began):
                await asyncio.sleep(LOOK_SECONDS)
                self._show(self._merge.ready(loop.time()))
                self._judge(loop.time() - began)
                if loop.time() >= renew_at:
                    renew_at += RENEW_SECONDS
                    await self._order(bus, inbox, self.wish.order)
        finally:
            await self._end(bus, inbox)

    def _is_over(self, elapsed: float) -> bool:
        wish = self.wish
        if wish.count is not None and self.shown >= wish.count:
            return True
        return wish.seconds is not None and elapsed >= wish.seconds

    def _judge(self, elapsed: float) -> None:
        """Whether anybody sends; told once for each replica."""
        for replica, answer in self._answers.items():
            if replica not in self._told:
                self._told.add(replica)
                self.note(f"{replica}: {answer.detail}" if answer.ok else f"{replica} refuses: {answer.detail}")
        for replica, why in list(self._merge.ended.items()):
            # One that comes back, or is renewed after all, starts anew.
            del self._merge.ended[replica]
            self._told.discard(replica)
            self._answers.pop(replica, None)
            self.note(f"{replica} ended: {why}")
        if elapsed < GATHER_SECONDS:
            return
        if not self._answers and not self._told and not self.shown:
            raise NobodyAnswers
        if self._answers and not any(answer.ok for answer in self._answers.values()):
            raise TraceRefused("; ".join(sorted({answer.detail for answer in self._answers.values()})))

    async def _order(self, bus: Bus, inbox: str, order: TraceOrder) -> None:
        request = ControlRequest("trace", self.wish.by, self.wish.reason, order)
        await bus.nc.publish(subjects.control(self.wish.operator_id), msgspec.json.encode(request), reply=inbox)

    async def _end(self, bus: Bus, inbox: str) -> None:
        """Tells the replicas, takes what they had in hand, shows the rest."""
        try:
            await self._order(bus, inbox, msgspec.structs.replace(self.wish.order, stop=True))
            await bus.flush()
            await asyncio.sleep(LAST_SECONDS)
        except (nats.errors.Error, OSError, BusError):
            self.note("the gateways could not be told: they end within seconds")
        self._show(self._merge.rest())

    def _show(self, items: list[Item]) -> None:
        for item in items:
            if self._is_over(0.0):
                return
            self.show(item)
            self.shown += isinstance(item.what, TracedPdu)

    async def _take_answer(self, message: Msg) -> None:
        try:
            answer = msgspec.json.decode(message.data, type=ControlAnswer)
        except msgspec.DecodeError:
            return
        self._answers.setdefault(answer.replica, answer)
        for record in answer.sessions:
            self.rules = record.rules

    async def _take_batch(self, message: Msg) -> None:
        try:
            batch = decode_batch(message.data)
        except msgspec.DecodeError:
            return
        self._merge.add(batch, asyncio.get_running_loop().time())
