# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""Every hot statement of the ledger, in one place.

Rules they keep:
- A batch is one statement, whatever its size: its rows go in and come out as one JSON text, measured at a third of
  what arrays of columns cost (25 against 69 µs a row inserted). One transaction is one commit.
- Rows are read through the partitioned table, with `enqueued_day` bounded by a list of constants, so that the planner
  opens those days only. Rows are changed in their day's partition by name (`on_day`): there the primary key is the
  only index that fits.
- The planner knows nothing of a day that has just begun, and would read it whole or join it the wrong way round: OPEN
  leaves it index scans and nested loops, which every statement is written for.
- Writers take the locks of the messages they touch first, sorted (OPEN). Rows are updated in order of their id, by
  compare-and-set on the status, so that a late or repeated answer changes nothing.
"""

from __future__ import annotations

from datetime import date

LEDGER = "smpp.message_correlations"
_DAY_TABLE = "smpp.message_correlations_of_day"


def on_day(statement: str, day: date) -> str:
    """The statement for one day's partition."""
    return statement.replace(_DAY_TABLE, f"smpp.{partition_name(day)}")


def partition_name(day: date) -> str:
    return f"message_correlations_{day:%Y%m%d}"


def _records(*columns: tuple[str, str]) -> str:
    return f"json_to_recordset(%(rows)s::json) AS u ({', '.join(' '.join(column) for column in columns)})"


# Field order of rows.Row, then of rows.KeyedRow.
_ROW = """
c.id, c.enqueued_day, c.message_id, c.event_id, c.operator_id, c.account_id, c.segment, c.segments, c.attempt,
c.status, c.prepared_at, c.possible_duplicate, c.submitted_at, c.retry_at, c.in_doubt_at, c.operator_message_id,
c.command_status, c.error_code, c.reason, c.in_doubt_reason, c.policy_action, c.gateway_replica, c.gateway_epoch,
c.traceparent
"""
_KEYED_ROW = f"{_ROW}, c.operator_message_keys[1], c.destination, c.dlr_state, c.dlr_received_at"


def _as_json(columns: str) -> str:
    return f"coalesce(json_agg(json_build_array({columns})), '[]')::text"


_PLAIN_PLANS = """
set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
set_config('jit', 'off', true)
"""

# --- Every transaction of a writer ----------------------------------------------------------------------------------

# OFFSET 0 keeps the planner from pulling the locks out of the order of the array.
OPEN = f"""
SELECT {_PLAIN_PLANS},
       (SELECT count(*) FROM (
            SELECT pg_advisory_xact_lock(k) FROM unnest(%(keys)s::bigint[]) AS k OFFSET 0) AS locks)
"""

# --- Claim ----------------------------------------------------------------------------------------------------------

# Served by message_correlations_once: one probe per message and day.
FIND_MESSAGES = f"""
SELECT {_as_json(_ROW)} FROM {LEDGER} c
WHERE c.message_id = ANY(%(message_ids)s::uuid[]) AND c.enqueued_day = ANY(%(days)s::date[])
"""

_INSERT_COLUMNS = (
    ("id", "uuid"),
    ("enqueued_day", "date"),
    ("message_id", "uuid"),
    ("event_id", "uuid"),
    ("segment", "smallint"),
    ("segments", "smallint"),
    ("attempt", "smallint"),
    ("status", "text"),
    ("operator_id", "uuid"),
    ("requested_operator_id", "uuid"),
    ("account_id", "text"),
    ("destination", "text"),
    ("sender", "text"),
    ("user_message_reference", "text"),
    ("prepared_at", "timestamptz"),
    ("expires_at", "timestamptz"),
    ("possible_duplicate", "boolean"),
    ("reason", "text"),
    ("gateway_replica", "text"),
    ("gateway_epoch", "text"),
    ("traceparent", "text"),
)

INSERT_ROWS = f"""
INSERT INTO {LEDGER} ({", ".join(name for name, _ in _INSERT_COLUMNS)})
SELECT u.* FROM {_records(*_INSERT_COLUMNS)}
"""

_CHANGE_COLUMNS = (
    ("event_id", "uuid"),
    ("operator_id", "uuid"),
    ("prepared_at", "timestamptz"),
    ("retry_at", "timestamptz"),
    ("reason", "text"),
    ("policy_action", "text"),
    ("gateway_replica", "text"),
    ("gateway_epoch", "text"),
)

