"""One claim's decisions turned into rows to write: new tries, parts under a new row id, policy actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from ghasi.correlations import sql
from ghasi.correlations.claims import OTHER_EVENT_WAIT, PLAN_CHANGED, Decision, NewPart, decide
from ghasi.correlations.db import as_json, by_day, execute
from ghasi.correlations.ids import row_ids
from ghasi.correlations.partitions import ledger_day
from ghasi.correlations.rows import Row, outcome_of
from ghasi.correlations.texts import fit
from ghasi.correlations.types import Claim, Delay, Intent, Part, Permit, RowStatus, Verdict

EXPIRED_UNSENT = "expired"
MOST_MS = 2**31 - 1
_OUTCOME = (Verdict.SETTLED, Verdict.DUPLICATE, Verdict.EXPIRED, Verdict.PARK, Verdict.WAIT)


class Claimer:
    """Collects what a batch of claims writes; `write` does it in two statements at most."""

    def __init__(
        self, replica: str, epoch: str, now: datetime, retention_days: int, permit: Permit | None = None
    ) -> None:
        """`permit` is that of the parts armed here."""
        self._replica = fit(replica, 128)
        self._epoch = fit(epoch, 128)
        self._now = now
        self._oldest = ledger_day(now) - timedelta(days=retention_days)
        self._row_ids = row_ids(now)
        self._seen: set[UUID] = set()
        self._inserted: list[tuple[Intent, Row]] = []
        self._changed: list[tuple[Row, Row]] = []
        self._ages: dict[UUID, int | None] = {}
        self._permit = permit
        self._held = permit.held if permit is not None else None

    def day_of(self, intent: Intent) -> date:
        """The partition of new rows; a replay of what is older than the retention goes under today."""
        day = ledger_day(intent.enqueued_at)
        return day if day >= self._oldest else ledger_day(self._now)

    def claim(self, intent: Intent, rows: Sequence[Row], armed: int | None) -> Claim:
        """The answer to one intent, given all rows of its message; `armed` parts go out now (None: all)."""
        if intent.message_id in self._seen:
            return Claim(intent.message_id, Verdict.WAIT, wait=OTHER_EVENT_WAIT)
        self._seen.add(intent.message_id)
        if not rows and self._now < intent.expires_at:
            return self._first(intent, intent.segments if armed is None else armed)
        decision = decide(rows, intent, self._now)
        to_send, after = self._apply(decision, rows, intent, armed)
        verdict = decision.verdict
        return Claim(
            intent.message_id,
            verdict,
            parts=tuple(row.part(rows) for row in (decision.ask if verdict is Verdict.ASK else to_send)),
            wait=decision.wait,
            outcome=outcome_of(after) if verdict in _OUTCOME else None,
        )

    def _first(self, intent: Intent, armed: int) -> Claim:
        """What `decide` says of a message without rows that is in time, which is nearly every one."""
        parts: list[Part] = []
        for segment in range(1, intent.segments + 1):
            row = self._new(intent, NewPart(segment, intent.segments, 1))
            row = self._armed(row) if segment <= armed else row
            self._inserted.append((intent, row))
            parts.append(row.part())
        return Claim(intent.message_id, Verdict.SEND, parts=tuple(parts))

    def _apply(
        self, decision: Decision, rows: Sequence[Row], intent: Intent, armed: int | None
    ) -> tuple[list[Row], list[Row]]:
        """Notes the writes; returns the rows to send, in order of segment, and all rows as they are after it."""
        changes = {row.row_id: replace(row, policy_action=action) for row, action in decision.policy}
        changes |= {row.row_id: _expired(row, intent) for row in decision.expire}
        changes |= {row.row_id: _closed(row) for row in decision.close}
        fresh: list[tuple[Row | None, Row]] = [(None, self._new(intent, part)) for part in decision.insert]
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

    def _new(self, intent: Intent, part: NewPart) -> Row:
        return Row(
            row_id=self._row_ids(),
            enqueued_day=self.day_of(intent),
            message_id=intent.message_id,
            event_id=intent.event_id,
            # Nobody carried what expired unsent: the platform hears of the operator it asked for.
            operator_id=intent.requested_operator_id if part.expired else intent.operator_id,
            account_id=intent.account_id,
            segment=part.segment,
            segments=part.segments,
            attempt=part.attempt,
            status=RowStatus.EXPIRED if part.expired else RowStatus.PREPARED,
            prepared_at=self._now,
            possible_duplicate=part.possible_duplicate,
            reason=EXPIRED_UNSENT if part.expired else None,
            traceparent=fit(intent.traceparent, 128),
        )

    def _reused(self, row: Row, intent: Intent) -> Row:
        self._ages[row.message_id] = _age(intent, self._now)
        return replace(
            row,
            row_id=self._row_ids(),
            event_id=intent.event_id,
            operator_id=intent.operator_id,
            prepared_at=self._now,
        )

    def _armed(self, row: Row) -> Row:
        return replace(row, gateway_replica=self._replica, gateway_epoch=self._epoch)

    @property
    def inserts(self) -> str:
        """The new rows as the statements read them."""
        return as_json([self._insert(*pair) for pair in self._inserted])

    def write(self) -> None:
        """New rows in one statement, changed ones in one per day."""
        if self._inserted:
            execute(sql.INSERT_ROWS, {"rows": self.inserts})
        for day, pairs in by_day((pair[0].enqueued_day, pair) for pair in self._changed):
            pairs.sort(key=lambda pair: pair[0].row_id.int)
            execute(sql.on_day(sql.CHANGE_ROWS, day), {"rows": as_json([self._change(*pair) for pair in pairs])})

    def _insert(self, intent: Intent, row: Row) -> dict[str, object]:
        record = _inserted(intent, row)
        if row.gateway_epoch is not None:
            record |= permitted(self._permit, row.prepared_at)
        stored = intent.stored_at
        if self._held is not None and stored is not None and row.attempt == 1 and stored < self._held.until:
            record["delays"] = [Delay(self._held.why, max(stored, self._held.since), self._held.until)]
        return record

    def _change(self, old: Row, new: Row) -> dict[str, object]:
        record = _changed(old, new)
        if new.policy_action != old.policy_action:
            record["policy_at"] = self._now
        if new.row_id == old.row_id:
            if new.status is not old.status or new.retry_at != old.retry_at:
                record["closed_at"] = self._now
            return record
        record["command_age"] = self._ages.get(new.message_id)
        if new.gateway_epoch is not None:
            record |= permitted(self._permit, new.prepared_at)
        if self._held is not None and old.prepared_at < self._held.until:
            record["delay"] = Delay(self._held.why, max(old.prepared_at, self._held.since), self._held.until)
        return record


def permitted(permit: Permit | None, prepared_at: datetime) -> dict[str, int | None]:
    """What a row keeps of the permit under which it is handed over at `prepared_at`, in ms."""
    if permit is None:
        return {"permit_age": None, "permit_wait": None}
    return {"permit_age": _milliseconds(prepared_at - permit.at), "permit_wait": permit.wait}


def _age(intent: Intent, now: datetime) -> int | None:
    return None if intent.stored_at is None else _milliseconds(now - intent.stored_at)


def _milliseconds(length: timedelta) -> int:
    """As far as the column reaches, which is 24 days."""
    return max(-MOST_MS, min(round(length.total_seconds() * 1000), MOST_MS))


def _expired(row: Row, intent: Intent) -> Row:
    return replace(row, status=RowStatus.EXPIRED, event_id=intent.event_id, reason=EXPIRED_UNSENT)


def _closed(row: Row) -> Row:
    return replace(row, status=RowStatus.REJECTED, retry_at=None, reason=PLAN_CHANGED)


def _inserted(intent: Intent, row: Row) -> dict[str, object]:
    return {
        "id": row.row_id,
        "enqueued_day": row.enqueued_day,
        "message_id": row.message_id,
        "event_id": row.event_id,
        "segment": row.segment,
        "segments": row.segments,
        "attempt": row.attempt,
        "status": row.status,
        "operator_id": row.operator_id,
        "requested_operator_id": intent.requested_operator_id,
        "account_id": fit(row.account_id, 128),
        "destination": fit(intent.destination, 20),
        "sender": fit(intent.sender, 32),
        "user_message_reference": fit(intent.user_message_reference, 64),
        "prepared_at": row.prepared_at,
        "expires_at": intent.expires_at,
        "possible_duplicate": row.possible_duplicate,
        "reason": row.reason,
        "gateway_replica": row.gateway_replica,
        "gateway_epoch": row.gateway_epoch,
        "traceparent": row.traceparent,
        "command_age": _age(intent, row.prepared_at),
    }


def _changed(old: Row, new: Row) -> dict[str, object]:
    """Every field as it is to stand, NULL included."""
    return {
        "id": old.row_id,
        "status": old.status,
        "new_id": new.row_id,
        "new_status": new.status,
        "event_id": new.event_id,
        "operator_id": new.operator_id,
        "prepared_at": new.prepared_at,
        "retry_at": new.retry_at,
        "reason": new.reason,
        "policy_action": new.policy_action,
        "gateway_replica": new.gateway_replica,
        "gateway_epoch": new.gateway_epoch,
    }
