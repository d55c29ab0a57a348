"""The upkeep's turns on the ids of responses and receipts (docs/architecture.md, "Ids that differ")."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from ghasi.contracts.publication import Publication
from ghasi.contracts.sessions import SessionRecord
from ghasi.correlations import id_learning, id_rekeying, id_store
from ghasi.correlations.id_states import State
from ghasi.correlations.masking import without_digits
from ghasi.correlations.proving import MATCHABLE
from ghasi.logs import get_logger
from ghasi.smpp.id_relation import Relation
from workers import metrics
from workers.learned_ids import leaves_ids_open

LATELY = timedelta(minutes=15)
"""Receipts that have waited for longer are only looked at now and then."""
AT_ONCE = 20
"""Operators looked at in one turn; the next turn goes on behind them."""
PAGES = 5
THOROUGH_EVERY = timedelta(minutes=10)
WORTH_SAYING = (State.PROPOSED, State.DRIFTING)

log = get_logger()


class _Page(NamedTuple):
    relation: Relation | None
    after: int


class IdLearning:
    """Looks at the operators in turn; `sessions` tells what the gateways report now, their rules among it."""

    def __init__(self, sessions: Callable[[], list[SessionRecord]]) -> None:
        self._sessions = sessions
        self._pages: dict[UUID, _Page] = {}
        self._thorough_at: dict[UUID, datetime] = {}
        self._last: UUID | None = None

    def run(self, now: datetime) -> list[Publication]:
        """Nothing to publish: the sweep of the inbox finds and tells what becomes matchable."""
        for operator_id in self._next():
            look = id_learning.look(operator_id, since=self._since(operator_id, now), now=now)
            if look is not None:
                self._say(look)
                self._rekey(look, now)
        return []

    def _next(self) -> list[UUID]:
        """The next few of the operators whose rules are known and leave their ids open."""
        open_ones = sorted(
            {UUID(one.operator_id) for one in self._sessions() if one.tps_limit > 0 and leaves_ids_open(one.rules)}
        )
        after = [one for one in open_ones if self._last is None or one > self._last]
        some = (after + open_ones)[: min(AT_ONCE, len(open_ones))]
        self._last = some[-1] if some else None
        return some

    def _since(self, operator_id: UUID, now: datetime) -> datetime:
        if now < self._thorough_at.get(operator_id, now):
            return now - LATELY
        self._thorough_at[operator_id] = now + THOROUGH_EVERY
        return now - MATCHABLE

    def _say(self, look: id_learning.Look) -> None:
        operator_id = str(look.operator_id)
        for state in State:
            metrics.id_relation.labels(operator_id, state.value).set(state is look.after.state)
        metrics.id_misfits.labels(operator_id).set(look.misfits)
        if look.changed:
            say = log.warning if look.after.state in WORTH_SAYING else log.info
            say(
                "ids.relation",
                operatorId=operator_id,
                state=look.after.state.value,
                previousState=look.before.state.value,
                detail=without_digits(look.after.candidate or look.after.in_force or "text"),
            )

    def _rekey(self, look: id_learning.Look, now: datetime) -> None:
        """A few pages a turn, from the beginning after each change; at the end only what is new."""
        relation = id_store.relation_of(look.after.in_force)
        page = self._pages.get(look.operator_id)
        if page is None or page.relation != relation:
            if page is None and relation is None and look.after.changed_at < now - MATCHABLE:
                return
            page = _Page(relation, 0)
        changed, more, after = 0, True, page.after
        for _ in range(PAGES):
            if more:
                count, more, after = id_rekeying.rekey(look.operator_id, relation, after, now)
                changed += count
        self._pages[look.operator_id] = _Page(relation, after)
        if changed:
            log.info("ids.read_again", operatorId=str(look.operator_id), count=changed)
