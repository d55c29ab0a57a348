"""Whether everything is all right, and what is not. Pure.

It looks at what the alerts look at (docs/contract.md §11) as far as one look can tell, and notes it earlier than they
wake somebody: at once or from the limits below on, which docs/operations.md, "The admin", puts beside the alerts'.
What needs a rate or a time series to be judged is the alerts' alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ghasi.contracts.sessions import State, Wanted
from ghasi.overview.facts import Everything, OperatorFacts

BAD, WARN = "bad", "warn"
OLD_BACKLOG = timedelta(seconds=60)
OLD_UNTOLD = timedelta(minutes=10)
MANY_RECEIPTS = 1000
"""Receipts that may wait in the stream for the receipts pool, which is handed what comes at once up to its bound."""
NONE_SETTLED = timedelta(seconds=60)
"""Receipts wait, and the pool has settled none for so long."""

LEDGER = "admin:correlations_messagecorrelation_changelist"
INBOX = "admin:correlations_inboxreceipt_changelist"
DEAD = "admin:correlations_deadletter_changelist"
SESSIONS = "admin:operators_operator_live"
ADVICE = 'docs/operations.md, "PostgreSQL away"'


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should look at: `level` bad or warn, and the page that shows more."""

    level: str
    text: str
    page: str = ""
    query: str = ""


def findings(found: Everything, operators: list[OperatorFacts]) -> list[Finding]:
    """The worst first; empty where everything is all right."""
    all_found = list(_whole(found, operators))
    for each in operators:
        # Nobody can say how an operator stands while NATS is away.
        all_found += [] if found.nats.trouble else [*_standing(each), *_beside(each)]
        all_found += _waiting(each, found.now)
    return sorted(all_found, key=lambda one: one.level != BAD)


def _whole(found: Everything, operators: list[OperatorFacts]) -> Iterator[Finding]:
    if found.ledger.trouble:
        yield Finding(BAD, f"The ledger cannot be read: {found.ledger.trouble} ({ADVICE}).")
    if found.minutes_trouble:
        yield Finding(WARN, f"The charts and the receipts of 5 min cannot be read: {found.minutes_trouble}.")
    if found.nats.trouble:
        yield Finding(BAD, f"Sessions and backlogs cannot be read: {found.nats.trouble}.")
        return
    if not any(one.state for one in operators):
        yield Finding(BAD, "No gateway reports a session.")
    for pool, count in found.nats.workers.items():
        if not count:
            yield Finding(BAD, f"No worker of the pool {pool} lives.")


def _waiting(one: OperatorFacts, now: datetime) -> Iterator[Finding]:
    name = one.name or one.operator_id
    oldest = one.backlog.oldest
    if one.backlog.unsettled and oldest and now - oldest > OLD_BACKLOG and one.wanted is Wanted.BOUND:
        waited = _span(now - oldest)
        yield Finding(WARN, f"{name}: {one.backlog.unsettled} in the backlog, the oldest for {waited}.", SESSIONS)
    if one.receipts_waiting:
        yield from _lagging(one, now)
    if one.unexplained:
        yield Finding(BAD, f"{name}: {_many(one.unexplained, 'command')} lost or doubled (manage.py audit).")
    if one.held:
        waiting = "1 part waits" if one.held == 1 else f"{one.held} parts wait"
        yield Finding(WARN, f"{name}: {waiting} for a person's decision.", LEDGER, "list=held")
    if one.in_doubt > one.held:
        yield Finding(WARN, f"{name}: {_many(one.in_doubt - one.held, 'part')} in doubt.", LEDGER, "list=in_doubt")
    if one.untold and now - one.untold > OLD_UNTOLD:
        waited = _span(now - one.untold)
        yield Finding(WARN, f"{name}: receipts wait for their part for {waited}.", INBOX, "state=waiting")
    if one.dead:
        yield Finding(WARN, f"{name}: {_many(one.dead, 'dead letter')} within 24 hours.", DEAD, "letter=open")


def _standing(one: OperatorFacts) -> Iterator[Finding]:
    name = one.name or one.operator_id
    why = f": {one.reason}" if one.reason else ""
    if one.wanted is not Wanted.BOUND:
        level = BAD if one.wanted is Wanted.PAUSED else WARN
        yield Finding(level, f"{name} is wanted {one.wanted.value}{why}.", SESSIONS)
    elif one.state is State.FAILBACK:
        yield Finding(WARN, f"{name} goes over {one.over or 'its backup'}{why}.", SESSIONS)
    elif one.state is State.CONNECTING:
        yield Finding(WARN, f"{name} is connecting{why}.", SESSIONS)
    elif one.state is None:
        yield Finding(BAD, f"{name} is not reported by any gateway.", SESSIONS)
    elif one.state is not State.BOUND:
        yield Finding(BAD, f"{name} is {one.state.value}{why}.", SESSIONS)
    elif one.tps_effective:
        yield Finding(WARN, f"{name} throttles: {one.tps_effective} of {one.tps_limit} a second.", SESSIONS)


def _beside(one: OperatorFacts) -> Iterator[Finding]:
    """What may be wrong with an operator that is bound, too."""
    name = one.name or one.operator_id
    if one.wanted is Wanted.BOUND and one.state is State.BOUND and 0 < one.binds < one.max_binds:
        why = f": {one.reason}" if one.reason else ""
        yield Finding(WARN, f"{name} has {one.binds} of {one.max_binds} binds{why}.", SESSIONS)
    if one.profile_problem:
        yield Finding(WARN, f"{name} does not follow the profile it should: {one.profile_problem}.", SESSIONS)


def _lagging(one: OperatorFacts, now: datetime) -> Iterator[Finding]:
    name = one.name or one.operator_id
    wait = f"{_many(one.receipts_waiting, 'receipt')} wait{'s' if one.receipts_waiting == 1 else ''}"
    if one.receipts_settled and now - one.receipts_settled > NONE_SETTLED:
        none_for = _span(now - one.receipts_settled)
        yield Finding(WARN, f"{name}: {wait} for the receipts pool, which has settled none for {none_for}.")
    elif one.receipts_waiting > MANY_RECEIPTS:
        yield Finding(WARN, f"{name}: {wait} for the receipts pool.")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _span(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
