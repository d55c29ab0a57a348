# ruff: noqa: S608 - the only things put into the statements are the constants of this module
"""Statements of the id relations, by the rules of `sql`. None of them is on the way of a receipt."""

from __future__ import annotations

from ghasi.correlations.sql import KEYED_ROW, LEDGER, as_json, records
from ghasi.correlations.sql_inbox import INBOX, INBOX_ROW

_OPEN = "i.operator_id = %(operator_id)s::uuid AND i.matched_at IS NULL AND i.unreadable IS NULL"

# Served by receipts_inbox_newest.
NEWEST_WAITING = f"""
SELECT {as_json(INBOX_ROW)} FROM (
    SELECT * FROM {INBOX} i WHERE {_OPEN} ORDER BY i.id DESC LIMIT %(limit)s) AS i
WHERE i.taken_at > %(since)s
"""

# Whatever may have left for these numbers; served by message_correlations_destination.
PARTS_TO = f"""
SELECT {as_json(f"{KEYED_ROW}, c.sender, c.user_message_reference")} FROM (
    SELECT * FROM {LEDGER} c
    WHERE c.destination = ANY(%(destinations)s::text[]) AND c.operator_id = %(operator_id)s::uuid
      AND c.enqueued_day = ANY(%(days)s::date[]) AND c.status IN ('PREPARED', 'SUBMITTED', 'IN_DOUBT', 'DLR_RECEIVED')
    LIMIT %(limit)s) AS c
"""

# Of parts whose response came after a receipt had given them an id.
NAMED_BY_RECEIPT = f"""
SELECT c.id, c.operator_message_id, c.destination FROM {LEDGER} c
WHERE c.id = ANY(%(ids)s::uuid[]) AND c.enqueued_day = ANY(%(days)s::date[]) AND c.status = 'DLR_RECEIVED'
  AND c.in_doubt_at IS NOT NULL AND c.operator_message_id IS NOT NULL
"""

# By the primary key, whose order is that of time. The inner limit bounds what is read where an operator sends little.
RECENT_RESPONSES = f"""
SELECT DISTINCT operator_message_id FROM (
    SELECT c.operator_id, c.operator_message_id FROM {LEDGER} c
    WHERE c.id >= %(first)s AND c.enqueued_day = ANY(%(days)s::date[])
    ORDER BY c.id DESC LIMIT %(read)s) AS c
WHERE c.operator_id = %(operator_id)s::uuid AND c.operator_message_id IS NOT NULL LIMIT %(limit)s
"""

ADD_PAIRS = f"""
INSERT INTO smpp.id_pairs (operator_id, response_id, receipt_id, source, seen_at)
SELECT %(operator_id)s, u.*, %(now)s
FROM {records(("response_id", "text"), ("receipt_id", "text"), ("source", "text"))}
ON CONFLICT (operator_id, response_id, receipt_id) DO NOTHING
"""

# Those found without the id and those matched by it have room of their own: neither pushes the other out.
TRIM_PAIRS = """
DELETE FROM smpp.id_pairs WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY source = 'matched' ORDER BY seen_at DESC, id DESC) AS n
        FROM smpp.id_pairs WHERE operator_id = %(operator_id)s) AS numbered
    WHERE n > %(kept)s)
"""

PAIRS = """
SELECT response_id, receipt_id, source, seen_at FROM smpp.id_pairs
WHERE operator_id = %(operator_id)s ORDER BY seen_at DESC, id DESC
"""

NEWEST_PAIR = "SELECT max(seen_at) FROM smpp.id_pairs WHERE operator_id = %(operator_id)s"

IN_FORCE = "SELECT operator_id, in_force FROM smpp.id_relations WHERE in_force IS NOT NULL"

COUNT_RECEIPTS = """
UPDATE smpp.id_relations SET taken = taken + %(taken)s, missed = missed + %(missed)s
WHERE operator_id = %(operator_id)s AND in_force IS NOT NULL
"""

# Their turn at the next sweep comes first.
REKEY = f"""
UPDATE {INBOX} i SET lookup_keys = u.lookup_keys, tried_at = i.taken_at
FROM {records(("id", "bigint"), ("lookup_keys", "text[]"))}
WHERE i.id = u.id AND i.matched_at IS NULL
"""

# A page of what waits, oldest first; served by receipts_inbox_newest.
WAITING_PAGE = f"""
SELECT i.id, i.taken_at, i.operator_message_id, i.lookup_keys FROM {INBOX} i
WHERE {_OPEN} AND i.id > %(after)s ORDER BY i.id LIMIT %(limit)s
"""
