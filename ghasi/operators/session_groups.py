"""Live sessions as the admin shows them: by operator, a row a replica. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ghasi.contracts.sessions import SessionRecord, State, Wanted, WantedRecord
from ghasi.operators.live import Live, name_of
from ghasi.operators.services import RANK


@dataclass(frozen=True, slots=True)
class Row:
    """One operator at one replica. Times are aware; `heard` is in seconds before `now`."""

    record: SessionRecord
    since: datetime | None
    next_at: datetime | None
    heard: int | None
    over: str
    """Who carries its traffic instead, by name."""


@dataclass(frozen=True, slots=True)
class Group:
    """One operator over all replicas."""

    operator_id: str
    name: str
    state: State | None
    """Its best session's; None where no gateway reports one."""
    wanted: Wanted
    order: WantedRecord | None
    """Who wanted it so; None where nobody said anything yet."""
    rows: list[Row] = field(default_factory=list)

    @property
    def level(self) -> str:
        """good, warn or bad, for the colour; the word of the state says the same."""
        if self.wanted is not Wanted.BOUND or self.state in (State.FAILBACK, State.CONNECTING):
            return "warn"
        return "good" if self.state is State.BOUND else "bad"


def groups(live: Live, known: Iterable[tuple[str, str]], now: datetime) -> list[Group]:
    """By name. `known` names further operators (id, name), which no gateway may report now."""
    names = dict(known)
    for one in live.sessions:
        names[one.operator_id] = one.operator_name or names.get(one.operator_id, "")
    made = [_group(operator_id, name, live, now) for operator_id, name in names.items()]
    return sorted(made, key=lambda one: (one.name or "~", one.operator_id))


def best_of(records: Iterable[SessionRecord]) -> SessionRecord | None:
    """The record that says most of an operator: a standby's says less than the holder's."""
    return min(records, key=lambda one: RANK.get(one.state, len(RANK)), default=None)


def _group(operator_id: str, name: str, live: Live, now: datetime) -> Group:
    records = [one for one in live.sessions if one.operator_id == operator_id]
    order = live.wanted.get(operator_id)
    wanted = order.wanted if order else Wanted.BOUND
    best = best_of(records)
    rows = [_row(one, live, now) for one in records]
    return Group(operator_id, name, best.state if best else None, wanted, order, rows)


def since(record: SessionRecord) -> datetime | None:
    """Since when it is in its state, as far as its replica knows."""
    bound = record.state is State.BOUND
    return moment(record.last_bound_at if bound else record.last_unbound_at)


def moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _row(record: SessionRecord, live: Live, now: datetime) -> Row:
    heard = None if record.heard_at is None else max(0, round(now.timestamp() - record.heard_at))
    over = name_of(record.carried_by, live) if record.carried_by else ""
    return Row(record, since(record), moment(record.next_reconnect_at), heard, over)
