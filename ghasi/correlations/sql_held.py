# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""Statements on parts that are left to a person (docs/architecture.md, "Held")."""

from __future__ import annotations

from ghasi.correlations.open_parts import FOR_A_PERSON, LEFT
from ghasi.correlations.rows import HELD_STATUS, ORDER_FAILED, ORDER_SENT, POLICY_FAIL, POLICY_HOLD
from ghasi.correlations.sql import KEYED_ROW, LEDGER, as_json, on_day_table, records

DONE = {ORDER_SENT: "sent", ORDER_FAILED: "failed"}

_BY_STATUS = f"{FOR_A_PERSON} AND c.policy_action = '{POLICY_HOLD}' AND c.in_doubt_reason = '{HELD_STATUS}'"


def _rows(condition: str) -> str:
    """At most `limit` of them, the oldest first."""
    return f"""
SELECT {as_json(KEYED_ROW)} FROM (
    SELECT * FROM {LEDGER} c WHERE {condition} ORDER BY c.in_doubt_at LIMIT %(limit)s) AS c
"""


COUNT_HELD = f"SELECT c.operator_id, count(*) FROM {LEDGER} c WHERE {FOR_A_PERSON} GROUP BY c.operator_id"

# What the policy `fail` has given up is shown to whoever names its message: nothing is left open there.
LIST_HELD = _rows(f"""
{LEFT} AND (c.policy_action IS DISTINCT FROM '{POLICY_FAIL}' OR c.message_id = ANY(%(message_ids)s::uuid[]))
AND (%(operator_id)s::uuid IS NULL OR c.operator_id = %(operator_id)s)
AND (%(command_status)s::bigint IS NULL OR c.command_status = %(command_status)s)
AND (%(message_ids)s::uuid[] IS NULL OR c.message_id = ANY(%(message_ids)s::uuid[]))
""")

OVERDUE_HELD = _rows(f"{_BY_STATUS} AND c.in_doubt_at < %(before)s")

# Served by the primary key.
UNDECIDED = _rows(f"c.id = ANY(%(ids)s::uuid[]) AND {LEFT}")

# Whatever state it is in: what was done and not told yet is found again.
ORDERED = _rows(f"c.in_doubt_at IS NOT NULL AND c.policy_action IN ('{ORDER_SENT}', '{ORDER_FAILED}')")

ORDER = on_day_table(f"""
SET policy_action = %(order)s, policy_at = %(now)s
FROM {records(("id", "uuid"))}
WHERE c.id = u.id AND {LEFT}
RETURNING c.id
""")

CONFIRM = on_day_table(f"""
SET policy_action = u.done, policy_at = %(now)s
FROM {records(("id", "uuid"), ("done", "text"))}
WHERE c.id = u.id AND c.policy_action IN ('{ORDER_SENT}', '{ORDER_FAILED}')
""")

FIND_KEPT = """
SELECT DISTINCT ON (message_id) message_id, stream_seq FROM smpp.dead_letters
WHERE message_id = ANY(%(message_ids)s::uuid[]) AND reason LIKE 'in_doubt:%%' ORDER BY message_id, at DESC
"""
