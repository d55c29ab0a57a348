# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""Every hot statement of the ledger, in one place.

Rules they keep:
- Each batch is one statement over arrays (`unnest`), whatever its size, and one transaction is one commit.
- `enqueued_day` is always bounded by a constant list, so that the planner opens those day partitions only.
- The planner knows nothing of a day that has just begun and would read it whole: OPEN forbids sequential scans, hash
  and merge joins for the transaction, which leaves the index every statement is written for.
- Writers take the locks of the messages they touch first, sorted (OPEN). Rows are updated in order of their id, by
  compare-and-set on the status, so that a late or repeated answer changes nothing.
"""

from __future__ import annotations

LEDGER = "smpp.message_correlations"

# Field order of rows.Row.
COLUMNS = ", ".join(
    f"c.{name}"
    for name in (
        "id",
        "enqueued_day",
        "message_id",
        "event_id",
        "operator_id",
        "account_id",
        "segment",
        "segments",
        "attempt",
        "status",
        "prepared_at",
        "possible_duplicate",
        "submitted_at",
        "retry_at",
        "in_doubt_at",
        "operator_message_id",
        "command_status",
        "error_code",
        "reason",
        "in_doubt_reason",
        "policy_action",
        "gateway_replica",
        "gateway_epoch",
        "traceparent",
    )
)

# --- Every transaction of a writer ----------------------------------------------------------------------------------

# OFFSET 0 keeps the planner from pulling the locks out of the order of the array.
OPEN = """
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true),
       (SELECT count(*) FROM (
            SELECT pg_advisory_xact_lock(k) FROM unnest(%(keys)s::bigint[]) AS k OFFSET 0) AS locks)
"""

# --- Claim ----------------------------------------------------------------------------------------------------------

# Served by message_correlations_once: one probe per message and day.
FIND_MESSAGES = f"""
SELECT {COLUMNS} FROM {LEDGER} c
WHERE c.message_id = ANY(%(message_ids)s::uuid[]) AND c.enqueued_day = ANY(%(days)s::date[])
"""

INSERT_COLUMNS = (
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
    ("expires_at", "timestamptz"),
    ("possible_duplicate", "boolean"),
    ("gateway_replica", "text"),
    ("gateway_epoch", "text"),
    ("traceparent", "text"),
)

INSERT_ROWS = f"""
INSERT INTO {LEDGER} ({", ".join(name for name, _ in INSERT_COLUMNS)}, prepared_at, reason)
SELECT u.*, %(now)s, CASE WHEN u.status = 'EXPIRED' THEN 'expired' END
FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in INSERT_COLUMNS)})
     AS u ({", ".join(name for name, _ in INSERT_COLUMNS)})
"""

# What a claim changes in rows that are there: parts sent under a new id, expired, closed, or acted on by policy.
# COALESCE would hide a NULL that is meant (no gateway): every field is written as given.
CHANGE_ROWS = f"""
UPDATE {LEDGER} c
SET id = u.new_id, status = u.new_status, event_id = u.event_id, operator_id = u.operator_id,
    prepared_at = u.prepared_at, retry_at = u.retry_at, reason = u.reason, policy_action = u.policy_action,
    gateway_replica = u.gateway_replica, gateway_epoch = u.gateway_epoch
FROM unnest(%(id)s::uuid[], %(day)s::date[], %(status)s::text[], %(new_id)s::uuid[], %(new_status)s::text[],
            %(event_id)s::uuid[], %(operator_id)s::uuid[], %(prepared_at)s::timestamptz[],
            %(retry_at)s::timestamptz[], %(reason)s::text[], %(policy_action)s::text[],
            %(gateway_replica)s::text[], %(gateway_epoch)s::text[])
     AS u (id, day, status, new_id, new_status, event_id, operator_id, prepared_at, retry_at, reason, policy_action,
           gateway_replica, gateway_epoch)
WHERE c.id = u.id AND c.enqueued_day = u.day AND c.status = u.status
  AND c.enqueued_day = ANY(%(days)s::date[])
"""

ARM_ROWS = f"""
UPDATE {LEDGER} c
SET gateway_replica = %(replica)s, gateway_epoch = %(epoch)s, prepared_at = %(now)s
FROM unnest(%(id)s::uuid[], %(day)s::date[]) AS u (id, day)
WHERE c.id = u.id AND c.enqueued_day = u.day AND c.status = 'PREPARED' AND c.gateway_epoch IS NULL
  AND c.enqueued_day = ANY(%(days)s::date[])
RETURNING c.id
"""

# --- Record ---------------------------------------------------------------------------------------------------------

# A part in doubt is settled too: the operator's word is proof, whenever it comes. Keys come joined by US (0x1F),
# because unnest flattens arrays of arrays.
RECORD_ACCEPTED = f"""
UPDATE {LEDGER} c
SET status = 'SUBMITTED', submitted_at = u.at, operator_message_id = u.operator_message_id,
    operator_message_keys = string_to_array(u.keys, E'\\x1f')
