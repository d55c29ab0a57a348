"""What the first page knows of the operators, by where it comes from. Times are aware; ids are operators'."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from ghasi.contracts.sessions import State, Wanted
from ghasi.operators.live import Live
from ghasi.operators.minutes import Tallies, Tally


@dataclass(frozen=True, slots=True)
class Backlog:
    """Commands of one operator in the stream. `oldest` is when the oldest unsettled one was stored, where known."""

    waiting: int
    in_hand: int
    oldest: datetime | None = None

    @property
    def unsettled(self) -> int:
        return self.waiting + self.in_hand


@dataclass(frozen=True, slots=True)
class FromNats:
    """What NATS and the gateways say now."""

    live: Live = field(default_factory=Live)
    backlogs: dict[str, Backlog] = field(default_factory=dict)
    receipts: dict[str, int] = field(default_factory=dict)
    """Receipts that wait in the stream for the receipts pool."""
    settled: dict[str, datetime] = field(default_factory=dict)
    """When that pool last settled one, as far as the server knows: it forgets that when it starts."""
    workers: dict[str, int] = field(default_factory=dict)
    """Living worker processes by pool."""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class FromLedger:
    """What the database says; counts end at `counts.MOST`. Nothing of it is known where there is `trouble`."""

    in_doubt: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    """Of those in doubt, the ones left to a person."""
    inbox: dict[str, int] = field(default_factory=dict)
    untold: dict[str, datetime] = field(default_factory=dict)
    """When the oldest receipt came that waits and of which the platform has not been told."""
    dead: dict[str, int] = field(default_factory=dict)
    """Dead letters of the last 24 hours whose commands were not sent again."""
    unexplained: dict[str, int] = field(default_factory=dict)
    """Commands lost and messages doubled that nobody has acknowledged."""
    names: dict[str, str] = field(default_factory=dict)
    """Operators seen within a day."""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Everything:
    """`minutes` are the last five and the current one by operator; `totals` those of the last hour, of all operators
    together or of the chosen one. Neither is known where there is `minutes_trouble`."""

    nats: FromNats
    ledger: FromLedger
    minutes: Tallies
    totals: dict[datetime, Tally]
    now: datetime
    minutes_trouble: str = ""


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """One operator on the first page, over all replicas."""

    operator_id: str
    name: str
    state: State | None
    """None where no gateway reports it."""
    wanted: Wanted
    reason: str
    since: datetime | None
    over: str
    """Who carries its traffic instead, by name."""
    binds: int
    max_binds: int
    tps: int
    tps_limit: int
    tps_effective: int
    window_used: int
    window_size: int
    """Of all binds together."""
    backlog: Backlog
    receipts_waiting: int
    in_doubt: int
    held: int
    inbox: int
    untold: datetime | None
    dead: int
    unexplained: int
    receipts: Counter[str]
    """Of the last minutes, by the status of their event."""
    receipts_settled: datetime | None = None
    """When the receipts pool last took one from the stream, where known."""
    profile_problem: str = ""
    """Why a replica does not follow the profile that was asked for."""
