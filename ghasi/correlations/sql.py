# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""The hot statements of claim and record, in one place; the receipts' are in `sql_receipts`, the inbox's in
`sql_inbox`, the upkeep's in `sql_upkeep`.

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

from collections.abc import Sequence
from datetime import date

LEDGER = "smpp.message_correlations"
_DAY_TABLE = "smpp.message_correlations_of_day"


def on_day(statement: str, day: date) -> str:
    """The statement for one day's partition."""
    return statement.replace(_DAY_TABLE, f"smpp.{partition_name(day)}")


def on_day_table(update: str) -> str:
    """The UPDATE of a day's partition, named by `on_day`, for statements of other modules."""
    return f"UPDATE {_DAY_TABLE} c {update}"


def partition_name(day: date) -> str:
    return f"message_correlations_{day:%Y%m%d}"


def records(*columns: tuple[str, str]) -> str:
    """What a statement reads its rows from: `%(rows)s`, a JSON array of objects."""
    return f"json_to_recordset(%(rows)s::json) AS u ({', '.join(' '.join(column) for column in columns)})"


# Field order of rows.Row, then of rows.KeyedRow; rows.DoubtfulRow has two more.
_ROW = """
c.id, c.enqueued_day, c.message_id, c.event_id, c.operator_id, c.account_id, c.segment, c.segments, c.attempt,
c.status, c.prepared_at, c.possible_duplicate, c.submitted_at, c.retry_at, c.in_doubt_at, c.operator_message_id,
c.command_status, c.error_code, c.reason, c.in_doubt_reason, c.policy_action, c.gateway_replica, c.gateway_epoch,
c.traceparent
"""
KEYED_ROW = f"{_ROW}, c.operator_message_keys[1], c.destination, c.dlr_state, c.dlr_received_at"


def as_json(columns: str) -> str:
    """What a statement answers: all its rows as one JSON array of arrays."""
    return f"coalesce(json_agg(json_build_array({columns})), '[]')::text"


_PLAIN_PLANS = """
set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
set_config('jit', 'off', true), set_config('plan_cache_mode', 'force_custom_plan', true)
"""

# --- Every transaction of a writer ----------------------------------------------------------------------------------

# OFFSET 0 keeps the planner from pulling the locks out of the order of the array.
OPEN = f"""
SELECT {_PLAIN_PLANS},
       (SELECT count(*) FROM (
            SELECT pg_advisory_xact_lock(k) FROM unnest(%(keys)s::bigint[]) AS k OFFSET 0) AS locks)
"""

# The same, where every statement that follows is planned once for all values: for those without a join, because the
# order of one that was planned on an empty day would be kept for the full one.
OPEN_PLANNED_ONCE = OPEN.replace("force_custom_plan", "force_generic_plan")

# --- Claim ----------------------------------------------------------------------------------------------------------

# Served by message_correlations_once: one probe per message and day.
FIND_MESSAGES = f"""
SELECT {as_json(_ROW)} FROM {LEDGER} c
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
    ("command_age", "integer"),
    ("permit_age", "integer"),
    ("permit_wait", "smallint"),
    ("delays", "jsonb"),
)

INSERT_ROWS = f"""
INSERT INTO {LEDGER} ({", ".join(name for name, _ in _INSERT_COLUMNS)})
SELECT u.* FROM {records(*_INSERT_COLUMNS)}
"""

_DAYS = "{DAYS}"

# The claim of messages that nobody has seen: inserts the rows of those, and names the others. Reads each day's
# partition by name, because a plan over all of them locks all of them.
CLAIM_NEW = f"""
WITH earlier AS MATERIALIZED ({_DAYS}),
made AS (
    INSERT INTO {LEDGER} ({", ".join(name for name, _ in _INSERT_COLUMNS)})
    SELECT u.* FROM {records(*_INSERT_COLUMNS)} WHERE u.message_id NOT IN (SELECT message_id FROM earlier))
SELECT DISTINCT message_id FROM earlier
"""


def claim_new(days: Sequence[date]) -> str:
    """CLAIM_NEW over the partitions of these days, each of which must exist."""
    one = "SELECT message_id FROM smpp.{name} WHERE message_id = ANY(%(message_ids)s::uuid[])"
    return CLAIM_NEW.replace(_DAYS, " UNION ALL ".join(one.format(name=partition_name(day)) for day in days))


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

MOST_DELAYS = 8
WORTH_KEEPING = "interval '1 second'"


def _delayed(delay: str) -> str:
    """The row's delays with one more where `delay`, a types.Delay as JSON, is not null. Of many the first and the
    last ones are kept."""
    kept = f"CASE WHEN jsonb_array_length(c.delays) >= {MOST_DELAYS} THEN c.delays - 1 ELSE c.delays END"
    return f"CASE WHEN {delay} IS NULL THEN c.delays ELSE coalesce({kept}, '[]') || jsonb_build_array({delay}) END"


# What a claim changes in rows that are there: parts sent under a new id, expired, closed, or acted on by policy.
CHANGE_ROWS = f"""
UPDATE {_DAY_TABLE} c
SET id = u.new_id, status = u.new_status, {", ".join(f"{name} = u.{name}" for name, _ in _CHANGE_COLUMNS)},
    command_age = coalesce(u.command_age, c.command_age), permit_age = coalesce(u.permit_age, c.permit_age),
    permit_wait = coalesce(u.permit_wait, c.permit_wait), delays = {_delayed("u.delay")},
    policy_at = coalesce(u.policy_at, c.policy_at), closed_at = coalesce(u.closed_at, c.closed_at)
