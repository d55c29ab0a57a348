# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""Statements of the books, by the rules of `sql`: each is served by an index, however large the ledger is."""

from __future__ import annotations

from ghasi.correlations.accounting import Outcome
from ghasi.correlations.sql import LEDGER, as_json, records

# --- How far --------------------------------------------------------------------------------------------------------

MARKS = "SELECT operator_id, stream_created, read_to, began_at, checked_at, excess FROM smpp.accounting_marks"

MARK_BEGIN = """
INSERT INTO smpp.accounting_marks (operator_id, stream_created, read_to, began_at, excess)
VALUES (%(operator_id)s, %(created)s, 0, %(now)s, 0) ON CONFLICT (operator_id) DO NOTHING
"""

# Whoever holds this row keeps the operator's books; nobody else reads on meanwhile.
MARK_TAKE = """
SELECT stream_created, read_to FROM smpp.accounting_marks WHERE operator_id = %(operator_id)s FOR UPDATE
"""

MARK_MOVE = """
UPDATE smpp.accounting_marks SET stream_created = %(created)s, read_to = %(read_to)s
WHERE operator_id = %(operator_id)s
"""

MARK_CHECKED = """
UPDATE smpp.accounting_marks SET checked_at = %(now)s, excess = %(excess)s WHERE operator_id = %(operator_id)s
"""

# --- What became of commands ----------------------------------------------------------------------------------------

# Field order of accounting.Try.
_TRY = """
c.message_id, c.event_id, c.requested_operator_id, c.segment, c.attempt, c.status, c.prepared_at,
c.gateway_epoch IS NOT NULL, c.submitted_at IS NOT NULL, c.retry_at IS NOT NULL, c.possible_duplicate, c.policy_action
"""

# Served by message_correlations_once: one probe per message and day.
FIND_TRIES = f"""
SELECT {as_json(_TRY)} FROM {LEDGER} c
WHERE c.message_id = ANY(%(message_ids)s::uuid[]) AND c.enqueued_day = ANY(%(days)s::date[])
"""

# Served by dead_letters_command. SMPP_DEAD keeps the bytes of commands with rows too, and the reason tells that those
# are no dead letters. A stream made anew counts from 1 again: what is older than the command is not its own.
FIND_DEAD = """
SELECT d.command_seq, max(d.at) FROM smpp.dead_letters d
WHERE d.operator_id = %(operator_id)s AND d.command_seq = ANY(%(sequences)s::bigint[])
  AND d.command_seq IS NOT NULL AND d.reason = ANY(%(reasons)s::text[])
GROUP BY d.command_seq
"""

# --- Entries --------------------------------------------------------------------------------------------------------

_OUTCOMES = tuple(one.value for one in Outcome)
_COUNTS = ("taken", *_OUTCOMES, "untold")
_ADDED = ", ".join(f"{one} = m.{one} + excluded.{one}" for one in _COUNTS)

ADD_MINUTES = f"""
INSERT INTO smpp.accounting_minutes AS m (minute, operator_id, {", ".join(_COUNTS)})
SELECT u.minute, %(operator_id)s, {", ".join(f"coalesce(u.{one}, 0)" for one in _COUNTS)}
FROM {records(("minute", "timestamptz"), *((one, "bigint") for one in _COUNTS))}
ORDER BY u.minute
ON CONFLICT (minute, operator_id) DO UPDATE SET {_ADDED}
"""

_OPEN_COLUMNS = (
    ("stream_seq", "bigint"),
    ("stored_at", "timestamptz"),
    ("message_id", "uuid"),
    ("event_id", "uuid"),
    ("enqueued_at", "timestamptz"),
    ("replay_attempt", "integer"),
)
_OPEN_NAMES = ", ".join(name for name, _ in _OPEN_COLUMNS)

OPEN_ADD = f"""
INSERT INTO smpp.accounting_open (operator_id, {_OPEN_NAMES})
SELECT %(operator_id)s, {_OPEN_NAMES} FROM {records(*_OPEN_COLUMNS)}
ON CONFLICT (operator_id, stream_seq) DO NOTHING
"""

# Field order of accounting.Entry. Those not known to be lost come first: a great loss must not hide a new one.
OPEN_UP_TO = f"""
SELECT {_OPEN_NAMES} FROM smpp.accounting_open
WHERE operator_id = %(operator_id)s AND stream_seq > %(above)s AND stream_seq <= %(to)s
ORDER BY (lost_at IS NOT NULL), stream_seq LIMIT %(limit)s
"""

OPEN_DONE = """
DELETE FROM smpp.accounting_open
WHERE operator_id = %(operator_id)s AND stream_seq = ANY(%(sequences)s::bigint[])
"""

OPEN_LOST = """
UPDATE smpp.accounting_open SET lost_at = %(now)s
WHERE operator_id = %(operator_id)s AND stream_seq = ANY(%(sequences)s::bigint[]) AND lost_at IS NULL
"""

OPEN_ABOVE = """
SELECT count(*) FROM smpp.accounting_open
WHERE operator_id = %(operator_id)s AND stream_seq > %(above)s AND stream_seq <= %(to)s AND lost_at IS NULL
"""

