"""Gateways and worker pools as their keys show them: who is missing, who has no lease, who differs."""

from __future__ import annotations

from collections.abc import Iterable

from ghasi.contracts.sessions import State, Wanted, WantedRecord
from ghasi.doctor.findings import Finding, Findings
from ghasi.doctor.nats_facts import NatsFacts
from ghasi.env import Env, SettingsError

POOLS = ("dispatch", "receipts")


def gateways(facts: NatsFacts, operator_ids: Iterable[str], env: Env) -> Findings:
    served = {one for record in facts.gateways.values() for one in record.operator_ids}
    for operator_id in sorted(set(operator_ids) - served):
        yield Finding("gateways.none", operator_id, "no living gateway is assigned to it")
    yield from _without_lease(facts)
    assigned = {frozenset(record.operator_ids) for record in facts.gateways.values() if record.operator_ids}
    if len(assigned) > 1:
        uneven = set().union(*assigned) - frozenset.intersection(*assigned)
        yield Finding("gateways.operators", "gateways", f"{len(uneven)} operators are assigned to some of them only")
    if len(facts.gateways) > 1 and _sole(env):
        yield Finding("gateways.sole", "GATEWAY_SOLE", f"1, and {len(facts.gateways)} gateways live")


def _sole(env: Env) -> bool:
    try:
        return env.flag("GATEWAY_SOLE")
    except SettingsError:
        return False


def _without_lease(facts: NatsFacts) -> Findings:
    """Replicas that say they are bound, or hold slots, without a living key of the same life."""
    living = {(record.replica, record.epoch) for record in facts.gateways.values()}
    lost: dict[str, str] = {}
    for key, slot in facts.slots.items():
        if (slot.replica, slot.epoch) not in living:
            lost.setdefault(slot.replica, f"holds slot {key}, and its key is gone")
    for session in facts.sessions.values():
        if session.state is State.BOUND and session.binds and (session.replica, session.epoch) not in living:
            lost[session.replica] = f"says it is bound at {session.operator_id}, and its key is gone"
    for replica, what in sorted(lost.items()):
        yield Finding("gateways.no_lease", f"gateway {replica}", what)


def workers(facts: NatsFacts, operator_ids: Iterable[str]) -> Findings:
    wanted = set(operator_ids)
    for pool in POOLS:
        mine = [one for one in facts.workers if one.pool == pool]
        if not mine:
            yield Finding("workers.none", f"pool {pool}", "no process of it lives")
            continue
        missing = wanted - {one for worker in mine for one in worker.operator_ids}
        if missing:
            named = ", ".join(sorted(missing)[:3])
            yield Finding("workers.operators", f"pool {pool}", f"{len(missing)} operators are not assigned: {named}")


def versions(facts: NatsFacts) -> Findings:
    """Releases of everything that lives; one that says none is older than the one that asks."""
    found: dict[str, list[str]] = {}
    for record in facts.gateways.values():
        found.setdefault(record.version or "older", []).append(f"gateway {record.replica}")
    for worker in facts.workers:
        found.setdefault(worker.version or "older", []).append(f"pool {worker.pool}")
    if len(found) > 1:
        told = "; ".join(f"{version}: {', '.join(sorted(set(who)))}" for version, who in sorted(found.items()))
        yield Finding("processes.versions", "processes", told)


def _by(record: WantedRecord) -> str:
    return f" by {record.by}" if record.by else ""


def sessions(facts: NatsFacts, operator_ids: Iterable[str], wanted: dict[str, WantedRecord]) -> Findings:
    """Operators that should be bound and are not, or follow another profile than was asked for; orders that reach
    nobody."""
    served = facts.operator_ids | set(operator_ids)
    for operator_id in sorted(wanted.keys() - served):
        record = wanted[operator_id]
        what = f"wanted {record.wanted.value}{_by(record)}, and no living process is assigned to it"
        yield Finding("operators.unserved", operator_id, what)
    for operator_id in sorted(operator_ids):
        mine = [one for one in facts.sessions.values() if one.operator_id == operator_id]
        order = wanted.get(operator_id)
        if order is not None and order.wanted is not Wanted.BOUND:
            yield Finding("operators.unwanted", operator_id, f"wanted {order.wanted.value}{_by(order)}")
        elif mine and not any(one.can_send for one in mine):
            reason = next((one.reason for one in mine if one.reason), "no reason told")
            yield Finding("operators.not_bound", operator_id, reason)
        for problem in sorted({one.profile_problem for one in mine if one.profile_problem}):
            yield Finding("operators.profile", operator_id, problem)
