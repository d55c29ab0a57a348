"""One operator at this replica: its slots, its way out, its receipts, and what is wanted of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from ghasi.contracts.sessions import SessionRecord, State, Wanted, WantedRecord
from ghasi.contracts.topology import SESSION_TTL
from ghasi.logs import get_logger
from sessions_gateway.bind import SlotTools
from sessions_gateway.connection import Link
from sessions_gateway.establish import BoundLinks, Plan
from sessions_gateway.failover import Diversion
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import Metrics
from sessions_gateway.mirror import Mirror
from sessions_gateway.operator_settings import OperatorSettings
from sessions_gateway.receipts import Receipts
from sessions_gateway.session_record import Standing, session_record
from sessions_gateway.settings_watch import SettingsWatch
from sessions_gateway.slot_keeper import Leases, SlotKeeper
from sessions_gateway.traffic import Traffic

STOPPING = "stopping"
"""The reason of an operator whose replica ends: another replica takes over, nothing has failed."""

log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTools:
    """What all operators of the process share."""

    replica: str
    epoch: str
    slot_tools: SlotTools
    leases: Leases
    sessions: Mirror[SessionRecord]
    memory: Memory
    metrics: Metrics
    receipts: Receipts
    changed: Callable[[str], None]
    """Called with the operator's id when its record changed."""
    want: Callable[[str, WantedRecord], Coroutine[Any, Any, None]]
    """Writes the wanted state for good."""


