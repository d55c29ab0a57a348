"""One operator at this replica: its slots, its way out, its receipts, and what is wanted of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from ghasi.contracts.sessions import SessionRecord, State, Wanted, WantedRecord
from ghasi.logs import get_logger
from ghasi.operator_settings import OperatorSettings, settled_anew
from sessions_gateway.binds import Binds
from sessions_gateway.connection import Link
from sessions_gateway.establish import BoundLinks, Plan
from sessions_gateway.failover import Diversion
from sessions_gateway.operator_tools import OperatorTools
from sessions_gateway.session_record import Standing, session_record, windows
from sessions_gateway.settings_watch import SettingsWatch
from sessions_gateway.share import Share
from sessions_gateway.slot_keeper import SlotKeeper
from sessions_gateway.tls import tell_of_the_end
from sessions_gateway.traffic import Traffic

STOPPING = "stopping"
"""The reason of an operator whose replica ends: another replica takes over, nothing has failed."""

log = get_logger()


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
        self._tools = tools
        self._assigned = assigned
        self._binds = Binds()
        self._share = Share(operator_id, tools.replica, tools.sessions)
        self._loop = asyncio.get_running_loop()
        self.traffic = Traffic(
            operator_id,
            tools.memory,
            self.metrics,
            tools.receipts,
            tools.slot_tools.may_write,
            self._at_fault,
            self._changed,
        )
        self.outbound = self.traffic.outbound
        self._keeper = SlotKeeper(
            self,
            tools.slot_tools,
            tools.leases,
            most=lambda: self._share.max_binds(self.settings),
            unwanted=self._why_unbound,
            kept=self._keeps_slots,
            settled=self._slots_settled,
        )
        self._slots = self._keeper.slots
        self._settings_watch = SettingsWatch(
            self, tools.slot_tools, idle=lambda: assigned and self.wanted.wanted is not Wanted.BOUND
        )
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
        self.metrics.wanted.set(self.wanted.wanted not in (Wanted.DRAINED, Wanted.UNBOUND))
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
        for slot in self._binds.slots:
            self._keeper.spawn(self._slots[slot].rebind(reason, at_once=True))
        return len(self._binds)

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
        return self._binds.sending > 0 and self.wanted.wanted is Wanted.BOUND and not self._stopping

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def failed(self) -> bool:
        """A bind was tried or lost and none is up: true from the first failure of a series."""
        return self._binds.failed

    @property
    def reason(self) -> str | None:
        """Why its last bind ended or was not made."""
        return self._binds.reason

    def state(self) -> State:
        """Of its own binds, whoever carries the traffic."""
        if self.is_bound:
            return State.BOUND
        if self.failed or self._binds or self.wanted.wanted is not Wanted.BOUND:
            return State.UNBOUND
        return State.CONNECTING if self._slots else State.DISCONNECTED

    def record(self) -> SessionRecord:
        silent_for = self._binds.silent_for
        standing = Standing(
            operator_id=self.operator_id,
            replica=self._tools.replica,
            epoch=self._tools.epoch,
            state=self.state(),
            reason=self.own_reason(),
            window_used=self.outbound.window_used,
            tps_effective=self.outbound.pace.below(self.settings.tps_limit if self.settings else 0),
            tps_current=self.outbound.gate.current(self._loop.time()),
            last_bound_at=self._binds.last_bound_at,
            last_unbound_at=self._binds.last_unbound_at,
            assigned=self._assigned,
            needs_rebind=self._binds.needs_rebind(self.settings),
            diversion=self.diversion,
            heard_at=None if silent_for is None else time.time() - silent_for,
        )
        return session_record(standing, self.settings, self._slots, self._binds.standing)

    def tags_read(self) -> frozenset[int]:
        """Vendor TLVs that its profile reads."""
        return frozenset(one.tag for one in self.settings.rules.tlvs_read) if self.settings else frozenset()

    def observe(self) -> None:
        """Brings the gauges up to date."""
        self.metrics.tps_current.set(self.outbound.gate.current(self._loop.time()))
        self.metrics.tps_limit.set(self.settings.tps_limit if self.settings else 0)
        self.metrics.profile_problem.set(bool(self.settings and self.settings.profile_problem))
        self.metrics.window_used.set(self.outbound.window_used)
        self.metrics.window_effective.set(windows(self._binds.standing)[0])
        states = Counter(slot.state for slot in self._slots.values())
        self.metrics.set_states(dict(states) or {self.state(): 1})

    def own_reason(self) -> str | None:
        """Why its own binds do not send; None where they do."""
        if self._stopping:
            return STOPPING
        if self.wanted.wanted is not Wanted.BOUND:
            return self.wanted.wanted.value
        if self._binds:
            return None if self._binds.sending else "bound as a receiver only"
        return self.reason

    # -- asked by the keeper of the slots

    def _why_unbound(self) -> str:
        wanted = self.wanted.wanted
        return "" if wanted is Wanted.BOUND else wanted.value

    def _keeps_slots(self) -> bool:
        """A drained operator is handed over as at a stop; nobody else is to bind for one that is unbound."""
        return self.wanted.wanted is not Wanted.DRAINED

    def _slots_settled(self) -> None:
        if self.failed and not self._slots and not self._tools.leases.slots.held(self.operator_id):
            # The slots are another replica's now: what went wrong here says nothing any more.
            self._binds.forgive()
        if self.state() is not self._settled_state:
            self._settled_state = self.state()
            self._changed()

    # -- told by the slots

    def settings_fetched(self, settings: OperatorSettings) -> None:
        before, self.settings = self.settings, settings
        self.traffic.follow(settings.rules)
        self.share_gate()
        if before != settings:
            self._binds.resize(settings.window_size)
            if settings.profile_problem and (before is None or before.profile_problem != settings.profile_problem):
                log.error("profile.problem", operatorId=self.operator_id, reason=settings.profile_problem)
            self.wake()
            self._changed()

    def profiles_changed(self) -> None:
        """A live profile has changed, perhaps this operator's."""
        if self.settings is None:
            return
        settings = settled_anew(self.settings, self._tools.resolver)
        if settings != self.settings:
            self.settings_fetched(settings)

    def slot_bound(self, slot: int, bound: BoundLinks) -> None:
        self._binds.made(slot, bound, self.settings, time.time())
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
        before = self.reason
        bound = self._binds.ended(slot, reason, time.time())
        if bound is not None:
            log.warning("smpp.session.unbound", operatorId=self.operator_id, slot=slot, reason=reason)
            self.outbound.link_down(slot, "unbound")
            self.share_gate()
        elif before != reason:
            log.warning("smpp.bind.failed", operatorId=self.operator_id, slot=slot, reason=reason)
        self._changed()

    def slot_changed(self, slot: int) -> None:
        self._changed()

    def attempt_again(self) -> None:
        self.metrics.reconnects.inc()

    def tls_seen(self, expiries: dict[str, float]) -> None:
        for certificate, at in expiries.items():
            self.metrics.set_tls_expiry(certificate, at)
        tell_of_the_end(self.operator_id, expiries, time.time())

    def credentials_refused(self, times: int, reason: str) -> None:
        """Slow tries first, because credentials may just have been rotated; then a person must look."""
        log.error("smpp.credentials.refused", operatorId=self.operator_id, attempts=times, reason=reason)
        if times >= self._tools.slot_tools.retries.credential_refusals:
            paused = WantedRecord(Wanted.PAUSED, f"gateway {self._tools.replica}", reason, time.time())
            self._keeper.spawn(self._tools.want(self.operator_id, paused))

    def _at_fault(self, link: Link, reason: str) -> None:
        slot = self._binds.slot_of(link)
        if slot is not None:
            self._keeper.spawn(self._slots[slot].rebind(reason, at_once=False))

    def share_gate(self) -> None:
        """The gate's share follows how many of the operator's binds are here."""
        if self.settings is None:
            return
        own = self._binds.sending
        self.outbound.gate.set_limit(self.settings.tps_limit, own, self._share.all_binds(own))

    def _tell_outbound(self) -> None:
        if self._stopping:
            self.outbound.refuse("stopping")
        else:
            self.outbound.refuse("" if self.wanted.wanted is Wanted.BOUND else self.wanted.wanted.value)

    def _changed(self) -> None:
        self._tools.changed(self.operator_id)
