"""What the staff's pages read beside the ledger: dead letters, receipts without a part, books, what the staff did."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from benchmarks.shape import OPERATORS, SQL_OPERATOR, operator_id, operator_name

BESIDE = 100_000
"""Dead letters, receipts of the inbox and actions of the staff, at most: one for each hundred rows."""
HELD = 1_000
OPEN = 20_000
"""Commands the books have read that have no outcome yet."""
NOBODY = "550e8400-e29b-41d4-a716-446655440009"
PROFILES = 50
BULKS = 200
BULK_ITEMS = 1_000

# Of the receipts nine of ten found their part, so that a list of those that wait has far to look.
_BESIDE = f"""
INSERT INTO smpp.dead_letters (operator_id, stream_seq, reason, message_id, size, at, command_seq)
SELECT {SQL_OPERATOR}, n, 'rejected:ESME_RINVDSTADR', gen_random_uuid(), 300, now() - n * interval '10 s', n
FROM generate_series(1, %(count)s) AS n;
INSERT INTO smpp.receipts_inbox (operator_id, receipt_key, taken_at, operator_message_id, lookup_keys, status, final,
    destination, sender, tried_at, matched_at, published_at, matched_row, matched_day)
SELECT {SQL_OPERATOR}, n, now() - n * interval '1 s', 'inbox-' || n, ARRAY['inbox-' || n], 'DELIVERED', true,
    '93790000000', 'GHASI', now(), CASE WHEN n %% 10 > 0 THEN now() END, CASE WHEN n %% 10 > 0 THEN now() END,
    CASE WHEN n %% 10 > 0 THEN gen_random_uuid() END, CASE WHEN n %% 10 > 0 THEN current_date END
FROM generate_series(1, %(count)s) AS n;
INSERT INTO smpp.message_correlations (id, message_id, event_id, operator_id, requested_operator_id, prepared_at,
    expires_at, in_doubt_at, in_doubt_reason, policy_action, command_status, enqueued_day, segment, segments, attempt,
    status, account_id, destination, sender, gateway_replica, gateway_epoch)
SELECT uuidv7(), gen_random_uuid(), gen_random_uuid(), {SQL_OPERATOR}, {SQL_OPERATOR}, now(),
    now() + interval '1 hour', now(), 'unknown_status', 'hold', 1109, current_date, 1, 1, 1, 'IN_DOUBT',
    'b7c1f8d2-1111-4222-8333-444455556666',
    '+93790000000', 'GHASI', 'bench', 'bench'
FROM generate_series(1, %(held)s) AS n;
INSERT INTO smpp.accounting_open (operator_id, stream_seq, stored_at, message_id, event_id, enqueued_at, lost_at,
    acknowledged_at)
SELECT {SQL_OPERATOR}, n, now(), gen_random_uuid(), gen_random_uuid(), now(), CASE WHEN n %% 10000 = 0 THEN now() END,
    NULL
FROM generate_series(1, %(open)s) AS n;
INSERT INTO smpp.accounting_marks (operator_id, stream_created, read_to, began_at, excess)
SELECT {SQL_OPERATOR}, now(), 1000000, now(), 0 FROM generate_series(0, {OPERATORS - 1}) AS n;
INSERT INTO smpp.operator_minutes (minute, operator_id, submitted, retried, refused, held, in_doubt, dlr_delivered,
    dlr_accepted, dlr_undeliverable, dlr_expired, dlr_rejected, dlr_deleted, dlr_unknown, to_wire, answered)
SELECT date_trunc('minute', now()) - minute * interval '1 minute', {SQL_OPERATOR}, 900 + n, 3, 5, 0, 1, 800, 20, 30,
    5, 2, 0, 1, array_fill(50 + n, ARRAY[17]), array_fill(60 + n, ARRAY[17])
FROM generate_series(0, {OPERATORS - 1}) AS n, generate_series(0, 1439) AS minute;
INSERT INTO smpp.operator_actions (at, actor, action, target_kind, target, reason, detail, result)
SELECT now() - n * interval '20 s', 'person-' || n %% 50,
    CASE WHEN n %% 40 = 0 THEN 'rebind' WHEN n %% 2 = 0 THEN 'login.ok' ELSE 'dead_letter.replay' END,
    CASE WHEN n %% 40 = 0 THEN 'operator' WHEN n %% 2 = 0 THEN 'user' ELSE 'message' END, gen_random_uuid()::text, '',
    '{{}}', 'done'
FROM generate_series(%(count)s, 1, -1) AS n;
INSERT INTO smpp.id_relations (operator_id, state, rejected, changed_at, changed_by, usual_misfits, evidence,
    judged_at, taken, missed, window_taken, window_missed)
SELECT {SQL_OPERATOR}, 'none', '{{}}', now(), 'bench', 0, '{{}}', now(), 0, 0, 0, 0
FROM generate_series(0, {OPERATORS - 1}) AS n;
INSERT INTO smpp.operator_profiles (name, document, version, updated_at, updated_by)
SELECT 'profile-' || n, '{{"extends": "default"}}', 9, now(), 'bench' FROM generate_series(1, %(profiles)s) AS n;
INSERT INTO smpp.operator_profile_changes (profile_name, version, changed_at, changed_by, reason, document, changes)
SELECT 'profile-' || n, version, now(), 'bench', 'because', '{{"extends": "default"}}',
    '[["receipts.zone", "UTC", "Asia/Kabul"]]'
FROM generate_series(1, %(profiles)s) AS n, generate_series(1, 9) AS version;
WITH made AS (
    INSERT INTO smpp.bulk_actions (kind, state, made_at, made_by, chosen, options, reason, rate, ordered_at,
        finished_at, stopped_by)
    SELECT 'dead_letter.discard', 'done', now() - n * interval '1 hour', 'bench', {BULK_ITEMS}, '{{}}', 'because', 50,
        now() - n * interval '1 hour', now() - n * interval '1 hour', '' FROM generate_series(1, {BULKS}) AS n
    RETURNING id)
INSERT INTO smpp.bulk_items (bulk_id, target, message_id, shown, known_as, doubles, state, result, done_at)
SELECT made.id, n::text, gen_random_uuid(), 'a dead letter', '', false, 'done', 'forgotten', now()
FROM made, generate_series(1, {BULK_ITEMS}) AS n;
"""
_TABLES = (
    "dead_letters, smpp.receipts_inbox, smpp.accounting_open, smpp.operator_minutes, smpp.operator_actions, "
    "smpp.operator_profile_changes, smpp.bulk_actions, smpp.bulk_items"
)


def fill(rows: int) -> None:
    """For a ledger of that many rows; once, however often it is measured. Raises DatabaseError."""
    from ghasi.operators.models import Operator

    if Operator.objects.filter(operator_id=NOBODY).exists():
        return
    now = timezone.now()
    known = {operator_id(number): operator_name(number) for number in range(OPERATORS)} | {NOBODY: "nobody"}
    Operator.objects.bulk_create(
        Operator(operator_id=one, name=name, first_seen_at=now - timedelta(days=30), last_seen_at=now)
        for one, name in known.items()
    )
    with connection.cursor() as cursor:
        given = {"count": min(BESIDE, rows // 100), "held": HELD, "open": OPEN, "profiles": PROFILES}
        cursor.execute(_BESIDE, given)
        # As autovacuum leaves them: index-only scans find their pages all visible.
        cursor.execute(f"VACUUM ANALYZE smpp.{_TABLES}")
        cursor.execute("ANALYZE smpp.message_correlations")
