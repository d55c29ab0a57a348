# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""Statements of the receipts inbox and of the index over SMPP_DEAD, by the rules of `sql`."""

from __future__ import annotations

from ghasi.contracts import timers
from ghasi.correlations.sql import as_json, records

# --- Receipts inbox -------------------------------------------------------------------------------------------------

INBOX = "smpp.receipts_inbox"

INBOX_KEY = (("operator_id", "uuid"), ("receipt_key", "bigint"), ("taken_at", "timestamptz"))
_INBOX_COLUMNS = (
    *INBOX_KEY,
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
    ("submit_date", "timestamptz"),
    ("user_message_reference", "text"),
    ("cause", "text"),
    ("tlvs", "jsonb"),
)
_INBOX_NAMES = ", ".join(name for name, _ in _INBOX_COLUMNS)
# Field order of inbox_rows.Waiting.
INBOX_ROW = ", ".join(f"i.{name}" for name, _ in _INBOX_COLUMNS) + ", i.matched_row, i.matched_day"
INBOX_SAME = "i.operator_id = u.operator_id AND i.receipt_key = u.receipt_key AND i.taken_at = u.taken_at"

INBOX_INSERT = f"""
INSERT INTO {INBOX} ({_INBOX_NAMES}, tried_at)
SELECT u.*, %(now)s FROM {records(*_INBOX_COLUMNS)}
ON CONFLICT (operator_id, receipt_key, taken_at) DO NOTHING
"""

# Waits for a row somebody else is just trying: that one may have looked before the id it now would find.
INBOX_WAITING_FOR = f"""
WITH i AS (
    SELECT * FROM {INBOX} i
    WHERE i.operator_id = %(operator_id)s AND i.lookup_keys[1] = ANY(%(keys)s::text[]) AND i.matched_at IS NULL
      AND i.unreadable IS NULL AND i.taken_at > %(since)s
    ORDER BY i.id FOR UPDATE)
SELECT {as_json(INBOX_ROW)} FROM i
"""

# Whether INBOX_WAITING_FOR would find something, without its locks.
INBOX_HAS = f"""
SELECT EXISTS (
    SELECT 1 FROM {INBOX} i
    WHERE i.operator_id = %(operator_id)s::uuid AND i.lookup_keys[1] = ANY(%(keys)s::text[]) AND i.matched_at IS NULL
      AND i.unreadable IS NULL)
"""

_TIME = f"interval '{timers.INBOX_MATCHABLE_HOURS} hours'"
# The condition of receipts_inbox_due. A receipt that was tried after its time is in that index no more.
_DUE = f"i.matched_at IS NULL AND i.unreadable IS NULL AND i.tried_at - i.taken_at < {_TIME}"

# Those past their time get a last turn, in which nothing is looked for, so that no later sweep reads them again.
INBOX_LAPSED = f"""
UPDATE {INBOX} SET tried_at = %(now)s WHERE id IN (
    SELECT i.id FROM {INBOX} i
    WHERE i.id IN (
        SELECT id FROM (
            SELECT i.id, i.taken_at FROM {INBOX} i WHERE {_DUE} ORDER BY i.tried_at LIMIT %(limit)s) AS first
        WHERE %(now)s::timestamptz - taken_at >= {_TIME})
    FOR UPDATE SKIP LOCKED)
"""

# Two sweeps share the work instead of doing it twice. Asks for the age, which no other index serves: the one on
# taken_at has what is matched, too.
INBOX_OLDEST_TRIED = f"""
WITH i AS (
    SELECT * FROM {INBOX} i
    WHERE {_DUE} AND %(now)s::timestamptz - i.taken_at < {_TIME}
    ORDER BY i.tried_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
SELECT {as_json(INBOX_ROW)} FROM i
"""

INBOX_TRIED = f"UPDATE {INBOX} i SET tried_at = %(now)s FROM {records(*INBOX_KEY)} WHERE {INBOX_SAME}"

