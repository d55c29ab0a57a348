"""One claim's decisions turned into rows to write: new tries, parts under a new row id, policy actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from ghasi.correlations import sql
from ghasi.correlations.claims import OTHER_EVENT_WAIT, PLAN_CHANGED, Decision, decide
from ghasi.correlations.db import columns, execute
from ghasi.correlations.ids import row_id
from ghasi.correlations.partitions import ledger_day
from ghasi.correlations.rows import Row, outcome_of
from ghasi.correlations.texts import fit
from ghasi.correlations.types import Claim, Intent, RowStatus, Verdict

_OUTCOME = (Verdict.SETTLED, Verdict.DUPLICATE, Verdict.EXPIRED, Verdict.PARK)


class Claimer:
    """Collects what a batch of claims writes; `write` does it in two statements at most."""

    def __init__(self, replica: str, epoch: str, now: datetime, retention_days: int) -> None:
        self._replica = fit(replica, 128)
        self._epoch = fit(epoch, 128)
        self._now = now
        self._oldest = ledger_day(now) - timedelta(days=retention_days)
        self._seen: set[UUID] = set()
        self._inserted: list[tuple[Intent, Row]] = []
        self._changed: list[tuple[Row, Row]] = []

    def day_of(self, intent: Intent) -> date:
        """The partition of new rows; a replay of what is older than the retention goes under today."""
        day = ledger_day(intent.enqueued_at)
        return day if day >= self._oldest else ledger_day(self._now)

    def claim(self, intent: Intent, rows: Sequence[Row], armed: int | None) -> Claim:
        """The answer to one intent, given all rows of its message; `armed` parts go out now (None: all)."""
        if intent.message_id in self._seen:
            return Claim(intent.message_id, Verdict.WAIT, wait=OTHER_EVENT_WAIT)
        self._seen.add(intent.message_id)
        decision = decide(rows, intent, self._now)
        to_send, after = self._apply(decision, rows, intent, armed)
        verdict = decision.verdict
        return Claim(
            intent.message_id,
            verdict,
            parts=tuple(row.part() for row in (decision.ask if verdict is Verdict.ASK else to_send)),
            wait=decision.wait,
            outcome=outcome_of(after) if verdict in _OUTCOME else None,
        )

    def _apply(
        self, decision: Decision, rows: Sequence[Row], intent: Intent, armed: int | None
    ) -> tuple[list[Row], list[Row]]:
        """Notes the writes; returns the rows to send, in order of segment, and all rows as they are after it."""
        changes = {row.row_id: replace(row, policy_action=action) for row, action in decision.policy}
        changes |= {row.row_id: self._expired(row, intent) for row in decision.expire}
        changes |= {row.row_id: _closed(row) for row in decision.close}
        fresh = [(None, self._new(intent, part)) for part in decision.insert]
        fresh += [(row, self._reused(row, intent)) for row in decision.reuse]
        fresh.sort(key=lambda pair: pair[1].segment)
        sent: list[Row] = []
        made: list[Row] = []
        for old, row in fresh:
            if row.status is RowStatus.PREPARED:
                row = self._armed(row) if armed is None or len(sent) < armed else row
                sent.append(row)
            made.append(row)
            if old is None:
                self._inserted.append((intent, row))
            else:
                changes[old.row_id] = row
        self._changed += [(row, changes[row.row_id]) for row in rows if row.row_id in changes]
        reused = {row.row_id for row in decision.reuse}
        kept = [changes.get(row.row_id, row) for row in rows if row.row_id not in reused]
        return sent, kept + made

    def _new(self, intent: Intent, part: object) -> Row:
        raise NotImplementedError