OPEN_ALL_GONE = """
DELETE FROM smpp.accounting_open WHERE operator_id = %(operator_id)s AND lost_at IS NULL RETURNING stored_at
"""

# --- Doubles --------------------------------------------------------------------------------------------------------

DOUBLES_MARK = "SELECT done_to FROM smpp.sweep_marks WHERE name = 'accounting_doubles'"
DOUBLES_ADVANCE = """
INSERT INTO smpp.sweep_marks (name, done_to) VALUES ('accounting_doubles', %(done_to)s)
ON CONFLICT (name) DO UPDATE SET done_to = greatest(smpp.sweep_marks.done_to, excluded.done_to)
"""

# Served by message_correlations_again: later tries only, in the order in which they were claimed. A refused one did
# not double anything, and one marked as a possible duplicate is on record.
LATER_TRIES = f"""
SELECT c.id, c.message_id, c.enqueued_day FROM {LEDGER} c
WHERE c.attempt > 1 AND c.id >= %(since)s AND c.id < %(before)s
  AND NOT c.possible_duplicate AND c.status <> 'REJECTED'
ORDER BY c.id LIMIT %(limit)s
"""

DOUBLE_ADD = f"""
INSERT INTO smpp.accounting_doubles (message_id, segment, operator_id, at)
SELECT u.* FROM {
    records(("message_id", "uuid"), ("segment", "smallint"), ("operator_id", "uuid"), ("at", "timestamptz"))
}
ON CONFLICT (message_id, segment) DO NOTHING
"""

# --- Looking --------------------------------------------------------------------------------------------------------

# Served by accounting_minutes_once: one row per minute and operator, whatever the ledger holds.
SUM_MINUTES = f"""
SELECT operator_id, {", ".join(f"sum({one})::bigint" for one in _COUNTS)} FROM smpp.accounting_minutes
WHERE minute >= %(since)s AND minute < %(until)s GROUP BY operator_id
"""

OPEN_IN = """
SELECT operator_id, stream_seq, message_id, lost_at IS NOT NULL FROM smpp.accounting_open
WHERE stored_at >= %(since)s AND stored_at < %(until)s ORDER BY operator_id, stream_seq
"""

# Served by accounting_doubles_at.
DOUBLES_IN = """
SELECT operator_id, message_id FROM smpp.accounting_doubles
WHERE at >= %(since)s AND at < %(until)s GROUP BY operator_id, message_id ORDER BY operator_id, message_id
"""

UNEXPLAINED = """
SELECT operator_id, sum(n)::bigint FROM (
    SELECT operator_id, count(*) AS n FROM smpp.accounting_open
    WHERE lost_at IS NOT NULL AND acknowledged_at IS NULL GROUP BY operator_id
    UNION ALL
    SELECT operator_id, count(DISTINCT message_id) FROM smpp.accounting_doubles
    WHERE acknowledged_at IS NULL GROUP BY operator_id
    UNION ALL
    SELECT operator_id, excess FROM smpp.accounting_marks) AS found
GROUP BY operator_id
"""

# Served by accounting_open_lost.
FOUND_LOST = """
SELECT operator_id, stream_seq FROM smpp.accounting_open
WHERE lost_at IS NOT NULL AND acknowledged_at IS NULL AND stored_at >= %(since)s AND stored_at < %(until)s
"""

# Served by accounting_doubles_at.
FOUND_DOUBLED = """
SELECT operator_id, message_id, segment FROM smpp.accounting_doubles
WHERE acknowledged_at IS NULL AND at >= %(since)s AND at < %(until)s
"""

FOUND_ELSEWHERE = (
    """
SELECT count(*) FROM smpp.accounting_open
WHERE lost_at IS NOT NULL AND acknowledged_at IS NULL AND NOT (stored_at >= %(since)s AND stored_at < %(until)s)
""",
    """
SELECT count(DISTINCT message_id) FROM smpp.accounting_doubles
WHERE acknowledged_at IS NULL AND NOT (at >= %(since)s AND at < %(until)s)
""",
)
OF_OPERATORS = " AND operator_id = ANY(%(operator_ids)s::uuid[])"

ACKNOWLEDGE_LOST = """
UPDATE smpp.accounting_open o SET acknowledged_at = %(now)s
FROM unnest(%(operator_ids)s::uuid[], %(sequences)s::bigint[]) AS u (operator_id, stream_seq)
WHERE o.operator_id = u.operator_id AND o.stream_seq = u.stream_seq
  AND o.lost_at IS NOT NULL AND o.acknowledged_at IS NULL
RETURNING o.operator_id
"""

ACKNOWLEDGE_DOUBLED = """
UPDATE smpp.accounting_doubles d SET acknowledged_at = %(now)s
FROM unnest(%(message_ids)s::uuid[], %(segments)s::smallint[]) AS u (message_id, segment)
WHERE d.message_id = u.message_id AND d.segment = u.segment AND d.acknowledged_at IS NULL
RETURNING d.operator_id, d.message_id
"""

FORGET = (
    "DELETE FROM smpp.accounting_minutes WHERE minute < %(before)s",
    "DELETE FROM smpp.accounting_open WHERE stored_at < %(before)s AND lost_at IS NOT NULL",
    "DELETE FROM smpp.accounting_doubles WHERE at < %(before)s",
)