# `published` is the time now where the caller publishes before the receipt's own acknowledgement, else NULL.
INBOX_MATCHED = f"""
UPDATE {INBOX} i SET matched_at = %(now)s, matched_row = u.row_id, matched_day = u.day, published_at = %(published)s,
    undecided = NULL
FROM {records(*INBOX_KEY, ("row_id", "uuid"), ("day", "date"))}
WHERE {INBOX_SAME} AND i.matched_at IS NULL
"""

INBOX_PUBLISHED = f"""
UPDATE {INBOX} i SET published_at = %(now)s FROM {records(*INBOX_KEY)}
WHERE {INBOX_SAME} AND i.matched_at IS NOT NULL AND i.published_at IS NULL
"""

INBOX_GIVEN_UP = f"""
UPDATE {INBOX} i SET given_up_at = %(now)s FROM {records(*INBOX_KEY)}
WHERE {INBOX_SAME} AND i.matched_at IS NULL AND i.given_up_at IS NULL
"""

# Matched but never confirmed as published: the process that had it died. Its event is published again.
INBOX_UNPUBLISHED = f"""
SELECT {as_json(INBOX_ROW)} FROM (
    SELECT * FROM {INBOX} WHERE matched_at < %(before)s AND published_at IS NULL
    ORDER BY matched_at LIMIT %(limit)s) AS i
"""

# Served by receipts_inbox_untold.
INBOX_UNMATCHED = f"""
SELECT {as_json(INBOX_ROW)} FROM (
    SELECT * FROM {INBOX}
    WHERE matched_at IS NULL AND given_up_at IS NULL AND unreadable IS NULL AND taken_at < %(before)s
    ORDER BY taken_at LIMIT %(limit)s) AS i
"""

# An array is read once; what stands behind IN may be read again for each row, and then takes the next ones too.
INBOX_FORGET = f"""
DELETE FROM {INBOX} WHERE id = ANY (ARRAY(
    SELECT id FROM {INBOX}
    WHERE taken_at < %(before)s AND (published_at IS NOT NULL OR given_up_at IS NOT NULL OR unreadable IS NOT NULL)
    ORDER BY taken_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""

INBOX_WAITS = f"""
SELECT operator_id, count(*), min(taken_at) FILTER (WHERE given_up_at IS NULL)
FROM (SELECT operator_id, taken_at, given_up_at FROM {INBOX}
      WHERE matched_at IS NULL AND unreadable IS NULL AND taken_at > %(since)s LIMIT %(limit)s) AS waiting
GROUP BY operator_id
"""

# --- Dead letters ---------------------------------------------------------------------------------------------------

DEAD_LETTER = """
INSERT INTO smpp.dead_letters AS d (operator_id, stream_seq, reason, message_id, size, at, command_seq)
VALUES (%(operator_id)s, %(stream_seq)s, %(reason)s, %(message_id)s, %(size)s, %(at)s, %(command_seq)s)
ON CONFLICT (operator_id, stream_seq)
DO UPDATE SET reason = excluded.reason, message_id = excluded.message_id, size = excluded.size, at = excluded.at,
              command_seq = excluded.command_seq,
              settled_at = CASE WHEN d.message_id = excluded.message_id THEN d.settled_at END
"""

# Of several letters of a message those up to the one that was sent again; in one order everywhere.
DEAD_SENT_AGAIN = """
UPDATE smpp.dead_letters SET settled_at = %(now)s WHERE id = ANY (ARRAY(
    SELECT d.id FROM smpp.dead_letters d
    JOIN unnest(%(message_ids)s::uuid[], %(stream_seqs)s::bigint[]) AS u(message_id, stream_seq)
        ON d.message_id = u.message_id AND d.stream_seq <= u.stream_seq
    WHERE d.settled_at IS NULL ORDER BY d.id FOR UPDATE OF d))
"""

DEAD_FORGET = """
DELETE FROM smpp.dead_letters WHERE id = ANY (ARRAY(
    SELECT id FROM smpp.dead_letters WHERE at < %(before)s ORDER BY at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""
