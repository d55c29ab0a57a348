"""Receipts and their parts on a real PostgreSQL."""

import importlib
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from msgspec.structs import replace

from ghasi.correlations import inbox, ledger, sql, sql_inbox
from ghasi.correlations.models import InboxReceipt, MessageCorrelation
from ghasi.correlations.types import Intent, Part, PartFateKind, PartOutcome, ReceiptFacts, RowStatus

pytestmark = pytest.mark.usefixtures("django_ready")

OPERATOR = uuid4()
_receipt_keys = itertools.count(1)


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    InboxReceipt.objects.all().delete()
    yield datetime.now(UTC)
    InboxReceipt.objects.all().delete()
    connection.close()


def prepared(now: datetime, segments: int = 1, **fields: object) -> tuple[Part, ...]:
    given: dict[str, object] = {
        "operator_id": OPERATOR,
        "destination": "93701234567",
        "enqueued_at": now,
        "traceparent": "00-ab-cd-01",
        **fields,
    }
    intent = Intent(
        message_id=uuid4(),
        event_id=uuid4(),
        requested_operator_id=OPERATOR,
        sender="GHASI",
        account_id="account",
        segments=segments,
        expires_at=now + timedelta(minutes=10),
        **given,  # type: ignore[arg-type]
    )
    (answer,) = ledger.claim([intent], replica="r1", epoch="e1", now=now, arm={})
    return answer.parts


def respond(part: Part, name: str, at: datetime) -> None:
    fate = PartOutcome(
        part.row_id,
        part.enqueued_day,
        part.message_id,
        PartFateKind.ACCEPTED,
        at,
        operator_message_id=name,
        lookup_keys=(name.lower(),),
    )
    ledger.record([fate], now=at)


def submitted(now: datetime, name: str, **fields: object) -> Part:
    (part,) = prepared(now, **fields)  # type: ignore[arg-type]
    respond(part, name, now)
    return part


def receipt(name: str, now: datetime, **fields: object) -> ReceiptFacts:
    facts = ReceiptFacts(
        receipt_key=next(_receipt_keys),
        operator_id=OPERATOR,
        operator_message_id=name,
        lookup_keys=(name.lower(),),
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        done_at=now,
        taken_at=now,
        destination="93701234567",
        sender="GHASI",
    )
    return replace(facts, **fields)  # type: ignore[arg-type]


def inbox_size() -> int:
    return sum(one.receipts for one in inbox.waits(now=datetime.now(UTC)) if one.operator_id == OPERATOR)


def row(part: Part) -> MessageCorrelation:
    return MessageCorrelation.objects.get(pk=part.row_id)


def name() -> str:
    return f"Id{uuid4().hex[:12]}"


def test_a_receipt_closes_its_part(now: datetime) -> None:
    one = name()
    part = submitted(now, one)
    facts = receipt(one, now)
    waiting = inbox_size()
    (matched,) = inbox.take_receipts([facts], now=now)
    assert matched.facts == facts
    assert (matched.message_id, matched.segment, matched.segments, matched.attempt) == (part.message_id, 1, 1, 1)
    assert (matched.operator_message_id, matched.submitted_at) == (one, now)
    assert (matched.traceparent, matched.settled) == ("00-ab-cd-01", None)
    stored = row(part)
    assert (stored.status, stored.dlr_state, stored.error_code) == ("DLR_RECEIVED", "DELIVERED", "000")
    assert stored.dlr_received_at == now
    assert inbox_size() == waiting


def test_the_same_batch_again_gives_the_same_events_and_changes_nothing(now: datetime) -> None:
    one = name()
    part = submitted(now, one)
    batch = [receipt(one, now)]
    first = inbox.take_receipts(batch, now=now)
    assert inbox.take_receipts(batch, now=now + timedelta(minutes=1)) == first
    assert row(part).dlr_received_at == now


