# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""Statements that find the parts of receipts and record what they say; the rules are those of `sql`."""

from __future__ import annotations

from ghasi.correlations.sql import KEYED_ROW, LEDGER, as_json, on_day_table, records

# Served by message_correlations_receipt: the candidates of a batch. Which of them a receipt means is decided in
# matching.py. Key by key: the planner takes one element of an array for one row in 200 of a day, so that for a few
# hundred at once it would rather read the whole day (measured on 10 million rows: 500 keys 1.6 to 3.1 s, so 14 to
# 49 ms).
FIND_BY_KEYS = f"""
SELECT {as_json(KEYED_ROW)} FROM unnest(%(keys)s::text[]) AS k
CROSS JOIN LATERAL (
    SELECT * FROM {LEDGER} c
    WHERE c.operator_message_keys[1] = k AND c.operator_id = ANY(%(operator_ids)s::uuid[])
      AND c.operator_message_keys IS NOT NULL AND c.enqueued_day = ANY(%(days)s::date[]) OFFSET 0) AS c
"""

# Served by the primary key.
FIND_ROWS = f"""
SELECT {as_json(KEYED_ROW)} FROM {LEDGER} c
WHERE c.id = ANY(%(ids)s::uuid[]) AND c.enqueued_day = ANY(%(days)s::date[])
"""

# Names no indexed column but submitted_at, and that only for a part that was in doubt: the new version of the row
# stays on its page.
RECORD_RECEIPTS = on_day_table(f"""
SET status = u.new_status, dlr_state = u.new_state, error_code = u.error_code, dlr_received_at = u.at,
    submitted_at = COALESCE(c.submitted_at, u.at)
FROM {
    records(
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
""")
