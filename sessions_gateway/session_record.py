"""What the sessions bucket, `/sessions` and control answers say of an operator at this replica."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ghasi.contracts.sessions import SendRules, SessionRecord, State
from ghasi.operator_settings import OperatorSettings
from sessions_gateway.bind import BindSlot
from sessions_gateway.establish import BoundLinks
from sessions_gateway.failover import Diversion

RETURNING = "bound again, not for long enough to return"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An operator's state as its owner knows it; times are Unix seconds."""

    operator_id: str
    replica: str
    epoch: str
    state: State
    reason: str | None
    window_used: int
    tps_current: int
    last_bound_at: float | None
    last_unbound_at: float | None
    assigned: bool = True
    """False for an operator that is here only as another's backup."""
    needs_rebind: tuple[str, ...] = ()
    diversion: Diversion = field(default_factory=Diversion)
    tps_effective: int = 0
    heard_at: float | None = None


def shown_state(own: State, diversion: Diversion) -> State:
    """FAILBACK while the backup carries; UNBOUND where it should and cannot (docs/contract.md §7)."""
    if diversion.by is None:
        return own
    return State.FAILBACK if diversion.carries else State.UNBOUND


def shown_reason(own: str | None, standing: State, diversion: Diversion) -> str | None:
    """Why the primary does not carry its traffic, and what is wrong with the backup."""
    if diversion.by is not None and standing is State.BOUND:
        own = RETURNING
    return "; ".join(one for one in (own, diversion.trouble) if one) or None


def windows(bound: Iterable[BoundLinks]) -> tuple[int, int]:
    """Unanswered PDUs that all transmitters together take now, and by their windows."""
    links = [one.transmitter for one in bound if one.transmitter is not None]
    return sum(link.window_open for link in links), sum(link.window_size for link in links)


def failed_attempts(slots: Iterable[BindSlot]) -> int:
    """Of the slot that tries longest. A bound one tries nothing, though its back-off forgets at its end only."""
    return max((slot.failures for slot in slots if slot.bound is None), default=0)


def session_record(
    standing: Standing,
    settings: OperatorSettings | None,
    slots: dict[int, BindSlot],
    bound: Collection[BoundLinks],
) -> SessionRecord:
    """The record; host, port and the next attempt are those of the lowest slot.

    Only binds that can carry messages out count as `binds`.
    """
    lowest = slots[min(slots)] if slots else None
    waiting = lowest.next_attempt_in if lowest else None
    state = shown_state(standing.state, standing.diversion)
    takes, configured = windows(bound)
    modes = ", ".join(sorted({one.plan.value for one in bound}))
    return SessionRecord(
        operator_id=standing.operator_id,
        replica=standing.replica,
        epoch=standing.epoch,
        state=state,
        operator_name=settings.operator_name if settings else "",
        bind_mode=modes or (settings.bind_mode.value if settings else ""),
        host=lowest.host if lowest else "",
        port=lowest.port if lowest else 0,
        binds=sum(one.transmits for one in bound),
        max_binds=settings.max_binds if settings else 1,
        window_size=settings.window_size if settings else 10,
        window_used=standing.window_used,
        tps_limit=settings.tps_limit if settings else 0,
        tps_current=standing.tps_current,
        reconnect_attempts=failed_attempts(slots.values()),
        next_reconnect_at=None if waiting is None else time.time() + waiting,
        last_bound_at=standing.last_bound_at,
        last_unbound_at=standing.last_unbound_at,
        backup_operator_id=settings.backup_operator_id if settings else None,
        reason=shown_reason(standing.reason, standing.state, standing.diversion),
        updated_at=time.time(),
        rules=settings.rules if settings else SendRules(),
        is_primary=standing.assigned,
        carried_by=standing.diversion.by,
        failover_term=standing.diversion.term,
        tps_effective=standing.tps_effective,
        window_effective=takes if takes < configured else 0,
        own_state=None if state is standing.state else standing.state,
        profile=settings.source if settings else "",
        profile_problem=settings.profile_problem if settings else None,
        needs_rebind=standing.needs_rebind,
        heard_at=standing.heard_at,
    )