def test_intermediate_and_final_in_one_batch(now: datetime) -> None:
    one = name()
    part = submitted(now, one)
    batch = [
        receipt(one, now, status="ACCEPTED", stat="ENROUTE", final=False),
        receipt(one, now),
        receipt(one, now, status="ACCEPTED", stat="ENROUTE", final=False),
        receipt(one, now, status="UNDELIVERABLE", stat="UNDELIV"),
    ]
    assert len(inbox.take_receipts(batch, now=now)) == 4
    assert (row(part).status, row(part).dlr_state) == ("DLR_RECEIVED", "DELIVERED")


def test_an_intermediate_receipt_leaves_the_part_open(now: datetime) -> None:
    one = name()
    part = submitted(now, one)
    inbox.take_receipts([receipt(one, now, status="ACCEPTED", stat="ENROUTE", final=False)], now=now)
    assert (row(part).status, row(part).dlr_state) == ("SUBMITTED", "ACCEPTED")


def test_delivered_after_expired_is_taken(now: datetime) -> None:
    one = name()
    part = submitted(now, one)
    inbox.take_receipts([receipt(one, now, status="EXPIRED", stat="EXPIRED")], now=now)
    inbox.take_receipts([receipt(one, now)], now=now)
    assert row(part).dlr_state == "DELIVERED"


def test_receipts_are_matched_by_the_operator_that_carried_the_part(now: datetime) -> None:
    one = name()
    part = submitted(now, one, operator_id=uuid4())
    assert inbox.take_receipts([receipt(one, now)], now=now) == []
    assert row(part).status == "SUBMITTED"


def test_a_reused_id_means_the_newest_submission_unless_the_subscriber_differs(now: datetime) -> None:
    one = name()
    old = submitted(now - timedelta(days=10), one, destination="93700000001")
    new = submitted(now, one, destination="93700000002")
    (first,) = inbox.take_receipts([receipt(one, now, destination="")], now=now)
    assert first.message_id == new.message_id
    (second,) = inbox.take_receipts([receipt(one, now, destination="93700000001")], now=now)
    assert second.message_id == new.message_id, "days of the last week are looked at first"
    assert row(old).status == "SUBMITTED"


def test_the_subscriber_breaks_the_tie_between_recent_parts(now: datetime) -> None:
    one = name()
    old = submitted(now - timedelta(hours=2), one, destination="93700000001")
    submitted(now, one, destination="93700000002")
    (matched,) = inbox.take_receipts([receipt(one, now, destination="+93700000001")], now=now)
    assert matched.message_id == old.message_id


def test_a_part_of_weeks_ago_is_found(now: datetime) -> None:
    one = name()
    part = submitted(now - timedelta(days=25), one)
    (matched,) = inbox.take_receipts([receipt(one, now)], now=now)
    assert matched.message_id == part.message_id


def test_one_id_for_all_parts_of_a_message(now: datetime) -> None:
    one = name()
    parts = prepared(now, 3)
    for part in parts:
        respond(part, one, now)
    matched = inbox.take_receipts([receipt(one, now) for _ in parts], now=now)
    assert [found.segment for found in matched] == [1, 2, 3]
    assert {row(part).status for part in parts} == {"DLR_RECEIVED"}


def test_a_receipt_settles_a_part_in_doubt_that_has_its_id(now: datetime) -> None:
    one = name()
    part = submitted(now, one)
    MessageCorrelation.objects.filter(pk=part.row_id).update(status="IN_DOUBT", in_doubt_at=now, submitted_at=None)
    first, second = inbox.take_receipts([receipt(one, now), receipt(one, now)], now=now)
    assert first.settled is not None
    assert [state.status for state in first.settled.parts] == [RowStatus.DLR_RECEIVED]
    assert second.settled is None
    assert row(part).submitted_at == now