FROM unnest(%(id)s::uuid[], %(day)s::date[], %(at)s::timestamptz[], %(operator_message_id)s::text[],
            %(keys)s::text[]) AS u (id, day, at, operator_message_id, keys)
WHERE c.id = u.id AND c.enqueued_day = u.day AND c.status IN ('PREPARED', 'IN_DOUBT')
  AND c.enqueued_day = ANY(%(days)s::date[])
RETURNING {COLUMNS}
"""

RECORD_REJECTED = f"""
UPDATE {LEDGER} c
SET status = 'REJECTED', command_status = u.command_status, reason = u.reason, retry_at = u.retry_at
FROM unnest(%(id)s::uuid[], %(day)s::date[], %(command_status)s::bigint[], %(reason)s::text[],
            %(retry_at)s::timestamptz[]) AS u (id, day, command_status, reason, retry_at)
WHERE c.id = u.id AND c.enqueued_day = u.day AND c.status IN ('PREPARED', 'IN_DOUBT')
  AND c.enqueued_day = ANY(%(days)s::date[])
RETURNING {COLUMNS}
"""

RECORD_IN_DOUBT = f"""
UPDATE {LEDGER} c
SET status = 'IN_DOUBT', in_doubt_at = u.at, in_doubt_reason = u.reason
FROM unnest(%(id)s::uuid[], %(day)s::date[], %(at)s::timestamptz[], %(reason)s::text[]) AS u (id, day, at, reason)
WHERE c.id = u.id AND c.enqueued_day = u.day AND c.status = 'PREPARED'
  AND c.enqueued_day = ANY(%(days)s::date[])
RETURNING {COLUMNS}
"""

RECORD_NOT_SENT = f"""
UPDATE {LEDGER} c
SET gateway_replica = NULL, gateway_epoch = NULL
FROM unnest(%(id)s::uuid[], %(day)s::date[]) AS u (id, day)
WHERE c.id = u.id AND c.enqueued_day = u.day AND c.status = 'PREPARED'
  AND c.enqueued_day = ANY(%(days)s::date[])
RETURNING {COLUMNS}
"""

# --- Receipts -------------------------------------------------------------------------------------------------------

# Served by message_correlations_receipt. The candidates of a batch; which of them a receipt means is decided in
# matching.py. An id is reused after weeks: SMPP_RECEIPTS brings few candidates for one key.
FIND_BY_KEYS = f"""
SELECT {COLUMNS}, c.operator_message_keys[1], c.destination, c.dlr_state, c.dlr_received_at FROM {LEDGER} c
WHERE c.operator_message_keys[1] = ANY(%(keys)s::text[]) AND c.operator_id = ANY(%(operator_ids)s::uuid[])
  AND c.operator_message_keys IS NOT NULL AND c.enqueued_day = ANY(%(days)s::date[])
"""

FIND_ROWS = f"""
SELECT {COLUMNS}, c.operator_message_keys[1], c.destination, c.dlr_state, c.dlr_received_at FROM {LEDGER} c
WHERE c.id = ANY(%(ids)s::uuid[]) AND c.enqueued_day = ANY(%(days)s::date[])
"""

RECORD_RECEIPTS = f"""
UPDATE {LEDGER} c
SET status = u.new_status, dlr_state = u.new_state, error_code = u.error_code, dlr_received_at = u.at,
    submitted_at = COALESCE(c.submitted_at, u.at)
FROM unnest(%(id)s::uuid[], %(day)s::date[], %(status)s::text[], %(state)s::text[], %(new_status)s::text[],
            %(new_state)s::text[], %(error_code)s::text[], %(at)s::timestamptz[])
     AS u (id, day, status, state, new_status, new_state, error_code, at)
WHERE c.id = u.id AND c.enqueued_day = u.day AND c.status = u.status AND c.dlr_state IS NOT DISTINCT FROM u.state
  AND c.enqueued_day = ANY(%(days)s::date[])
RETURNING c.id
"""

# --- Receipts inbox -------------------------------------------------------------------------------------------------

INBOX = "smpp.receipts_inbox"

INBOX_COLUMNS = (
    ("operator_id", "uuid"),
    ("receipt_key", "bigint"),
    ("taken_at", "timestamptz"),
    ("operator_message_id", "text"),
    ("status", "text"),
    ("stat", "text"),
    ("final", "boolean"),
    ("error_code", "text"),
    ("done_at", "timestamptz"),
    ("destination", "text"),
    ("sender", "text"),
    ("unreadable", "text"),
)
_INBOX_NAMES = ", ".join(name for name, _ in INBOX_COLUMNS)

INBOX_INSERT = f"""
INSERT INTO {INBOX} ({_INBOX_NAMES}, lookup_keys, tried_at)
SELECT {", ".join("u." + name for name, _ in INBOX_COLUMNS)}, string_to_array(u.keys, E'\\x1f'), %(now)s
FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in INBOX_COLUMNS)}, %(keys)s::text[])
     AS u ({_INBOX_NAMES}, keys)
