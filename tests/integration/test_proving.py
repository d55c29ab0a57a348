"""Receipts of unknown ids prove parts in doubt, on a real PostgreSQL."""

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

from ghasi.correlations import inbox, ledger, partitions, sql, sql_proof
from ghasi.correlations.db import lookback_days
from ghasi.correlations.models import InboxReceipt, MessageCorrelation
from ghasi.correlations.types import (
    Intent,
    MatchedReceipt,
    Part,
    PartFateKind,
    PartOutcome,
    Proof,
    ReceiptFacts,
    RowStatus,
    Verdict,
)

pytestmark = pytest.mark.usefixtures("django_ready")

_receipt_keys = itertools.count(1)
SECOND = timedelta(seconds=1)


class Operator:
    """One operator with one subscriber, `now` a minute after anything was sent."""

    def __init__(self) -> None:
        self.id = uuid4()
        self.to = f"9370{uuid4().int % 10**7:07d}"
        self.now = datetime.now(UTC)
        self.sent_at = self.now - timedelta(seconds=60)
        self.intents: dict[UUID, Intent] = {}

    def send(self, segments: int = 1, **fields: Any) -> list[Part]:
        intent = Intent(
            message_id=uuid4(),
            event_id=uuid4(),
            operator_id=self.id,
            requested_operator_id=self.id,
            destination=self.to,
            sender="GHASI",
            account_id="account",
            segments=segments,
            enqueued_at=self.sent_at,
            expires_at=self.now + timedelta(hours=1),
            **fields,
        )
        self.intents[intent.message_id] = intent
        [claim] = ledger.claim([intent], replica="r1", epoch="e1", now=self.sent_at, arm={})
        return list(claim.parts)

    def doubt(self, *parts: Part, at: datetime | None = None) -> None:
        ledger.record([self.fate(part, PartFateKind.IN_DOUBT, at=at) for part in parts], now=self.now)

    def accept(self, part: Part, name: str | None) -> None:
        keys = (name.lower(),) if name else ()
        fate = self.fate(part, PartFateKind.ACCEPTED, operator_message_id=name, lookup_keys=keys)
        ledger.record([fate], now=self.now)

    def fate(self, part: Part, kind: PartFateKind, at: datetime | None = None, **fields: Any) -> PartOutcome:
        moment = at or self.sent_at + 30 * SECOND
        return PartOutcome(part.row_id, part.enqueued_day, part.message_id, kind, moment, **fields)

    def receipt(self, name: str, **fields: Any) -> ReceiptFacts:
        facts = ReceiptFacts(
            receipt_key=next(_receipt_keys),
            operator_id=self.id,
            operator_message_id=name,
            lookup_keys=(name.lower(),),
            status="DELIVERED",
            stat="DELIVRD",
            final=True,
            error_code="000",
            done_at=self.now,
            taken_at=self.now - 10 * SECOND,
            destination=self.to,
            sender="GHASI",
        )
        return replace(facts, **fields)

    def take(self, *receipts: ReceiptFacts) -> list[MatchedReceipt]:
        return inbox.take_receipts(receipts, now=self.now)

    def sweep(self, **fields: Any) -> list[MatchedReceipt]:
        matched, _ = inbox.sweep_inbox(now=self.now, **fields)
        return [one for one in matched if one.facts.operator_id == self.id]

    def claim_again(self, part: Part, after: timedelta = timedelta(), **fields: Any) -> Any:
        intent = replace(self.intents[part.message_id], **fields)
        [claim] = ledger.claim([intent], replica="r1", epoch="e2", now=self.now + after, arm={})
        return claim

    def waiting(self) -> list[InboxReceipt]:
        return list(InboxReceipt.objects.filter(operator_id=self.id, matched_at=None).order_by("id"))


def row(part: Part) -> MessageCorrelation:
    return MessageCorrelation.objects.get(pk=part.row_id)


@pytest.fixture
def operator() -> Iterator[Operator]:
    yield Operator()
    connection.close()