class TestInbox:
    def test_a_receipt_before_its_response_waits_and_is_matched(self, now: datetime) -> None:
        one = name()
        (part,) = prepared(now)
        facts = receipt(one, now)
        assert inbox.take_receipts([facts], now=now) == []
        assert inbox_size() == 1
        respond(part, one, now)
        (matched,) = inbox.rematch(OPERATOR, [one.lower()], now=now)
        assert matched.facts == facts
        assert matched.message_id == part.message_id
        assert row(part).status == "DLR_RECEIVED"
        assert inbox_size() == 0
        assert inbox.rematch(OPERATOR, [one.lower()], now=now) == []

    def test_it_is_kept_once_however_often_it_comes(self, now: datetime) -> None:
        facts = receipt(name(), now)
        for _ in range(3):
            inbox.take_receipts([facts], now=now)
        assert InboxReceipt.objects.count() == 1

    def test_a_stream_made_anew_counts_from_one_again(self, now: datetime) -> None:
        facts = receipt(name(), now)
        inbox.take_receipts([facts], now=now)
        inbox.take_receipts([replace(facts, taken_at=now + timedelta(hours=1))], now=now)
        assert InboxReceipt.objects.count() == 2

    def test_neither_the_frame_nor_a_text_is_kept(self, now: datetime) -> None:
        inbox.take_receipts([receipt(name(), now, frame=b"text:Your code is 482913")], now=now)
        with connection.cursor() as cursor:
            cursor.execute("SELECT i::text FROM smpp.receipts_inbox i")
            assert "482913" not in cursor.fetchone()[0]

    def test_its_cause_and_parameters_are_kept_until_they_are_told(self, now: datetime) -> None:
        one = name()
        (part,) = prepared(now)
        facts = receipt(
            one,
            now,
            status="UNDELIVERABLE",
            error_code="027",
            cause="ABSENT_SUBSCRIBER",
            tlvs=(("mccMnc", "41220"), ("cost", "12")),
        )
        inbox.take_receipts([facts], now=now)
        respond(part, one, now)
        (matched,) = inbox.rematch(OPERATOR, [one.lower()], now=now)
        assert matched.facts == facts

    def test_what_is_not_confirmed_comes_again(self, now: datetime) -> None:
        one = name()
        (part,) = prepared(now)
        inbox.take_receipts([receipt(one, now)], now=now)
        respond(part, one, now)
        matched = inbox.rematch(OPERATOR, [one.lower()], now=now)
        assert inbox.sweep_inbox(now=now) == ([], [])
        later = now + timedelta(seconds=31)
        assert inbox.sweep_inbox(now=later) == (matched, [])
        inbox.confirm_published(matched, now=later)
        assert inbox.sweep_inbox(now=later) == ([], [])

    def test_the_sweep_matches_what_waits(self, now: datetime) -> None:
        one = name()
        (part,) = prepared(now)
        inbox.take_receipts([receipt(one, now)], now=now)
        respond(part, one, now)
        matched, given_up = inbox.sweep_inbox(now=now)
        assert [found.message_id for found in matched] == [part.message_id]
        assert given_up == []

    def test_after_ten_minutes_it_is_given_up_but_stays_matchable(self, now: datetime) -> None:
        one = name()
        facts = receipt(one, now)
        inbox.take_receipts([facts], now=now)
        assert inbox.sweep_inbox(now=now + timedelta(minutes=9)) == ([], [])
        later = now + timedelta(minutes=11)
        assert inbox.sweep_inbox(now=later) == ([], [facts])
        assert inbox.sweep_inbox(now=later) == ([], [facts]), "not confirmed: it comes again"
        inbox.confirm_given_up([facts], now=later)
        assert inbox.sweep_inbox(now=later) == ([], [])
        (part,) = prepared(now)
        respond(part, one, now)
        (matched,) = inbox.rematch(OPERATOR, [one.lower()], now=now + timedelta(hours=71))
        assert matched.message_id == part.message_id

    def test_after_72_hours_it_is_matched_no_more_and_later_forgotten(self, now: datetime) -> None:
        one = name()
        facts = receipt(one, now)
        inbox.take_receipts([facts], now=now)
        inbox.confirm_given_up([facts], now=now)
        (part,) = prepared(now)
        respond(part, one, now)
        assert inbox.rematch(OPERATOR, [one.lower()], now=now + timedelta(hours=73)) == []
        assert inbox.sweep_inbox(now=now + timedelta(days=8)) == ([], [])
        assert InboxReceipt.objects.count() == 0

    def test_what_was_never_told_is_not_forgotten(self, now: datetime) -> None:
        facts = receipt(name(), now)
        inbox.take_receipts([facts], now=now)
        assert inbox.sweep_inbox(now=now + timedelta(days=8)) == ([], [facts])
        assert InboxReceipt.objects.count() == 1

    def test_an_unreadable_receipt_is_kept_by_its_name_and_never_told(self, now: datetime) -> None:
        facts = receipt("", now, lookup_keys=(), status="UNKNOWN", final=False, unreadable="no_id")
        assert inbox.take_receipts([facts], now=now) == []
        assert InboxReceipt.objects.get().unreadable == "no_id"
        assert inbox.sweep_inbox(now=now + timedelta(minutes=11)) == ([], [])

    def test_a_receipt_without_an_id_is_given_up(self, now: datetime) -> None:
        facts = receipt("", now, lookup_keys=())
        inbox.take_receipts([facts], now=now)
        assert inbox.sweep_inbox(now=now + timedelta(minutes=11)) == ([], [facts])

    def test_strings_that_a_column_cannot_hold_fail_no_batch(self, now: datetime) -> None:
        odd = receipt("a\x00" * 90, now, stat="s" * 99, error_code="\ud800" * 99, sender="x" * 99)
        assert inbox.take_receipts([odd], now=now) == []
        assert InboxReceipt.objects.get().operator_message_id == "a\ufffd" * 40

    def test_the_sweep_takes_the_longest_untried_first(self, now: datetime) -> None:
        for _ in range(5):
            inbox.take_receipts([receipt(name(), now)], now=now)
        for step in range(1, 4):
            inbox.sweep_inbox(now=now + timedelta(seconds=step), limit=2)
        assert InboxReceipt.objects.filter(tried_at__gt=now).count() == 5