ON CONFLICT (operator_id, receipt_key, taken_at) DO NOTHING
"""

_INBOX_FACTS = f"{', '.join('i.' + name for name, _ in INBOX_COLUMNS)}, i.lookup_keys"

# Row locks, taken in one order: two sweeps, or a sweep and a record, share the work instead of doing it twice.
INBOX_WAITING_FOR = f"""
SELECT {_INBOX_FACTS} FROM {INBOX} i
WHERE i.operator_id = %(operator_id)s AND i.lookup_keys[1] = ANY(%(keys)s::text[]) AND i.matched_at IS NULL
  AND i.unreadable IS NULL AND i.taken_at > %(since)s
ORDER BY i.id FOR UPDATE SKIP LOCKED
"""

INBOX_OLDEST_TRIED = f"""
SELECT {_INBOX_FACTS} FROM {INBOX} i
WHERE i.matched_at IS NULL AND i.unreadable IS NULL AND i.taken_at > %(since)s
ORDER BY i.tried_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""

_INBOX_KEYS = (
    "unnest(%(operator_id)s::uuid[], %(receipt_key)s::bigint[], %(taken_at)s::timestamptz[]) "
    "AS u (operator_id, receipt_key, taken_at)"
)
_INBOX_SAME = "i.operator_id = u.operator_id AND i.receipt_key = u.receipt_key AND i.taken_at = u.taken_at"

INBOX_TRIED = f"UPDATE {INBOX} i SET tried_at = %(now)s FROM {_INBOX_KEYS} WHERE {_INBOX_SAME}"

# `published` is the time now where the caller publishes before the receipt's own acknowledgement, else NULL.
INBOX_MATCHED = f"""
UPDATE {INBOX} i
SET matched_at = %(now)s, matched_row = u.row_id, matched_day = u.day, published_at = %(published)s
FROM unnest(%(operator_id)s::uuid[], %(receipt_key)s::bigint[], %(taken_at)s::timestamptz[], %(row_id)s::uuid[],
            %(day)s::date[]) AS u (operator_id, receipt_key, taken_at, row_id, day)
WHERE {_INBOX_SAME} AND i.matched_at IS NULL
"""

INBOX_PUBLISHED = f"""
UPDATE {INBOX} i SET published_at = %(now)s FROM {_INBOX_KEYS}
WHERE {_INBOX_SAME} AND i.matched_at IS NOT NULL AND i.published_at IS NULL
"""

INBOX_GIVEN_UP = f"""
UPDATE {INBOX} i SET given_up_at = %(now)s FROM {_INBOX_KEYS}
WHERE {_INBOX_SAME} AND i.matched_at IS NULL AND i.given_up_at IS NULL
"""

# Matched but never confirmed as published: the process that had it died. Its event is published again.
INBOX_UNPUBLISHED = f"""
SELECT {_INBOX_FACTS}, i.matched_row, i.matched_day FROM {INBOX} i
WHERE i.matched_at IS NOT NULL AND i.published_at IS NULL AND i.matched_at < %(before)s
ORDER BY i.matched_at LIMIT %(limit)s
"""

INBOX_UNMATCHED = f"""
SELECT {_INBOX_FACTS} FROM {INBOX} i
WHERE i.matched_at IS NULL AND i.given_up_at IS NULL AND i.unreadable IS NULL AND i.taken_at < %(before)s
ORDER BY i.taken_at LIMIT %(limit)s
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

# Room on each page for the later versions of its rows, and vacuum and analyse by what changed lately: a day's first
# hours would else be planned by the statistics of an empty table.
CREATE_PARTITION = """
CREATE TABLE IF NOT EXISTS smpp.{name} (LIKE smpp.message_correlations INCLUDING ALL)
WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05,
      autovacuum_analyze_scale_factor = 0.05)
"""
ATTACH_PARTITION = """
ALTER TABLE smpp.message_correlations ATTACH PARTITION smpp.{name} FOR VALUES FROM ('{first}') TO ('{end}')
"""
DETACH_PARTITION = "ALTER TABLE smpp.message_correlations DETACH PARTITION smpp.{name} CONCURRENTLY"
FINISH_DETACH = "ALTER TABLE smpp.message_correlations DETACH PARTITION smpp.{name} FINALIZE"
DROP_PARTITION = "DROP TABLE IF EXISTS smpp.{name}"
