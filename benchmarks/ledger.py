"""Throughput and look-up beside rows that are there already."""

from __future__ import annotations

import random
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from benchmarks import throughput
from benchmarks.load import Load, figures
from benchmarks.shape import DAYS, SQL_NUMBER, SQL_OPERATOR, is_plain, operator_id, place_of
from ghasi.correlations import sql, sql_receipts, sql_upkeep, sweep
from ghasi.devstack.servers import Servers

_LOOK_UPS = 200
_BATCH = 100

# Rows under ids that begin with their time; their operator message ids are `old-1`, `old-2`, … Nine of ten stand as
# after a receipt that says delivered. Of a thousand: three refused and tried again, two refused for good, five in
# doubt for a while, ten expired, the rest of the hundred told something else by their receipt.
_FILL = """
INSERT INTO smpp.{partition} (id, message_id, event_id, operator_id, requested_operator_id, prepared_at, expires_at,
    submitted_at, dlr_received_at, retry_at, in_doubt_at, in_doubt_reason, policy_action, enqueued_day, segment,
    segments, attempt, status, account_id, destination, sender, operator_message_id, operator_message_keys, dlr_state,
    error_code, gateway_replica, gateway_epoch)
SELECT uuidv7(at - localtimestamp), gen_random_uuid(), gen_random_uuid(), operator, operator, at,
    at + interval '1 hour', at, at, CASE WHEN odd < 3 THEN at + interval '1 minute' END,
    CASE WHEN odd BETWEEN 5 AND 9 THEN at END, CASE WHEN odd BETWEEN 5 AND 9 THEN 'no_answer' END,
    CASE WHEN odd = 9 THEN 'hold' END, %(day)s, 1, 1, 1,
    CASE WHEN odd < 5 THEN 'REJECTED' WHEN odd BETWEEN 10 AND 19 THEN 'EXPIRED' ELSE 'DLR_RECEIVED' END,
    'b7c1f8d2-1111-4222-8333-444455556666', destination, 'GHASI',
    'old-' || n, ARRAY['old-' || n],
    CASE WHEN odd < 5 OR odd BETWEEN 10 AND 19 THEN NULL WHEN odd BETWEEN 20 AND 99 THEN 'UNDELIVERABLE'
        ELSE 'DELIVERED' END, '000', 'bench', 'bench'
FROM (SELECT n, n %% 1000 AS odd, %(day)s::date + n %% 80000 * interval '1 second' AS at,
          {operator} AS operator, {destination} AS destination
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n) AS made
"""


def fill(servers: Servers, rows: int) -> float:
    """Lays rows by, evenly over the days up to today; gives the seconds that took."""
    began, today = time.monotonic(), datetime.now(UTC).date()
    with closing(psycopg.connect(servers.database_url, autocommit=True)) as connection:
        connection.execute("SET synchronous_commit = off")
        for number in range(DAYS):
            first, last = number * rows // DAYS + 1, (number + 1) * rows // DAYS
            day = today - timedelta(days=DAYS - 1 - number)
            statement = _FILL.format(partition=sql.partition_name(day), operator=SQL_OPERATOR, destination=SQL_NUMBER)
            connection.execute(statement, {"day": day, "first": first, "last": last})
        # As where the sweep has run all along: it would else catch up with all the days while the load runs.
        swept = datetime.now(UTC) - sweep.KEPT
        connection.execute(sql_upkeep.SWEEP_ADVANCE, {"name": sweep.MARK, "done_to": swept})
        connection.execute("CHECKPOINT")
        connection.execute("VACUUM ANALYZE smpp.message_correlations")
    return time.monotonic() - began


def look_up(servers: Servers, rows: int) -> dict[str, float]:
    """What it takes to find the parts that a hundred receipts of the last days name, in milliseconds."""
    chosen = random.Random(1)
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in range(4)]
    recent = range(rows * (DAYS - len(days)) // DAYS + 1, rows + 1)
    plain = [row for row in recent if is_plain(row) and place_of(row) == 0]
    took = []
    with closing(psycopg.connect(servers.database_url)) as connection:
        for _ in range(_LOOK_UPS):
            keys = [f"old-{number}" for number in chosen.sample(plain, min(_BATCH, len(plain)))]
            took.append(_one_look_up(connection, keys, days))
    return figures(took)


def _one_look_up(connection: psycopg.Connection, keys: list[str], days: list[date]) -> float:
    with connection.transaction():
        connection.execute(sql.OPEN, {"keys": []})
        began = time.perf_counter()
        answer = connection.execute(
            sql_receipts.FIND_BY_KEYS, {"keys": keys, "operator_ids": [operator_id(0)], "days": days}
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

    one = await throughput.measure(Load(messages=messages), prepare=prepare)
    return found | {key: one[key] for key in ("messagesPerSecond", "toLastDlrPerSecond", "cpuPer10k")}
