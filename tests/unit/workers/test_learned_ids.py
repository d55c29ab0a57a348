"""workers.learned_ids and workers.upkeep_ids: what is asked of the database, and how often."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from ghasi.contracts.sessions import SendRules, SessionRecord, State
from ghasi.correlations import id_collecting, id_learning, id_states, id_store
from ghasi.correlations.types import MatchedReceipt, Proof, ReceiptFacts
from ghasi.smpp.id_inference import Pair
from ghasi.smpp.id_relation import parse_relation
from workers import upkeep_ids
from workers.learned_ids import SAMPLES, LearnedIds, SeenIds
from workers.upkeep_ids import IdLearning

OPERATOR = UUID("550e8400-e29b-41d4-a716-446655440001")
NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Database:
    """What the module asks of it, in place of the ledger: how often is what these tests are about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.away = False
        self.pairs: list[Pair] = []
        self.counted: list[tuple[int, int]] = []
        monkeypatch.setattr(id_store, "in_force", self.in_force)
        monkeypatch.setattr(id_collecting, "confirm", self.confirm)
        monkeypatch.setattr(id_store, "add_pairs", lambda _operator, found, _now: self.pairs.extend(found))
        monkeypatch.setattr(id_store, "count_receipts", lambda _operator, *counts: self.counted.append(counts))

    def in_force(self) -> dict[str, Any]:
        self.asked += 1
        return {str(OPERATOR): parse_relation("hex>dec")}

    def confirm(self, _operator: UUID, matched: dict[Pair, str], *, now: datetime) -> list[Pair]:
        if self.away:
            raise OperationalError("away")
        return list(matched)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database(monkeypatch)


def facts(name: str) -> ReceiptFacts:
    return ReceiptFacts(1, OPERATOR, name, (name,), "DELIVERED", "DELIVRD", True, "000", None, NOW, "93701234567")


def matched(name: str, proof: Proof | None = None) -> MatchedReceipt:
    return MatchedReceipt(facts(name), OPERATOR, 1, 1, 1, name.upper(), NOW, None, proof=proof)


def test_relations_are_read_now_and_then(database: Database) -> None:
    clock = Clock()
    learned = LearnedIds(clock, every=5.0)
    for _ in range(100):
        assert str(learned.of(str(OPERATOR))) == "hex>dec"
        assert learned.of("other") is None
    assert database.asked == 1
    clock.now += 5
    learned.of("other")
    assert database.asked == 2


def test_a_few_matched_receipts_are_written_down_once_a_while(database: Database) -> None:
    clock = Clock()
    seen = SeenIds(clock, every=60.0)
    many = [matched(f"a{n}") for n in range(50)]
    for _ in range(3):
        seen.note([one.facts for one in many], many[:40], NOW)
    assert database.counted == []
    clock.now += 60
    seen.note([facts("b1")], [matched("b1", Proof.FACTS)], NOW)
    assert database.counted == [(151, 30)]
    assert len(database.pairs) == SAMPLES
    clock.now += 60
    seen.note([facts("b2")], [matched("b2", Proof.FACTS)], NOW)
    assert database.counted == [(151, 30)], "a minute begins with its first receipt"


def test_what_cannot_be_written_down_is_forgotten(database: Database) -> None:
    clock = Clock()
    seen = SeenIds(clock, every=0.0)
    database.away = True
    seen.note([facts("a1")], [matched("a1")], NOW)
    assert database.counted == []
    database.away = False
    seen.note([facts("a2")], [matched("a2")], NOW)
    assert (database.counted, database.pairs) == ([(1, 0)], [Pair("A2", "a2")])
    seen.note([], [], NOW)


def test_operators_take_turns_and_those_with_an_id_base_take_none(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[UUID] = []
    monkeypatch.setattr(upkeep_ids.id_learning, "look", lambda operator_id, **_: looked.append(operator_id))
    monkeypatch.setattr(upkeep_ids, "AT_ONCE", 2)
    ids = [UUID(int=n) for n in range(1, 6)]

    def record(operator_id: UUID) -> SessionRecord:
        base = "hex" if operator_id.int == 4 else "text"
        limit = 0 if operator_id.int == 5 else 10
        return SessionRecord(
            operator_id=str(operator_id),
            replica="g1",
            epoch="e1",
            state=State.BOUND,
            tps_limit=limit,
            rules=SendRules(id_base=base),
        )

    records = [record(one) for one in ids]
    learning = IdLearning(lambda: records)
    for _ in range(3):
        assert learning.run(NOW) == []
    assert [one.int for one in looked] == [1, 2, 3, 1, 2, 3]
    records.clear()
    learning.run(NOW)
    assert len(looked) == 6


def test_the_log_of_a_proposal_holds_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    before = id_states.Standing(id_states.State.NONE, NOW)
    after = id_states.Standing(id_states.State.PROPOSED, NOW, candidate="cut-prefix:93701234567 hex>dec")
    look = id_learning.Look(OPERATOR, before, after)
    monkeypatch.setattr(id_learning, "look", lambda *_, **__: look)
    monkeypatch.setattr(IdLearning, "_rekey", lambda *_: None)
    session = SessionRecord(
        operator_id=str(OPERATOR), replica="g1", epoch="e1", state=State.BOUND, tps_limit=10, rules=SendRules()
    )
    with capture_logs() as logs:
        IdLearning(lambda: [session]).run(NOW)
    assert [one["detail"] for one in logs if one["event"] == "ids.relation"] == ["cut-prefix:••• hex>dec"]
