# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""Statements that let a receipt prove a part in doubt, by the rules of `sql`."""

from __future__ import annotations

from ghasi.correlations.sql import KEYED_ROW, LEDGER, as_json, on_day_table, records
from ghasi.correlations.sql_inbox import INBOX, INBOX_KEY, INBOX_ROW, INBOX_SAME

# The form in which national and international forms of a number meet; both indexes hold it.
_TAIL = "right({}.destination, 8)"
_OPEN = "i.matched_at IS NULL AND i.unreadable IS NULL"

# The statements name the index's own conditions, so that the planner takes it whatever it knows of a day.
_DOUBTFUL = f"""
c.operator_id = ANY(%(operator_ids)s::uuid[]) AND {_TAIL.format("c")} = ANY(%(tails)s::text[])
AND c.in_doubt_at IS NOT NULL AND c.operator_message_keys IS NULL AND c.status = 'IN_DOUBT'
AND c.in_doubt_at > %(since)s AND c.enqueued_day = ANY(%(days)s::date[])
"""

# Served by message_correlations_doubtful. Asked for each batch with a receipt nobody knows; nearly always empty.
DOUBTFUL_SUBSCRIBERS = f"SELECT DISTINCT c.operator_id, {_TAIL.format('c')} FROM {LEDGER} c WHERE {_DOUBTFUL}"

# Parts in doubt without an id, by message_correlations_doubtful, and by message_correlations_destination what else
# went to the same numbers and has no id: still on its way, or taken by an operator that gave none. One snapshot.
PARTS_IN_DOUBT = f"""
WITH doubt AS MATERIALIZED (
    SELECT c.* FROM {LEDGER} c
    WHERE {_DOUBTFUL}),
rival AS (
    SELECT c.* FROM (SELECT DISTINCT operator_id, destination FROM doubt) AS d
    JOIN {LEDGER} c ON c.destination = d.destination AND c.operator_id = d.operator_id
    WHERE c.operator_message_keys IS NULL AND c.enqueued_day = ANY(%(days)s::date[])
      AND (c.status = 'SUBMITTED' OR (c.status = 'PREPARED' AND c.gateway_epoch IS NOT NULL)))
SELECT {as_json(f"{KEYED_ROW}, c.sender, c.user_message_reference")}
FROM (SELECT * FROM doubt UNION ALL SELECT * FROM rival) AS c
"""

# Subscribers of parts lately in doubt for whom receipts wait.
SUBSCRIBERS_IN_DOUBT = f"""
SELECT DISTINCT c.operator_id, {_TAIL.format("c")} FROM {LEDGER} c
WHERE c.in_doubt_at > %(since)s AND c.operator_message_keys IS NULL AND c.status = 'IN_DOUBT'
  AND c.enqueued_day = ANY(%(days)s::date[])
  AND EXISTS (SELECT FROM {INBOX} i
              WHERE i.operator_id = c.operator_id AND {_TAIL.format("i")} = {_TAIL.format("c")} AND {_OPEN}
                AND i.taken_at > %(taken_since)s)
LIMIT %(limit)s
"""

INBOX_OF_SUBSCRIBERS = f"""
WITH i AS (
    SELECT * FROM {INBOX} i
    WHERE i.operator_id = ANY(%(operator_ids)s::uuid[]) AND {_TAIL.format("i")} = ANY(%(tails)s::text[])
      AND {_OPEN} AND i.taken_at > %(since)s
    ORDER BY i.id LIMIT %(limit)s FOR UPDATE)
SELECT {as_json(INBOX_ROW)} FROM i
"""

INBOX_UNDECIDED = f"""
UPDATE {INBOX} i SET undecided = u.undecided FROM {records(*INBOX_KEY, ("undecided", "text"))}
WHERE {INBOX_SAME} AND i.undecided IS DISTINCT FROM u.undecided
"""

PROVE_ROWS = on_day_table(f"""
SET status = u.new_status, dlr_state = u.new_state, error_code = u.error_code, dlr_received_at = u.at,
    submitted_at = u.at, operator_message_id = u.operator_message_id, operator_message_keys = u.keys
FROM {
    records(
        ("id", "uuid"),
        ("new_status", "text"),
        ("new_state", "text"),
        ("error_code", "text"),
        ("at", "timestamptz"),
        ("operator_message_id", "text"),
        ("keys", "text[]"),
    )
}
WHERE c.id = u.id AND c.status = 'IN_DOUBT' AND c.operator_message_keys IS NULL
""")