def _both(first: object, second: object) -> list[object]:
    barrier = threading.Barrier(2)

    def run(call: object) -> object:
        try:
            barrier.wait()
            return call()  # type: ignore[operator]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, (first, second)))


def test_a_receipt_and_its_response_at_once_meet_exactly_once(now: datetime) -> None:
    def response(part: Part, one: str) -> list[UUID]:
        respond(part, one, now)
        return [found.message_id for found in inbox.rematch(OPERATOR, [one.lower()], now=now)]

    for _ in range(30):
        one = name()
        (part,) = prepared(now)
        facts = receipt(one, now)
        told = _both(
            lambda part=part, one=one: response(part, one),
            lambda facts=facts: [found.message_id for found in inbox.take_receipts([facts], now=now)],
        )
        assert [*told[0], *told[1]] == [part.message_id]  # type: ignore[misc]
        assert row(part).status == "DLR_RECEIVED"


def test_two_batches_that_name_the_same_parts_at_once(now: datetime) -> None:
    names = [name() for _ in range(30)]
    parts = [submitted(now, one) for one in names]
    forward = [receipt(one, now) for one in names]
    backward = [receipt(one, now, status="UNDELIVERABLE", stat="UNDELIV") for one in reversed(names)]
    told = _both(lambda: inbox.take_receipts(forward, now=now), lambda: inbox.take_receipts(backward, now=now))
    assert [len(found) for found in told] == [30, 30]  # type: ignore[arg-type]
    assert len({row(part).dlr_state for part in parts}) == 1