# What a claim changes in rows that are there: parts sent under a new id, expired, closed, or acted on by policy.
CHANGE_ROWS = f"""
UPDATE {_DAY_TABLE} c
SET id = u.new_id, status = u.new_status, {", ".join(f"{name} = u.{name}" for name, _ in _CHANGE_COLUMNS)}
FROM {_records(("id", "uuid"), ("status", "text"), ("new_id", "uuid"), ("new_status", "text"), *_CHANGE_COLUMNS)}
WHERE c.id = u.id AND c.status = u.status
"""

ARM_ROWS = f"""
UPDATE {_DAY_TABLE} c
SET gateway_replica = %(replica)s, gateway_epoch = %(epoch)s, prepared_at = %(now)s
FROM {_records(("id", "uuid"))}
WHERE c.id = u.id AND c.status = 'PREPARED' AND c.gateway_epoch IS NULL
RETURNING c.id
"""

# --- Record ---------------------------------------------------------------------------------------------------------


def _changing(update: str) -> str:
    return f"WITH c AS ({update} RETURNING c.*) SELECT {_as_json(_ROW)} FROM c"


# A part in doubt is settled too: the operator's word is proof, whenever it comes.
RECORD_ACCEPTED = _changing(f"""
UPDATE {_DAY_TABLE} c
SET status = 'SUBMITTED', submitted_at = u.at, operator_message_id = u.operator_message_id,
    operator_message_keys = u.keys
FROM {_records(("id", "uuid"), ("at", "timestamptz"), ("operator_message_id", "text"), ("keys", "text[]"))}
WHERE c.id = u.id AND c.status IN ('PREPARED', 'IN_DOUBT')
""")

RECORD_REJECTED = _changing(f"""
UPDATE {_DAY_TABLE} c
SET status = 'REJECTED', command_status = u.command_status, reason = u.reason, retry_at = u.retry_at
FROM {_records(("id", "uuid"), ("command_status", "bigint"), ("reason", "text"), ("retry_at", "timestamptz"))}
WHERE c.id = u.id AND c.status IN ('PREPARED', 'IN_DOUBT')
""")

RECORD_IN_DOUBT = _changing(f"""
UPDATE {_DAY_TABLE} c
SET status = 'IN_DOUBT', in_doubt_at = u.at, in_doubt_reason = u.reason
FROM {_records(("id", "uuid"), ("at", "timestamptz"), ("reason", "text"))}
WHERE c.id = u.id AND c.status = 'PREPARED'
""")

RECORD_NOT_SENT = _changing(f"""
UPDATE {_DAY_TABLE} c
SET gateway_replica = NULL, gateway_epoch = NULL
FROM {_records(("id", "uuid"))}
WHERE c.id = u.id AND c.status = 'PREPARED'
""")

# --- Receipts -------------------------------------------------------------------------------------------------------

# Served by message_correlations_receipt: the candidates of a batch. Which of them a receipt means is decided in
# matching.py.
FIND_BY_KEYS = f"""
SELECT {_as_json(_KEYED_ROW)} FROM {LEDGER} c
WHERE c.operator_message_keys[1] = ANY(%(keys)s::text[]) AND c.operator_id = ANY(%(operator_ids)s::uuid[])
  AND c.operator_message_keys IS NOT NULL AND c.enqueued_day = ANY(%(days)s::date[])
"""

# Served by the primary key.
FIND_ROWS = f"""
SELECT {_as_json(_KEYED_ROW)} FROM {LEDGER} c
WHERE c.id = ANY(%(ids)s::uuid[]) AND c.enqueued_day = ANY(%(days)s::date[])
"""

# Names no indexed column but submitted_at, and that only for a part that was in doubt: the new version of the row
# stays on its page.
RECORD_RECEIPTS = f"""
UPDATE {_DAY_TABLE} c
SET status = u.new_status, dlr_state = u.new_state, error_code = u.error_code, dlr_received_at = u.at,
    submitted_at = COALESCE(c.submitted_at, u.at)
FROM {
    _records(
        ("id", "uuid"),
        ("status", "text"),
        ("state", "text"),
        ("new_status", "text"),
        ("new_state", "text"),
        ("error_code", "text"),
        ("at", "timestamptz"),
    )
}
WHERE c.id = u.id AND c.status = u.status AND c.dlr_state IS NOT DISTINCT FROM u.state
"""