FROM {
    records(
        ("id", "uuid"),
        ("status", "text"),
        ("new_id", "uuid"),
        ("new_status", "text"),
        *_CHANGE_COLUMNS,
        ("command_age", "integer"),
        ("permit_age", "integer"),
        ("permit_wait", "smallint"),
        ("delay", "jsonb"),
        ("policy_at", "timestamptz"),
        ("closed_at", "timestamptz"),
    )
}
WHERE c.id = u.id AND c.status = u.status
"""

ARM_ROWS = f"""
UPDATE {_DAY_TABLE} c
SET gateway_replica = %(replica)s, gateway_epoch = %(epoch)s, prepared_at = %(now)s,
    permit_age = %(permit_age)s::integer, permit_wait = %(permit_wait)s::smallint
FROM {records(("id", "uuid"))}
WHERE c.id = u.id AND c.status = 'PREPARED' AND c.gateway_epoch IS NULL
RETURNING c.id
"""

# --- Record ---------------------------------------------------------------------------------------------------------


def _changing(update: str) -> str:
    return f"WITH c AS ({update} RETURNING c.*) SELECT {as_json(_ROW)} FROM c"


# What it waited for in the gateway, where that took long.
_WIRE = (("held", "text"), ("sent_at", "timestamptz"))
_HELD = _delayed(
    f"CASE WHEN u.sent_at > c.prepared_at + {WORTH_KEEPING} "
    "THEN jsonb_build_array(u.held, c.prepared_at, u.sent_at) END"
)


# A part in doubt is settled too: the operator's word is proof, whenever it comes.
RECORD_ACCEPTED = _changing(f"""
UPDATE {_DAY_TABLE} c
SET status = 'SUBMITTED', submitted_at = u.at, operator_message_id = u.operator_message_id,
    operator_message_keys = u.keys, delays = {_HELD}
FROM {records(("id", "uuid"), ("at", "timestamptz"), ("operator_message_id", "text"), ("keys", "text[]"), *_WIRE)}
WHERE c.id = u.id AND c.status IN ('PREPARED', 'IN_DOUBT')
""")

# A part that a policy took out of the connector's hands has no command left that could be tried again.
RECORD_REJECTED = _changing(f"""
UPDATE {_DAY_TABLE} c
SET status = 'REJECTED', command_status = u.command_status, reason = u.reason,
    refused_at = CASE WHEN u.command_status IS NULL THEN c.refused_at ELSE coalesce(c.refused_at, u.at) END,
    retry_at = CASE WHEN c.policy_action IS NULL THEN u.retry_at END, delays = {_HELD}
FROM {
    records(
        ("id", "uuid"),
        ("at", "timestamptz"),
        ("command_status", "bigint"),
        ("reason", "text"),
        ("retry_at", "timestamptz"),
        *_WIRE,
    )
}
WHERE c.id = u.id AND c.status IN ('PREPARED', 'IN_DOUBT')
""")

RECORD_IN_DOUBT = _changing(f"""
UPDATE {_DAY_TABLE} c
SET status = 'IN_DOUBT', in_doubt_at = u.at, in_doubt_reason = u.reason, delays = {_HELD}
FROM {records(("id", "uuid"), ("at", "timestamptz"), ("reason", "text"), *_WIRE)}
WHERE c.id = u.id AND c.status = 'PREPARED'
""")

# Answered with a status nobody knows: for a person to decide, so that no policy and no delivery sends it again. A
# try that the policy `resend` has followed up already stays as it is.
RECORD_HELD = _changing(f"""
UPDATE {_DAY_TABLE} c
SET status = 'IN_DOUBT', in_doubt_at = coalesce(c.in_doubt_at, u.at), command_status = u.command_status,
    in_doubt_reason = u.reason, policy_action = coalesce(c.policy_action, 'hold'),
    policy_at = CASE WHEN c.policy_action IS NULL THEN u.at ELSE c.policy_at END,
    refused_at = coalesce(c.refused_at, u.at), delays = {_HELD}
FROM {records(("id", "uuid"), ("at", "timestamptz"), ("command_status", "bigint"), ("reason", "text"), *_WIRE)}
WHERE c.id = u.id AND c.status IN ('PREPARED', 'IN_DOUBT')
""")

RECORD_NOT_SENT = _changing(f"""
UPDATE {_DAY_TABLE} c
SET gateway_replica = NULL, gateway_epoch = NULL,
    delays = {_delayed("jsonb_build_array(u.reason, c.prepared_at, u.at)")}
FROM {records(("id", "uuid"), ("at", "timestamptz"), ("reason", "text"))}
WHERE c.id = u.id AND c.status = 'PREPARED'
""")