def test_the_second_look_publishes_for_its_own_batch_only(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt of an earlier batch is in no stream any more: it counts as published once that is confirmed."""
    one = name()
    earlier, own = receipt(one, now), receipt(one, now)
    (part,) = prepared(now)
    assert inbox.take_receipts([earlier], now=now) == []
    take = inbox._take

    def respond_between(*arguments: Any) -> Any:
        found = take(*arguments)
        respond(part, one, now)
        return found

    monkeypatch.setattr(inbox, "_take", respond_between)
    assert len(inbox.take_receipts([own], now=now)) == 2
    published = dict(InboxReceipt.objects.values_list("receipt_key", "published_at"))
    assert published == {earlier.receipt_key: None, own.receipt_key: now}


FILL = """
INSERT INTO smpp.receipts_inbox (operator_id, receipt_key, taken_at, operator_message_id, lookup_keys, status, final,
    destination, sender, tried_at, given_up_at, unreadable, matched_at, published_at)
SELECT %(operator)s, 1000000 + n, taken_at, 'f' || n, ARRAY['f' || n], 'DELIVERED', true, '937' || n, 'GHASI',
    taken_at + interval '71 hours 59 minutes 59 seconds', taken_at + interval '10 minutes',
    CASE WHEN n %% 5 = 0 THEN 'no_id' END, CASE WHEN n %% 5 = 1 THEN taken_at END,
    CASE WHEN n %% 5 = 1 THEN taken_at END
FROM (SELECT n, %(now)s::timestamptz - interval '73 hours' - n * interval '15 seconds' AS taken_at
      FROM generate_series(1, 20000) n) AS one
"""


def scans(statement: str, names: dict[str, Any]) -> list[str]:
    """What reads rows, as it was run, and the rows it read in vain."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.OPEN, {"keys": []})
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}", names)
        plan = [line.strip() for (line,) in cursor.fetchall()]
    return [line for line in plan if ("Scan" in line and "receipts_inbox" in line) or line.startswith("Rows Removed")]


def test_the_sweep_reads_what_is_due_and_not_what_is_past_its_time(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"operator": OPERATOR, "now": now})
        cursor.execute("ANALYZE smpp.receipts_inbox")
    inbox.take_receipts([receipt(name(), now) for _ in range(3)], now=now)
    for turn in range(1, 14):
        moment = now + timedelta(seconds=turn)
        assert inbox.sweep_inbox(now=moment) == ([], [])
        assert InboxReceipt.objects.filter(tried_at=moment, taken_at=now).count() == 3, "others do not delay them"
    turn_of = {"limit": 1000, "now": now}
    [due] = scans(sql_inbox.INBOX_OLDEST_TRIED, turn_of)
    assert "receipts_inbox_due" in due
    assert "rows=3" in due
    first, *others = scans(sql_inbox.INBOX_LAPSED, turn_of)
    assert not [line for line in (first, *others) if "Seq Scan" in line]
    assert not [line for line in (first, *others) if "receipts_inbox_due" in line and "rows=3" not in line]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM smpp.receipts_inbox WHERE tried_at < %s", [now])
        assert cursor.fetchone() == (8000,), "unreadable and matched ones, which no sweep reads"


def test_what_is_to_be_told_is_found_through_its_index(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"operator": OPERATOR, "now": now})
        cursor.execute("ANALYZE smpp.receipts_inbox")
    inbox.take_receipts([receipt(name(), now) for _ in range(3)], now=now)
    [untold] = scans(sql_inbox.INBOX_UNMATCHED, {"before": now + timedelta(minutes=11), "limit": 1000})
    assert "receipts_inbox_untold" in untold
    assert "rows=3" in untold


def test_a_receipt_past_its_time_meets_its_part_no_more(now: datetime) -> None:
    one = name()
    inbox.take_receipts([receipt(one, now)], now=now)
    late = now + timedelta(hours=72)
    inbox.confirm_given_up(inbox.sweep_inbox(now=late - timedelta(seconds=1))[1], now=late)
    (part,) = prepared(now)
    respond(part, one, now)
    assert inbox.sweep_inbox(now=late) == ([], [])
    assert InboxReceipt.objects.get().matched_at is None


def indexes() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'smpp' AND tablename = 'receipts_inbox'")
        return {name for (name,) in cursor.fetchall()}


def test_the_migration_of_its_indexes_is_undone_and_done_again() -> None:
    migration: Any = importlib.import_module("ghasi.correlations.migrations.0015_inbox_indexes")
    new, old = {"receipts_inbox_due", "receipts_inbox_untold"}, {"receipts_inbox_tried"}
    assert new <= indexes()
    assert not old & indexes()

    def run(statements: list[str]) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    operations = migration.Migration.operations
    for one in reversed(operations):
        run(one.reverse_sql)
    assert old <= indexes()
    assert not new & indexes()
    for _ in range(2):
        for one in operations:
            run(one.sql)
    assert new <= indexes()
    assert not old & indexes()
