"""Throughput, look-up and the staff's pages beside rows that are there already."""

from __future__ import annotations

import random
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from benchmarks import pages, throughput
from benchmarks.load import Load, figures
from ghasi.correlations import sql
from ghasi.devstack.servers import Servers

_DAYS = 30
_LOOK_UPS = 200
_BATCH = 100
_OPERATOR = "550e8400-e29b-41d4-a716-446655440001"

# Rows as they stand after a receipt, under ids that begin with their time. Their operator message ids are `old-1`,
# `old-2`, …
_FILL = """
INSERT INTO smpp.{partition} (id, message_id, event_id, operator_id, requested_operator_id, prepared_at, expires_at,
    submitted_at, dlr_received_at, enqueued_day, segment, segments, attempt, status, account_id, destination, sender,
    operator_message_id, operator_message_keys, dlr_state, error_code, gateway_replica, gateway_epoch)
SELECT uuidv7(at - localtimestamp), gen_random_uuid(), gen_random_uuid(), %(operator)s, %(operator)s, at,
    at + interval '1 hour', at, at, %(day)s, 1, 1, 1, 'DLR_RECEIVED', 'b7c1f8d2-1111-4222-8333-444455556666',
    '+9379' || lpad(n::text, 8, '0'), 'GHASI', 'old-' || n, ARRAY['old-' || n], 'DELIVERED', '000', 'bench', 'bench'
FROM (SELECT n, %(day)s::date + n %% 80000 * interval '1 second' AS at
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS made
"""


def fill(servers: Servers, rows: int) -> float:
    """Lays rows by, evenly over the days up to today; gives the seconds that took."""
    began, today = time.monotonic(), datetime.now(UTC).date()
    with closing(psycopg.connect(servers.database_url, autocommit=True)) as connection:
        connection.execute("SET synchronous_commit = off")
        for number in range(_DAYS):
            first, last = number * rows // _DAYS + 1, (number + 1) * rows // _DAYS
            day = today - timedelta(days=_DAYS - 1 - number)
            statement = _FILL.format(partition=sql.partition_name(day))
            connection.execute(statement, {"operator": _OPERATOR, "day": day, "first": first, "last": last})
        connection.execute("CHECKPOINT")
        connection.execute("VACUUM ANALYZE smpp.message_correlations")
    return time.monotonic() - began


def look_up(servers: Servers, rows: int) -> dict[str, float]:
    """What it takes to find the parts that a hundred receipts of the last days name, in milliseconds."""
    chosen = random.Random(1)
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in range(4)]
    recent = range(rows * (_DAYS - len(days)) // _DAYS + 1, rows + 1)
    took = []
    with closing(psycopg.connect(servers.database_url)) as connection:
        for _ in range(_LOOK_UPS):
            keys = [f"old-{number}" for number in chosen.sample(recent, _BATCH)]
            took.append(_one_look_up(connection, keys, days))
    return figures(took)


def _one_look_up(connection: psycopg.Connection, keys: list[str], days: list[date]) -> float:
    with connection.transaction():
        connection.execute(sql.OPEN, {"keys": []})
        began = time.perf_counter()
        answer = connection.execute(
            sql.FIND_BY_KEYS, {"keys": keys, "operator_ids": [_OPERATOR], "days": days}
        ).fetchone()
        took = time.perf_counter() - began
    assert answer is not None
    assert answer[0].count("DLR_RECEIVED") == len(keys), "rows that are there were not found"
    return took


async def measure(rows: int, messages: int) -> dict[str, Any]:
    """Throughput with receipts on a ledger of `rows` rows, and look-ups in it, on servers of its own."""
    found: dict[str, Any] = {"rows": rows}

    def prepare(servers: Servers) -> None:
        found["filledPerSecond"] = round(rows / fill(servers, rows))
        found["lookUpMs"] = look_up(servers, rows)
        found["pagesMs"] = pages.measure(servers, rows)

    one = await throughput.measure(Load(messages=messages), prepare=prepare)
    return found | {key: one[key] for key in ("messagesPerSecond", "toLastDlrPerSecond", "cpuPer10k")}
