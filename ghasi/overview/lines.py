"""One operator as the first page's table says it: texts only, made here once. Pure.

A page of many operators is thousands of values; a template takes many times as long to choose and format each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ghasi.contracts.sessions import State, Wanted
from ghasi.overview.facts import OperatorFacts

ORDER = ("DELIVERED", "ACCEPTED", "UNDELIVERABLE", "EXPIRED", "REJECTED", "DELETED", "UNKNOWN")
"""Of receipts' states in a cell."""
NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table; `level` good, warn or bad. What has several lines is a tuple, which may be empty."""

    operator_id: str
    name: str
    level: str
    state: str
    over: str
    since: str
    since_iso: str
    reason: str
    binds: str
    tps: str
    tps_now: str
    tps_limit: str
    window: str
    window_used: str
    window_size: str
    backlog: tuple[str, ...]
    in_doubt: str
    inbox: str
    dead: str
    receipts: tuple[str, ...]


def line_of(one: OperatorFacts, *, unknown: bool, uncounted: bool = False, unheard: bool = False) -> Line:
    """`unknown`: nobody can say how operators stand; `uncounted`, `unheard`: nor what the ledger holds of them, nor
    what receipts came lately."""
    absent = "NOT KNOWN" if unknown else "NOT REPORTED"
    return Line(
        operator_id=one.operator_id,
        name=one.name or one.operator_id,
        level=_level(one),
        state=one.state.value if one.state else absent,
        over=one.over,
        since=f"{one.since:%Y-%m-%d %H:%M:%S}" if one.since else "",
        since_iso=one.since.isoformat() if one.since else "",
        reason=one.reason,
        binds=f"{one.binds} of {one.max_binds}",
        tps=f"{one.tps} of {one.tps_limit}" + (f", slowed to {one.tps_effective}" if one.tps_effective else ""),
        tps_now=str(one.tps),
        tps_limit=str(one.tps_limit),
        window=f"{one.window_used} of {one.window_size}",
        window_used=str(one.window_used),
        window_size=str(one.window_size),
        backlog=tuple(_backlog(one)),
        in_doubt=NOT_KNOWN if uncounted else f"{one.in_doubt}" + (f" ({one.held} held)" if one.held else ""),
        inbox=NOT_KNOWN if uncounted else str(one.inbox),
        dead=NOT_KNOWN if uncounted else str(one.dead),
        receipts=(NOT_KNOWN,) if unheard else tuple(_receipts(one)),
    )


def _level(one: OperatorFacts) -> str:
    if one.wanted is not Wanted.BOUND or one.state in (State.FAILBACK, State.CONNECTING):
        return "warn"
    return "good" if one.state is State.BOUND else "bad"


def _receipts(one: OperatorFacts) -> Iterator[str]:
    return (f"{state.lower()} {one.receipts[state]}" for state in ORDER if one.receipts[state])


def _backlog(one: OperatorFacts) -> Iterator[str]:
    backlog = one.backlog
    yield f"{backlog.unsettled}" + (f" ({backlog.in_hand} in hand)" if backlog.in_hand else "")
    if backlog.oldest:
        yield f"oldest since {backlog.oldest:%H:%M:%S}"
    if one.receipts_waiting:
        yield f"{one.receipts_waiting} receipts wait"
