# ruff: noqa: S608 - the only things put into the statements are the constants of this module and days
"""The statement that records receipts which name one part each, by the rules of `sql`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ghasi.correlations.sql import as_json, partition_name, records
from ghasi.correlations.sql_inbox import INBOX

_COLUMNS = (
    ("n", "integer"),
    ("key", "text"),
    ("state", "text"),
    ("error_code", "text"),
    ("at", "timestamptz"),
)
# Field order of direct.Found.
_ANSWER = "n, message_id, segment, segments, attempt, operator_message_id, submitted_at, traceparent"

# Served by message_correlations_receipt of each day, by name: a plan over all partitions locks all of them. The time
# is matching.EARLIEST.
_NAMED = """
SELECT '{day}'::date AS day, id, status, in_doubt_at, submitted_at FROM smpp.{table}
WHERE operator_message_keys[1] = u.key AND operator_id = %(operator_id)s::uuid AND operator_message_keys IS NOT NULL
  AND prepared_at <= u.at + interval '1 hour'
"""

# Names no indexed column, as sql_receipts.RECORD_RECEIPTS. What somebody else has changed meanwhile is not changed.
_CHANGED = """
changed_{table} AS (
    UPDATE smpp.{table} c
    SET status = 'DLR_RECEIVED', dlr_state = f.state, error_code = f.error_code, dlr_received_at = f.at
    FROM (SELECT * FROM found WHERE day = '{day}'::date ORDER BY id) AS f
    WHERE c.id = f.id AND c.status = 'SUBMITTED' AND c.in_doubt_at IS NULL
    RETURNING f.n, c.message_id, c.segment, c.segments, c.attempt, c.operator_message_id, c.submitted_at,
              c.traceparent)
"""


def record_direct(days: Sequence[date], written: Sequence[date]) -> str:
    """Closes the parts of `written` days that are the only ones of `days` with a key of a receipt's, are SUBMITTED
    and never were in doubt; answers what became of which. The partitions of all days must exist."""
    named = " UNION ALL ".join(_NAMED.format(day=day, table=partition_name(day)) for day in days)
    changed = ", ".join(_CHANGED.format(day=day, table=partition_name(day)) for day in written)
    every = " UNION ALL ".join(f"SELECT * FROM changed_{partition_name(day)}" for day in written)
    return f"""
WITH named AS MATERIALIZED (
    SELECT u.n, u.state, u.error_code, u.at, c.*, count(*) OVER (PARTITION BY u.n) AS candidates
    FROM {records(*_COLUMNS)} CROSS JOIN LATERAL (SELECT * FROM ({named}) AS c OFFSET 0) AS c),
found AS MATERIALIZED (
    SELECT * FROM named
    WHERE candidates = 1 AND status = 'SUBMITTED' AND in_doubt_at IS NULL AND submitted_at IS NOT NULL),
{changed}
SELECT {as_json(_ANSWER)} FROM ({every}) AS every
"""


# A receipt that stands in the inbox has come before: served by receipts_inbox_once, one probe a batch.
INBOX_MAY_HOLD = f"""
SELECT EXISTS (
    SELECT 1 FROM {INBOX}
    WHERE operator_id = %(operator_id)s::uuid AND receipt_key BETWEEN %(first)s::bigint AND %(last)s::bigint
      AND taken_at >= %(since)s::timestamptz AND matched_at IS NULL)
"""