# --- Receipts inbox -------------------------------------------------------------------------------------------------

INBOX = "smpp.receipts_inbox"

_INBOX_KEY = (("operator_id", "uuid"), ("receipt_key", "bigint"), ("taken_at", "timestamptz"))
_INBOX_COLUMNS = (
    *_INBOX_KEY,
    ("operator_message_id", "text"),
    ("lookup_keys", "text[]"),
    ("status", "text"),
    ("stat", "text"),
    ("final", "boolean"),
    ("error_code", "text"),
    ("done_at", "timestamptz"),
    ("destination", "text"),
    ("sender", "text"),
    ("unreadable", "text"),
)
_INBOX_NAMES = ", ".join(name for name, _ in _INBOX_COLUMNS)
# Field order of inbox.Waiting.
_INBOX_ROW = ", ".join(f"i.{name}" for name, _ in _INBOX_COLUMNS) + ", i.matched_row, i.matched_day"
_INBOX_SAME = "i.operator_id = u.operator_id AND i.receipt_key = u.receipt_key AND i.taken_at = u.taken_at"

INBOX_INSERT = f"""
INSERT INTO {INBOX} ({_INBOX_NAMES}, tried_at)
SELECT u.*, %(now)s FROM {_records(*_INBOX_COLUMNS)}
ON CONFLICT (operator_id, receipt_key, taken_at) DO NOTHING
"""

# Row locks, and SKIP LOCKED: two sweeps, or a sweep and a rematch, share the work instead of doing it twice.
INBOX_WAITING_FOR = f"""
WITH i AS (
    SELECT * FROM {INBOX} i
    WHERE i.operator_id = %(operator_id)s AND i.lookup_keys[1] = ANY(%(keys)s::text[]) AND i.matched_at IS NULL
      AND i.unreadable IS NULL AND i.taken_at > %(since)s
    ORDER BY i.id FOR UPDATE SKIP LOCKED)
SELECT {_as_json(_INBOX_ROW)} FROM i
"""

INBOX_OLDEST_TRIED = f"""
WITH i AS (
    SELECT * FROM {INBOX} i
    WHERE i.matched_at IS NULL AND i.unreadable IS NULL AND i.taken_at > %(since)s
    ORDER BY i.tried_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
SELECT {_as_json(_INBOX_ROW)} FROM i
"""

INBOX_TRIED = f"UPDATE {INBOX} i SET tried_at = %(now)s FROM {_records(*_INBOX_KEY)} WHERE {_INBOX_SAME}"

# `published` is the time now where the caller publishes before the receipt's own acknowledgement, else NULL.
INBOX_MATCHED = f"""
UPDATE {INBOX} i SET matched_at = %(now)s, matched_row = u.row_id, matched_day = u.day, published_at = %(published)s
FROM {_records(*_INBOX_KEY, ("row_id", "uuid"), ("day", "date"))}
WHERE {_INBOX_SAME} AND i.matched_at IS NULL
"""

INBOX_PUBLISHED = f"""
UPDATE {INBOX} i SET published_at = %(now)s FROM {_records(*_INBOX_KEY)}
WHERE {_INBOX_SAME} AND i.matched_at IS NOT NULL AND i.published_at IS NULL
"""

INBOX_GIVEN_UP = f"""
UPDATE {INBOX} i SET given_up_at = %(now)s FROM {_records(*_INBOX_KEY)}
WHERE {_INBOX_SAME} AND i.matched_at IS NULL AND i.given_up_at IS NULL
"""

# Matched but never confirmed as published: the process that had it died. Its event is published again.
INBOX_UNPUBLISHED = f"""
SELECT {_as_json(_INBOX_ROW)} FROM (
    SELECT * FROM {INBOX} WHERE matched_at < %(before)s AND published_at IS NULL
    ORDER BY matched_at LIMIT %(limit)s) AS i
"""

INBOX_UNMATCHED = f"""
SELECT {_as_json(_INBOX_ROW)} FROM (
    SELECT * FROM {INBOX}
    WHERE matched_at IS NULL AND given_up_at IS NULL AND unreadable IS NULL AND taken_at < %(before)s
    ORDER BY taken_at LIMIT %(limit)s) AS i
"""

