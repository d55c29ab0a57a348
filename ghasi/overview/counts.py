# ruff: noqa: S608 - the only things put into the statements are constants
"""Counts the ledger can give at any size: by partial indexes, newest first, and no further than `MOST`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from ghasi.correlations import inbox, open_parts, statements
from ghasi.correlations.sql import LEDGER
from ghasi.operators.models import Operator
from ghasi.overview.facts import FromLedger

MOST = 10_000
"""Rows counted at most, of all operators together; where there are more, a figure says "at least"."""
DEAD_WITHIN = timedelta(hours=24)
SEEN_WITHIN = timedelta(days=1)

# The index of parts without an operator's id serves it: it does not hold what was settled by an answer or a receipt.
_IN_DOUBT = f"""
SELECT operator_id::text, count(*), count(*) FILTER (WHERE for_a_person)
FROM (SELECT c.operator_id, {open_parts.IS_FOR_A_PERSON} AS for_a_person
      FROM {LEDGER} c WHERE {open_parts.OPEN} LIMIT %(most)s) AS c
GROUP BY operator_id
"""
_DEAD = """
SELECT operator_id::text, count(*)
FROM (SELECT operator_id FROM smpp.dead_letters WHERE at > %(since)s AND settled_at IS NULL
      ORDER BY at DESC LIMIT %(most)s) AS d
GROUP BY operator_id
"""
# Compiling a statement for each day's partition would take many times as long as carrying it out.
_BOUNDS = """
SELECT set_config('statement_timeout', '3000', true), set_config('enable_seqscan', 'off', true),
    set_config('jit', 'off', true)
"""


def read(now: datetime) -> FromLedger:
    """Raises Error of the database: one of its statements that takes longer than three seconds is cancelled."""
    with transaction.atomic():
        _fetch(_BOUNDS, {})
        doubtful = _fetch(_IN_DOUBT, {"most": MOST})
        dead = _fetch(_DEAD, {"most": MOST, "since": now - DEAD_WITHIN})
        waiting = inbox.waits(now=now, limit=MOST)
        unexplained = statements.unexplained()
        seen = Operator.objects.filter(last_seen_at__gte=now - SEEN_WITHIN)
        names = {str(one.operator_id): one.name for one in seen}
    return FromLedger(
        in_doubt={operator_id: count for operator_id, count, _ in doubtful},
        held={operator_id: held for operator_id, _, held in doubtful if held},
        inbox={str(one.operator_id): one.receipts for one in waiting},
        untold={str(one.operator_id): one.oldest_untold for one in waiting if one.oldest_untold},
        dead=dict(dead),
        unexplained={str(operator_id): count for operator_id, count in unexplained.items() if count},
        names=names,
    )


def _fetch(statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return list(cursor.fetchall())