class Operator:
    """Holds leased slots, keeps binds on them as wanted, routes what comes and goes."""

    def __init__(self, operator_id: str, tools: OperatorTools, *, assigned: bool = True) -> None:
        """`assigned` is False for an operator that is here only as another's backup."""
        self.operator_id = operator_id
        self.diversion = Diversion()
        self.remembered_plan: Plan | None = None
        self.metrics = tools.metrics.operator(operator_id)
        self.settings: OperatorSettings | None = None
        self.wanted = WantedRecord(Wanted.BOUND)
        self.failed = False
        """A bind was tried or lost and none is up: true from the first failure of a series."""
        self.reason: str | None = None
        self._tools = tools
        self._assigned = assigned
        self._loop = asyncio.get_running_loop()
        self.traffic = Traffic(
            operator_id, tools.memory, self.metrics, tools.receipts, tools.slot_tools.may_write, self._at_fault
        )
        self.outbound = self.traffic.outbound
        self._keeper = SlotKeeper(
            self,
            tools.slot_tools,
            tools.leases,
            most=self._max_binds,
            unwanted=self._why_unbound,
            kept=self._keeps_slots,
            settled=self._slots_settled,
        )
        self._slots = self._keeper.slots
        self._settings_watch = SettingsWatch(
            self, tools.slot_tools, idle=lambda: assigned and self.wanted.wanted is not Wanted.BOUND
        )
        self._bound: dict[int, BoundLinks] = {}
        self._last_bound_at: float | None = None
        self._last_unbound_at: float | None = None
        self._stopping = False
        self._settled_state: State | None = None

    # -- for the gateway

    def start(self) -> None:
        self._keeper.start()
        self._settings_watch.start()

    def wake(self) -> None:
        """Something this operator looks at has changed."""
        self._keeper.wake()

    def want(self, record: WantedRecord | None) -> None:
        """The wanted state as the bucket has it now; without a record the operator is to be bound."""
        before, self.wanted = self.wanted, record or WantedRecord(Wanted.BOUND)
        if before.wanted is not self.wanted.wanted:
            log.info(
                "smpp.wanted",
                operatorId=self.operator_id,
                wanted=self.wanted.wanted.value,
                by=self.wanted.by,
                reason=self.wanted.reason,
            )
        self.metrics.paused.set(self.wanted.wanted is Wanted.PAUSED)
        self._tell_outbound()
        self._changed()
        self.wake()
        self._settings_watch.wake()

    def divert(self, diversion: Diversion) -> None:
        """Who carries the traffic, as decided elsewhere."""
        self.diversion = diversion
        self._changed()

    def rebind(self, reason: str) -> int:
        """Starts to bind all slots anew; how many that are."""
        for slot in list(self._bound):
            self._keeper.spawn(self._slots[slot].rebind(reason, at_once=True))
        return len(self._bound)

    async def stop(self, grace: float) -> None:
        """Gives back what waits, finishes the windows within `grace` seconds, unbinds, gives the slots back."""
        self._stopping = True
        self._tell_outbound()
        await self._settings_watch.stop()
        await self._keeper.stop(grace)
        self.outbound.stop()

    # -- what stands

    @property
    def is_bound(self) -> bool:
        """Bound and taking messages."""
        return self._sending > 0 and self.wanted.wanted is Wanted.BOUND and not self._stopping

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def _sending(self) -> int:
        """Binds with a transmitter."""
        return sum(bound.transmits for bound in self._bound.values())

    def state(self) -> State:
        """Of its own binds, whoever carries the traffic."""
        if self.is_bound:
            return State.BOUND
        if self.failed or self._bound or self.wanted.wanted is not Wanted.BOUND:
            return State.UNBOUND
        return State.CONNECTING if self._slots else State.DISCONNECTED

    def record(self) -> SessionRecord:
        standing = Standing(
            operator_id=self.operator_id,
            replica=self._tools.replica,
            epoch=self._tools.epoch,
            state=self.state(),
            reason=self.own_reason(),
            window_used=self.outbound.window_used,
            tps_current=self.outbound.gate.current(self._loop.time()),
            last_bound_at=self._last_bound_at,
            last_unbound_at=self._last_unbound_at,
            assigned=self._assigned,
            diversion=self.diversion,
        )
        return session_record(standing, self.settings, self._slots, self._bound.values())

    def observe(self) -> None:
        """Brings the gauges up to date."""
        self.metrics.tps_current.set(self.outbound.gate.current(self._loop.time()))
        self.metrics.window_used.set(self.outbound.window_used)
        states = Counter(slot.state for slot in self._slots.values())
        self.metrics.set_states(dict(states) or {self.state(): 1})

    def own_reason(self) -> str | None:
        """Why its own binds do not send; None where they do."""
        if self._stopping:
            return STOPPING
        if self.wanted.wanted is not Wanted.BOUND:
            return self.wanted.wanted.value
        if self._bound:
            return None if self._sending else "bound as a receiver only"
        return self.reason

    # -- asked by the keeper of the slots

    def _max_binds(self) -> int:
        """From our last credentials; a replica that never held a slot hears it from the one that does."""
        if self.settings is not None:
            return self.settings.max_binds
        return max((record.max_binds for record in self._others()), default=1)

    def _why_unbound(self) -> str:
        wanted = self.wanted.wanted
        return "" if wanted is Wanted.BOUND else wanted.value

    def _keeps_slots(self) -> bool:
        """A drained operator is handed over as at a stop; nobody else is to bind for one that is unbound."""
        return self.wanted.wanted is not Wanted.DRAINED

    def _slots_settled(self) -> None:
        if self.failed and not self._slots and not self._tools.leases.slots.held(self.operator_id):
            # The slots are another replica's now: what went wrong here says nothing any more.
            self.failed, self.reason = False, None
        if self.state() is not self._settled_state:
            self._settled_state = self.state()
            self._changed()

    # -- told by the slots

    def settings_fetched(self, settings: OperatorSettings) -> None:
        before, self.settings = self.settings, settings
        self.share_gate()
        if before != settings:
            self.wake()
            self._changed()

    def slot_bound(self, slot: int, bound: BoundLinks) -> None:
        self._bound[slot] = bound
        self.failed, self.reason = False, None
        self._last_bound_at = time.time()
        if bound.transmitter is not None:
            self.outbound.link_up(slot, bound.transmitter)
        bind = self._slots[slot]
        log.info(
            "smpp.session.bound",
            operatorId=self.operator_id,
            slot=slot,
            bindMode=bound.plan.value,
            host=bind.host,
            port=bind.port,
        )
        self.share_gate()
        self._changed()

    def slot_unbound(self, slot: int, reason: str) -> None:
        """A bind ended or was not made."""
        bound = self._bound.pop(slot, None)
        if bound is not None:
            for link in bound.links:
                self.traffic.forget(link)
            self._last_unbound_at = time.time()
            log.warning("smpp.session.unbound", operatorId=self.operator_id, slot=slot, reason=reason)
            self.outbound.link_down(slot, "unbound")
            self.share_gate()
        elif self.reason != reason:
            log.warning("smpp.bind.failed", operatorId=self.operator_id, slot=slot, reason=reason)
        self.reason = reason
        self.failed = self.failed or not self._sending
        self._changed()

    def slot_changed(self, slot: int) -> None:
        self._changed()

    def attempt_again(self) -> None:
        self.metrics.reconnects.inc()

    def credentials_refused(self, times: int, reason: str) -> None:
        """Slow tries first, because credentials may just have been rotated; then a person must look."""
        log.error("smpp.credentials.refused", operatorId=self.operator_id, attempts=times, reason=reason)
        if times >= self._tools.slot_tools.retries.credential_refusals:
            paused = WantedRecord(Wanted.PAUSED, f"gateway {self._tools.replica}", reason, time.time())
            self._keeper.spawn(self._tools.want(self.operator_id, paused))

    def _at_fault(self, link: Link, reason: str) -> None:
        for slot, bound in self._bound.items():
            if link in bound.links:
                self._keeper.spawn(self._slots[slot].rebind(reason, at_once=False))

    def share_gate(self) -> None:
        """The gate's share follows how many of the operator's binds are here."""
        if self.settings is None:
            return
        own = self._sending
        total = own + sum(record.binds for record in self._others())
        self.outbound.gate.set_limit(self.settings.tps_limit, own, total)

    def _others(self) -> list[SessionRecord]:
        found = self._tools.sessions.fresh_of(self.operator_id, SESSION_TTL)
        return [record for record in found if record.replica != self._tools.replica]

    def _tell_outbound(self) -> None:
        if self._stopping:
            self.outbound.refuse("stopping")
        else:
            self.outbound.refuse("" if self.wanted.wanted is Wanted.BOUND else self.wanted.wanted.value)

    def _changed(self) -> None:
        self._tools.changed(self.operator_id)
