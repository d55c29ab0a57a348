"""From what each source says to one line per operator. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from ghasi.contracts.sessions import SessionRecord, Wanted
from ghasi.operators.live import Live, name_of
from ghasi.operators.minutes import RECEIPTS, Tallies
from ghasi.operators.session_groups import best_of, moment, since
from ghasi.overview.facts import Backlog, Everything, OperatorFacts

RECENT = timedelta(minutes=5)
"""What "receipts lately" means."""
_STATUS = {column: status for status, column in RECEIPTS.items()}


def operators(found: Everything) -> list[OperatorFacts]:
    """All that a gateway reports, that were seen within a day or that have something waiting, by name."""
    live = found.nats.live
    records: dict[str, list[SessionRecord]] = {}
    for one in live.sessions:
        records.setdefault(one.operator_id, []).append(one)
    backlogs = {operator_id for operator_id, one in found.nats.backlogs.items() if one.unsettled}
    backlogs |= {operator_id for operator_id, waiting in found.nats.receipts.items() if waiting}
    ids = {*records, *found.ledger.names, *backlogs, *found.ledger.in_doubt, *found.ledger.inbox}
    lately = receipts_lately(found.minutes, found.now)
    made = [_facts(one, records.get(one, []), found, lately.get(one, Counter())) for one in ids]
    return sorted(made, key=lambda one: (one.name or "~", one.operator_id))


def receipts_lately(tallies: Tallies, now: datetime) -> dict[str, Counter[str]]:
    """By operator, of the last five minutes and the current one."""
    begin = now.replace(second=0, microsecond=0) - RECENT
    sums: dict[str, Counter[str]] = {}
    for (minute, operator_id), tally in tallies.items():
        if minute >= begin:
            by_status = {_STATUS[name]: count for name, count in tally.counts.items() if name in _STATUS}
            sums.setdefault(operator_id, Counter()).update(by_status)
    return sums


def _facts(
    operator_id: str, records: list[SessionRecord], found: Everything, receipts: Counter[str]
) -> OperatorFacts:
    live, ledger = found.nats.live, found.ledger
    best = best_of(records)
    order = live.wanted.get(operator_id)
    wanted = order.wanted if order else Wanted.BOUND
    name = (best.operator_name if best else "") or ledger.names.get(operator_id, "")
    return OperatorFacts(
        operator_id=operator_id,
        name=name,
        state=best.state if best else None,
        wanted=wanted,
        reason=_reason(records, live, operator_id),
        since=moment(order.at) if order and wanted is not Wanted.BOUND else (since(best) if best else None),
        over=name_of(best.carried_by, live) if best and best.carried_by else "",
        binds=sum(one.binds for one in records),
        max_binds=max((one.max_binds for one in records), default=0),
        tps=sum(one.tps_current for one in records),
        tps_limit=max((one.tps_limit for one in records), default=0),
        tps_effective=min((one.tps_effective for one in records if one.tps_effective), default=0),
        window_used=sum(one.window_used for one in records),
        window_size=sum(one.window_size * one.binds for one in records),
        backlog=found.nats.backlogs.get(operator_id, Backlog(0, 0)),
        receipts_waiting=found.nats.receipts.get(operator_id, 0),
        in_doubt=ledger.in_doubt.get(operator_id, 0),
        held=ledger.held.get(operator_id, 0),
        inbox=ledger.inbox.get(operator_id, 0),
        untold=ledger.untold.get(operator_id),
        dead=ledger.dead.get(operator_id, 0),
        unexplained=ledger.unexplained.get(operator_id, 0),
        receipts=receipts,
        receipts_settled=found.nats.settled.get(operator_id),
        profile_problem=next((one.profile_problem for one in records if one.profile_problem), ""),
    )


def _reason(records: list[SessionRecord], live: Live, operator_id: str) -> str:
    """Why it does not send, and why somebody wanted it so."""
    best = best_of(records)
    order = live.wanted.get(operator_id)
    said = [best.reason] if best and best.reason and not (order and best.reason == order.wanted.value) else []
    if order and order.wanted is not Wanted.BOUND and order.reason:
        said.append(f"{order.reason} ({order.by})" if order.by else order.reason)
    return "; ".join(said)