INBOX_FORGET = f"""
DELETE FROM {INBOX} WHERE id IN (
    SELECT id FROM {INBOX}
    WHERE taken_at < %(before)s AND (published_at IS NOT NULL OR given_up_at IS NOT NULL OR unreadable IS NOT NULL)
    ORDER BY taken_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""

INBOX_SIZE = f"SELECT count(*) FROM (SELECT 1 FROM {INBOX} WHERE matched_at IS NULL LIMIT %(limit)s) AS waiting"

# --- Dead letters ---------------------------------------------------------------------------------------------------

DEAD_LETTER = """
INSERT INTO smpp.dead_letters (operator_id, stream_seq, reason, message_id, size, at)
VALUES (%(operator_id)s, %(stream_seq)s, %(reason)s, %(message_id)s, %(size)s, %(at)s)
ON CONFLICT (operator_id, stream_seq)
DO UPDATE SET reason = excluded.reason, message_id = excluded.message_id, size = excluded.size, at = excluded.at
"""

DEAD_FORGET = """
DELETE FROM smpp.dead_letters WHERE id IN (
    SELECT id FROM smpp.dead_letters WHERE at < %(before)s ORDER BY at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""

# --- Sweep ----------------------------------------------------------------------------------------------------------

# Served by the block range index on submitted_at: only blocks that may hold rows of the slice are read.
SWEEP_PLANS = "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"
SWEEP_SUBMITTED = f"""
UPDATE {LEDGER} c SET status = 'EXPIRED', reason = 'no_receipt'
WHERE c.enqueued_day = ANY(%(days)s::date[]) AND c.status = 'SUBMITTED'
  AND c.submitted_at >= %(since)s AND c.submitted_at < %(before)s
"""

# How far the sweep has come. Nothing can enter a slice later: it ends 72 hours ago.
SWEEP_MARK = "SELECT done_to FROM smpp.sweep_marks WHERE name = 'correlations'"
SWEEP_ADVANCE = """
INSERT INTO smpp.sweep_marks (name, done_to) VALUES ('correlations', %(done_to)s)
ON CONFLICT (name) DO UPDATE SET done_to = greatest(smpp.sweep_marks.done_to, excluded.done_to)
"""

# --- Partitions -----------------------------------------------------------------------------------------------------

LOCK_MAINTENANCE = "SELECT pg_advisory_lock(hashtext('smpp.message_correlations'), 1)"
UNLOCK_MAINTENANCE = "SELECT pg_advisory_unlock(hashtext('smpp.message_correlations'), 1)"

LIST_PARTITIONS = """
SELECT child.relname, i.inhdetachpending
FROM pg_inherits i JOIN pg_class child ON child.oid = i.inhrelid
WHERE i.inhparent = 'smpp.message_correlations'::regclass
"""

LIST_DETACHED = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'smpp' AND c.relkind = 'r' AND c.relname ~ '^message_correlations_[0-9]{8}$'
  AND c.relname < %(before)s AND NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid)
"""

# Half of each page is left free: the rows of a batch are answered together, so that a page needs room for a second
# version of all of them at once. Measured, it makes the table smaller than 80 does (602 octets a message instead of
# 718) and lets 86 of 100 receipts change their row in place instead of 39. Vacuum and analyse go by what changed
# lately: a day's first hours would else be planned by the statistics of an empty table.
CREATE_PARTITION = """
CREATE TABLE IF NOT EXISTS smpp.{name} (LIKE smpp.message_correlations INCLUDING ALL)
WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05,
      autovacuum_analyze_scale_factor = 0.05)
"""
ATTACH_PARTITION = """
ALTER TABLE smpp.message_correlations ATTACH PARTITION smpp.{name} FOR VALUES FROM ('{first}') TO ('{end}')
"""
DETACH_PARTITION = "ALTER TABLE smpp.message_correlations DETACH PARTITION smpp.{name} CONCURRENTLY"
FINISH_DETACH = "ALTER TABLE smpp.message_correlations DETACH PARTITION smpp.{name} FINALIZE"
DROP_PARTITION = "DROP TABLE IF EXISTS smpp.{name}"
