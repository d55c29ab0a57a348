"""ghasi.correlations.direct: receipts recorded at once stand as those that are looked at one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection
from msgspec.structs import replace

from ghasi.correlations import direct, inbox, ledger
from ghasi.correlations.direct import record_plain
from ghasi.correlations.models import InboxReceipt
from ghasi.correlations.types import Part, PartFateKind, PartOutcome, ReceiptFacts
from tests.integration.test_inbox import inbox_size, name, prepared, receipt, respond, row, submitted

pytestmark = pytest.mark.usefixtures("django_ready")


@pytest.fixture
def now() -> Iterator[datetime]:
    InboxReceipt.objects.all().delete()
    yield datetime.now(UTC)
    InboxReceipt.objects.all().delete()
    connection.close()


def test_it_closes_what_the_long_way_closes_and_tells_the_same(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [name() for _ in range(4)]
    parts = [submitted(now - timedelta(days=n % 2), one) for n, one in enumerate(names)]
    facts = [receipt(one, now, error_code=f"00{n}") for n, one in enumerate(names)]
    at_once, left = record_plain(facts[:2], now=now)
    assert left == []
    monkeypatch.setattr(inbox, "record_plain", lambda receipts, now: ([], list(receipts)))
    one_by_one = inbox.take_receipts(facts[2:], now=now)
    for number, found in enumerate([*at_once, *one_by_one]):
        stored = row(parts[number])
        assert (found.facts, found.message_id) == (facts[number], parts[number].message_id)
        assert (found.segment, found.segments, found.attempt) == (1, 1, 1)
        assert (found.operator_message_id, found.traceparent) == (names[number], "00-ab-cd-01")
        assert found.submitted_at == stored.submitted_at
        assert (found.settled, found.proof) == (None, None)
        assert (stored.status, stored.dlr_state, stored.dlr_received_at) == ("DLR_RECEIVED", "DELIVERED", now)
        assert stored.error_code == f"00{number}"


def test_what_takes_a_decision_is_left_and_untouched(now: datetime) -> None:
    shared, twice, reused, doubtful, closed, old, unknown, interim = (name() for _ in range(8))
    both = prepared(now, segments=2)
    for part in both:
        respond(part, shared, now)
    others = [submitted(now, one) for one in (twice, reused, reused, closed, interim)]
    long_ago = submitted(now - timedelta(days=3), old)
    (doubt,) = prepared(now)
    fate = PartOutcome(doubt.row_id, doubt.enqueued_day, doubt.message_id, PartFateKind.IN_DOUBT, now, reason="lost")
    ledger.record([fate], now=now)
    respond(doubt, doubtful, now)
    inbox.take_receipts([receipt(closed, now)], now=now)
    facts = [receipt(one, now) for one in (shared, twice, twice, reused, doubtful, closed, old, unknown)]
    facts += [
        receipt(interim, now, status="ACCEPTED", final=False),
        receipt(interim, now, lookup_keys=(name(), interim.lower())),
        receipt("", now, lookup_keys=(), unreadable="no_id"),
    ]
    before = {one.row_id: row(one).status for one in (*both, *others, long_ago, doubt)}
    assert record_plain(facts, now=now) == ([], facts)
    assert {one: before[one] for one in before} == {
        one.row_id: row(one).status for one in (*both, *others, long_ago, doubt)
    }


def stored_key(part: Part) -> str:
    keys = row(part).operator_message_keys
    assert keys is not None
    return keys[0]


def test_of_two_keys_the_one_part_that_either_names_is_closed(now: datetime) -> None:
    first, second, neither = (submitted(now, one) for one in ("a" + name(), "b" + name(), "c" + name()))
    one, other = stored_key(first), stored_key(second)
    facts = [receipt("x", now, lookup_keys=(f"#{name()}", one)), receipt("y", now, lookup_keys=(other, name()))]
    found, left = record_plain(facts, now=now)
    assert ([part.message_id for part in found], left) == ([first.message_id, second.message_id], [])
    assert row(neither).status == "SUBMITTED"


def test_two_keys_that_name_a_part_each_take_a_decision(now: datetime) -> None:
    parts = [submitted(now, one) for one in ("a" + name(), "b" + name())]
    facts = receipt("x", now, lookup_keys=tuple(stored_key(part) for part in parts))
    assert record_plain([facts], now=now) == ([], [facts])
    assert {row(part).status for part in parts} == {"SUBMITTED"}


def test_the_rest_of_a_batch_goes_the_long_way(now: datetime) -> None:
    one, other = name(), name()
    part = submitted(now, one)
    waiting = inbox_size()
    matched = inbox.take_receipts([receipt(other, now), receipt(one, now)], now=now)
    assert [found.message_id for found in matched] == [part.message_id]
    assert inbox_size() == waiting + 1


def test_a_receipt_that_stands_in_the_inbox_is_marked_there_when_it_comes_again(now: datetime) -> None:
    one = name()
    facts = receipt(one, now)
    assert inbox.take_receipts([facts], now=now) == []
    (part,) = prepared(now)
    respond(part, one, now)
    (found,) = inbox.take_receipts([facts], now=now)
    assert found.message_id == part.message_id
    stored = InboxReceipt.objects.get(receipt_key=facts.receipt_key, taken_at=facts.taken_at)
    assert stored.matched_row == part.row_id
    assert stored.published_at is not None


def test_another_operators_part_of_that_id_is_not_meant(now: datetime) -> None:
    one = name()
    part = submitted(now, one)
    stranger = receipt(one, now, operator_id=uuid4())
    assert record_plain([stranger], now=now) == ([], [stranger])
    assert row(part).status == "SUBMITTED"


def test_batches_of_several_operators_are_told_apart(now: datetime) -> None:
    one, other = name(), name()
    submitted(now, one)
    stranger = receipt(other, now, operator_id=uuid4())
    matched, left = record_plain([receipt(one, now), stranger], now=now)
    assert (len(matched), left) == (1, [stranger])


def test_a_day_without_a_partition_costs_only_the_short_way(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    one = name()
    part = submitted(now, one)
    monkeypatch.setattr(direct, "RECENT_DAYS", 400)
    facts = receipt(one, now)
    assert record_plain([facts], now=now) == ([], [facts])
    monkeypatch.setattr(
        direct, "record_direct", lambda days, written: "SELECT nothing FROM smpp.message_correlations"
    )
    with pytest.raises(ProgrammingError):
        record_plain([facts], now=now)
    monkeypatch.undo()
    (found,) = inbox.take_receipts([facts], now=now)
    assert found.message_id == part.message_id


def test_no_value_of_an_operator_breaks_a_batch(now: datetime) -> None:
    one = name()
    submitted(now, one)
    odd: list[ReceiptFacts] = [
        receipt("x", now, lookup_keys=("a\x00b",)),
        receipt("y", now, lookup_keys=("',(%(n)s)--",)),
        receipt(one, now, error_code="\x00" * 40),
    ]
    matched, left = record_plain([*odd, replace(odd[0], lookup_keys=("\ud800",))], now=now)
    assert ([found.facts for found in matched], len(left)) == ([odd[2]], 3)


def test_nothing_to_do(now: datetime) -> None:
    assert record_plain([], now=now) == ([], [])