def test_the_only_part_that_fits_gets_its_id_and_its_state(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    facts = operator.receipt("1054BC63")
    [matched] = operator.take(facts)
    assert (matched.message_id, matched.operator_message_id, matched.proof) == (
        part.message_id,
        "1054BC63",
        Proof.FACTS,
    )
    assert matched.settled is not None
    assert [state.status for state in matched.settled.parts] == [RowStatus.DLR_RECEIVED]
    stored = row(part)
    assert (stored.status, stored.dlr_state, stored.operator_message_id) == ("DLR_RECEIVED", "DELIVERED", "1054BC63")
    assert (stored.operator_message_keys, stored.submitted_at) == (["1054bc63"], facts.taken_at)
    assert operator.waiting() == []
    assert operator.claim_again(part).verdict is Verdict.SETTLED


def test_what_comes_again_tells_the_same_again(operator: Operator) -> None:
    """The events may be lost in a crash, and the command may be gone."""
    [part] = operator.send()
    operator.doubt(part)
    facts = operator.receipt("1054BC63")
    [first], [again] = operator.take(facts), operator.take(facts)
    assert again.settled == first.settled
    assert again.proof is None, "counted once"
    [other] = operator.take(operator.receipt("1054BC63", taken_at=operator.now))
    assert (other.message_id, other.settled) == (part.message_id, None)


def test_what_the_sweep_proved_and_nobody_confirmed_is_told_again_with_its_result(operator: Operator) -> None:
    [part] = operator.send()
    facts = operator.receipt("a1")
    assert operator.take(facts) == []
    operator.doubt(part)
    [first] = operator.sweep()
    assert first.settled is not None
    operator.now += timedelta(minutes=1)
    [again] = operator.sweep()
    assert (again.facts, again.settled) == (facts, first.settled)
    inbox.confirm_published([again], now=operator.now)
    operator.now += timedelta(minutes=1)
    assert operator.sweep() == []


def test_a_receipt_before_the_doubt_is_proof_once_there_is_doubt(operator: Operator) -> None:
    [part] = operator.send()
    facts = operator.receipt("a1")
    assert operator.take(facts) == [], "its response may still come"
    assert operator.sweep() == []
    operator.doubt(part)
    [matched] = operator.sweep()
    assert (matched.message_id, matched.proof) == (part.message_id, Proof.FACTS)
    assert InboxReceipt.objects.get(operator_id=operator.id).published_at is None


def test_a_response_that_comes_after_all_wins_over_the_proof(operator: Operator) -> None:
    flying, doubted = operator.send()[0], operator.send()[0]
    operator.doubt(doubted)
    assert operator.take(operator.receipt("a1")) == []
    operator.accept(flying, "a1")
    [matched] = operator.sweep()
    assert (matched.message_id, matched.proof) == (flying.message_id, None)
    assert row(doubted).status == "IN_DOUBT"


def test_a_proven_part_keeps_its_id_against_a_late_response(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    operator.take(operator.receipt("a1"))
    operator.accept(part, "b2")
    assert (row(part).operator_message_id, row(part).status) == ("a1", "DLR_RECEIVED")


def test_an_intermediate_receipt_proves_and_the_final_one_is_found_by_its_id(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    operator.take(operator.receipt("a1", status="ACCEPTED", stat="ENROUTE", final=False))
    assert (row(part).status, row(part).operator_message_id) == ("SUBMITTED", "a1")
    [matched] = operator.take(operator.receipt("A1"))
    assert (matched.proof, row(part).status) == (None, "DLR_RECEIVED")


def test_two_candidates_are_no_proof_and_the_inbox_says_so(operator: Operator) -> None:
    first, second = operator.send()[0], operator.send()[0]
    operator.doubt(first, second)
    assert operator.take(operator.receipt("a1")) == []
    assert [one.undecided for one in operator.waiting()] == ["1 ids, 2 parts"]
    operator.accept(first, "b2")
    [matched] = operator.sweep()
    assert matched.message_id == second.message_id
    assert InboxReceipt.objects.get(operator_id=operator.id).undecided is None


def test_a_part_whose_operator_gave_no_id_is_a_candidate_too(operator: Operator) -> None:
    nameless, doubted = operator.send()[0], operator.send()[0]
    operator.accept(nameless, None)
    operator.doubt(doubted)
    assert operator.take(operator.receipt("a1")) == []
    assert row(doubted).status == "IN_DOUBT"


def test_the_parts_of_a_message_are_proven_when_the_last_of_their_receipts_is_there(operator: Operator) -> None:
    parts = operator.send(3)
    operator.doubt(*parts)
    names = ["a1", "a2", "a3"]
    for number, name in enumerate(names[:2]):
        assert operator.take(operator.receipt(name, taken_at=operator.now - (20 - number) * SECOND)) == []
    matched = operator.take(operator.receipt(names[2]))
    assert [(one.segment, one.operator_message_id) for one in matched] == [(1, "a1"), (2, "a2"), (3, "a3")]
    assert [one.settled is not None for one in matched] == [True, False, False]
    assert {row(part).status for part in parts} == {"DLR_RECEIVED"}
    published = dict(
        InboxReceipt.objects.filter(operator_id=operator.id).values_list("operator_message_id", "published_at")
    )
    assert published == {"a1": None, "a2": None, "a3": operator.now}


def test_a_part_of_a_message_alone_in_doubt_is_proven_beside_its_submitted_siblings(operator: Operator) -> None:
    first, second, third = operator.send(3)
    operator.accept(first, "a1")
    operator.accept(third, "a3")
    operator.doubt(second)
    [matched] = operator.take(operator.receipt("a2"))
    assert (matched.segment, matched.settled is not None) == (2, True)


def test_the_reference_names_the_part(operator: Operator) -> None:
    parts = operator.send(3, user_message_reference="ffff")
    operator.doubt(*parts)
    facts = operator.receipt("a1", user_message_reference="0000", sender="REWRITTEN")
    [matched] = operator.take(facts)
    assert (matched.segment, matched.proof, matched.settled is None) == (2, Proof.REFERENCE, False)
    assert [row(part).status for part in parts] == ["IN_DOUBT", "DLR_RECEIVED", "IN_DOUBT"]


def test_the_submit_date_is_kept_with_a_receipt_that_waits(operator: Operator) -> None:
    [part] = operator.send()
    operator.take(operator.receipt("a1", submit_date=operator.sent_at - timedelta(hours=1)))
    operator.doubt(part)
    assert operator.sweep() == []
    assert row(part).status == "IN_DOUBT"


def test_a_known_id_in_another_base_is_no_proof_of_another_part(operator: Operator) -> None:
    """The operator's rule for ids is wrong: the receipt of the second code must not prove the first."""
    doubted, known = operator.send()[0], operator.send()[0]
    operator.doubt(doubted)
    operator.accept(known, "1F")
    assert operator.take(operator.receipt("31")) == []
    assert row(doubted).status == "IN_DOUBT"
    [matched] = operator.take(operator.receipt("33"))
    assert matched.message_id == doubted.message_id


def test_the_first_try_is_proven_beside_the_second(operator: Operator) -> None:
    [first] = operator.send()
    operator.doubt(first)
    [second] = operator.claim_again(first, in_doubt_wait=0.0).parts
    assert operator.take(operator.receipt("a1", taken_at=operator.now + 10 * SECOND)) == [], "either may be meant"
    operator.accept(second, "b2")
    operator.now += 20 * SECOND
    [matched] = operator.sweep()
    assert (matched.attempt, row(first).status, row(second).status) == (1, "DLR_RECEIVED", "SUBMITTED")


@pytest.mark.parametrize("policy", ["hold", "fail"])
def test_a_part_that_was_parked_is_proven_long_after(operator: Operator, policy: str) -> None:
    [part] = operator.send(in_doubt_policy=policy, in_doubt_wait=0.0)
    operator.doubt(part)
    assert operator.claim_again(part).verdict is Verdict.PARK
    operator.now += timedelta(hours=30)
    [matched] = operator.take(operator.receipt("a1"))
    assert matched.settled is not None
    assert [(state.status, state.failed) for state in matched.settled.parts] == [(RowStatus.DLR_RECEIVED, False)]
    assert operator.claim_again(part).verdict is Verdict.SETTLED


def test_the_frequent_look_sees_only_what_came_into_doubt_lately(operator: Operator) -> None:
    """The receipts of old doubts have their turn when the longest untried are tried, and in the thorough look."""
    [part] = operator.send()
    operator.take(operator.receipt("a1"))
    operator.doubt(part, at=operator.now - 30 * SECOND)
    assert operator.sweep(doubt=20 * SECOND) == []
    [matched] = operator.sweep(doubt=40 * SECOND)
    assert matched.message_id == part.message_id


def test_with_too_many_receipts_waiting_nothing_is_proven(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    [part] = operator.send()
    operator.doubt(part)
    monkeypatch.setattr("ghasi.correlations.proving.MOST_WAITING", 1)
    assert operator.take(operator.receipt("a1")) == []
    monkeypatch.undo()
    assert len(operator.sweep()) == 1


def _at_once(*calls: Any) -> list[Any]:
    barrier = threading.Barrier(len(calls))

    def run(call: Any) -> Any:
        try:
            barrier.wait()
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_a_response_and_the_proof_at_once_never_give_the_receipt_to_the_wrong_part() -> None:
    for _ in range(25):
        one = Operator()
        flying, doubted = one.send()[0], one.send()[0]
        one.doubt(doubted)
        assert one.take(one.receipt("a1")) == []
        _, told = _at_once(lambda one=one, flying=flying: one.accept(flying, "a1"), one.sweep)
        told += one.sweep()
        assert [found.message_id for found in told] == [flying.message_id]
        assert row(doubted).status == "IN_DOUBT"


def test_two_sweeps_at_once_prove_a_part_once(operator: Operator) -> None:
    for _ in range(10):
        one = Operator()
        [part] = one.send()
        one.take(one.receipt("a1"))
        one.doubt(part)
        told = [found for some in _at_once(one.sweep, one.sweep) for found in some]
        assert [found.proof for found in told] == [Proof.FACTS]


def test_candidates_are_found_through_indexes(operator: Operator) -> None:
    names = {
        "operator_ids": [operator.id],
        "tails": [operator.to[-8:]],
        "since": operator.now - timedelta(hours=72),
        "days": lookback_days(operator.now),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.OPEN, {"keys": []})
        cursor.execute(f"EXPLAIN {sql_proof.PARTS_IN_DOUBT}", names)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "doubtful" in plan
    assert "right" in plan
    assert "Seq Scan" not in plan


def test_every_day_has_the_index_new_ones_included(operator: Operator) -> None:
    day = operator.now.date() + timedelta(days=9)
    made = partitions.ensure_partitions(operator.now, 30, ahead=9)
    assert day in made
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'smpp.message_correlations_doubtful'::regclass"
        )
        assert cursor.fetchone() == (len(partitions.existing_days()),)
        for one in made:
            cursor.execute(f"DROP TABLE smpp.message_correlations_{one:%Y%m%d}")
