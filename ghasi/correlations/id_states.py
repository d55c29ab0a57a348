"""What is done about the relation between an operator's ids (docs/architecture.md, "Ids that differ"). Pure.

     none ──▶ proposed ──▶ accepted ◀──▶ drifting          by a person: accept, reject
       └──────────────────▶ applied ◀──▶ drifting          by itself: where it cannot be wrong

What a person rejected is not proposed again, and nothing more is applied unasked for that operator; what a person
accepted is never replaced unasked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from ghasi.smpp.id_inference import Pair, Verdict
from ghasi.smpp.id_relation import TEXT, Relation, parse_relation

AUTOMATIC: Final = "automatic"
DRIFT_FROM: Final = 5
"""Parts that do not fit what is in force, before it counts as drift."""
DRIFT_SHARE: Final = 0.1
"""And their share of the latest pairs, above what it was when the relation was accepted."""
MISSES_SHARE: Final = 0.2
"""Or so much more of the receipts without a part than at first."""


class State(StrEnum):
    NONE = "none"
    PROPOSED = "proposed"
    APPLIED = "applied"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DRIFTING = "drifting"


class NothingToDecide(Exception):
    """No relation of this operator is proposed, or none is in force. Look again at what is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One operator's. `in_force` and `candidate` are texts of `Relation`; in force is only what is not None."""

    state: State
    changed_at: datetime
    in_force: str | None = None
    candidate: str | None = None
    rejected: frozenset[str] = field(default_factory=frozenset)
    in_force_at: datetime | None = None
    changed_by: str = AUTOMATIC
    usual_misfits: float = 0.0


@dataclass(frozen=True, slots=True)
class Drift:
    """How the latest pairs and receipts stand to what is in force."""

    misfits: int = 0
    parts: int = 0
    more_misses: float = 0.0
    """Share of receipts without a part, above the usual one."""

    @property
    def share(self) -> float:
        return self.misfits / self.parts if self.parts else 0.0

    def is_one(self, usual_misfits: float) -> bool:
        """Whether it is more than what was known when the relation was accepted."""
        by_pairs = self.misfits >= DRIFT_FROM and self.share >= usual_misfits + DRIFT_SHARE
        return by_pairs or self.more_misses >= MISSES_SHARE


def misfits(relation: Relation, pairs: Sequence[Pair]) -> tuple[int, int]:
    """Parts that the relation would not find by one of their receipts, and parts in all."""
    parts = {pair.response_id for pair in pairs}
    lost = {pair.response_id for pair in pairs if not relation.fits(pair.response_id, pair.receipt_id)}
    return len(lost), len(parts)


def judged(standing: Standing, verdict: Verdict, drift: Drift, now: datetime) -> Standing:
    """The operator's standing after another look at its pairs."""
    if standing.in_force is None:
        return _looked(standing, verdict, now)
    drifting = drift.is_one(standing.usual_misfits)
    if standing.state is not State.DRIFTING:
        return replace(standing, state=State.DRIFTING, changed_at=now) if drifting else standing
    found = None if verdict.best is None else str(verdict.best)
    if found is not None and found != standing.in_force and found not in standing.rejected:
        if verdict.certain and standing.changed_by == AUTOMATIC and not standing.rejected:
            return _applied(standing, verdict, now)
        return replace(standing, candidate=found)
    if drifting:
        return standing
    state = State.APPLIED if standing.changed_by == AUTOMATIC else State.ACCEPTED
    return replace(standing, state=state, candidate=None, changed_at=now)


def _looked(standing: Standing, verdict: Verdict, now: datetime) -> Standing:
    found = str(verdict.best)
    if verdict.best is None or found in standing.rejected:
        return standing
    if not verdict.learned:
        plain = standing.state is State.PROPOSED
        return replace(standing, state=State.NONE, candidate=None, changed_at=now) if plain else standing
    if verdict.certain and not standing.rejected:
        return _applied(standing, verdict, now)
    if standing.state is State.PROPOSED and standing.candidate == found:
        return standing
    return replace(standing, state=State.PROPOSED, candidate=found, changed_at=now, changed_by=AUTOMATIC)


def _applied(standing: Standing, verdict: Verdict, now: datetime) -> Standing:
    """An operator that went back to plain ids has no relation in force any more."""
    plain = verdict.best == TEXT
    return replace(
        standing,
        state=State.NONE if plain else State.APPLIED,
        in_force=None if plain else str(verdict.best),
        candidate=None,
        changed_at=now,
        in_force_at=None if plain else now,
        changed_by=AUTOMATIC,
        usual_misfits=0.0,
    )


def accepted(standing: Standing, pairs: Sequence[Pair], by: str, now: datetime) -> Standing:
    """A person accepts the proposal. Raises NothingToDecide."""
    if standing.candidate is None:
        raise NothingToDecide("nothing is proposed for this operator")
    lost, parts = misfits(parse_relation(standing.candidate), pairs)
    return replace(
        standing,
        state=State.ACCEPTED,
        in_force=standing.candidate,
        candidate=None,
        rejected=standing.rejected - {standing.candidate},
        changed_at=now,
        in_force_at=now,
        changed_by=by,
        usual_misfits=lost / parts if parts else 0.0,
    )


def rejected(standing: Standing, by: str, now: datetime) -> Standing:
    """A person rejects the proposal, or where there is none what is in force. Raises NothingToDecide."""
    if standing.candidate is not None:
        kept = standing.in_force is not None
        state = standing.state if kept else State.REJECTED
        gone = standing.rejected | {standing.candidate}
        return replace(standing, state=state, candidate=None, rejected=gone, changed_at=now, changed_by=by)
    if standing.in_force is None:
        raise NothingToDecide("nothing is proposed or in force for this operator")
    return replace(
        standing,
        state=State.REJECTED,
        in_force=None,
        in_force_at=None,
        rejected=standing.rejected | {standing.in_force},
        changed_at=now,
        changed_by=by,
    )
