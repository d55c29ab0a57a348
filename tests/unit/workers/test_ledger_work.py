"""workers.ledger_work: what the lanes ask of the database, on a real PostgreSQL."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, ProgrammingError, connection
from msgspec.structs import replace
from prometheus_client import REGISTRY

from ghasi.correlations import inbox
from ghasi.correlations.models import DeadLetter, MessageCorrelation
from ghasi.correlations.types import Intent, Part, PartFateKind, PartOutcome, ReceiptFacts, Verdict
from workers.ledger_work import (
    DeadLetterRow,
    LedgerAway,
    LedgerFault,
    Preparation,
    Recording,
    confirm,
    guarded,
    index_dead_letter,
    prepare,
    record,
)

pytestmark = pytest.mark.usefixtures("django_ready")
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _connection() -> Iterator[None]:
    yield
    connection.close()


@pytest.fixture
def operator() -> UUID:
    return uuid4()


def intent(operator: UUID, segments: int = 1) -> Intent:
    return Intent(
        message_id=uuid4(),
        event_id=uuid4(),
        operator_id=operator,
        requested_operator_id=operator,
        destination="93701234567",
        sender="GHASI",
        account_id="account",
        segments=segments,
        enqueued_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
    )


def preparation(intents: list[Intent], parts: list[Part], armed: int = 1, epoch: str = "e1") -> Preparation:
    return Preparation(intents, {one.message_id: armed for one in intents}, parts, "r1", epoch, NOW)


def accepted(part: Part, name: str) -> PartOutcome:
    return PartOutcome(
        part.row_id, part.enqueued_day, part.message_id, PartFateKind.ACCEPTED, NOW, name, (name,), command_status=0
    )


def facts(operator: UUID, name: str) -> ReceiptFacts:
    return ReceiptFacts(1, operator, name, (name,), "DELIVERED", "DELIVRD", True, "000", NOW, NOW, "93701234567")


def test_new_commands_are_claimed_and_later_parts_armed_in_one_go(operator: UUID) -> None:
    long = intent(operator, 3)
    first = prepare(preparation([long], []))
    assert [part.gateway_epoch for part in first.claims[0].parts] == ["e1", None, None]
    assert first.armed == set()
    rest = list(first.claims[0].parts[1:])
    both = prepare(preparation([intent(operator)], rest, epoch="e2"))
    assert [claim.verdict for claim in both.claims] == [Verdict.SEND]
    assert both.armed == {part.row_id for part in rest}
    rows = MessageCorrelation.objects.filter(message_id=long.message_id).order_by("segment")
    assert [row.gateway_epoch for row in rows] == ["e1", "e2", "e2"]


def test_nothing_to_prepare_is_nothing(operator: UUID) -> None:
    nothing = prepare(preparation([], []))
    assert (nothing.claims, nothing.armed) == ([], set())


def test_record_settles_messages_and_wakes_receipts_that_came_first(operator: UUID) -> None:
    (claim,) = prepare(preparation([intent(operator)], [])).claims
    name = uuid4().hex
    assert inbox.take_receipts([facts(operator, name)], now=NOW) == []
    recorded = record(Recording(operator, [accepted(claim.parts[0], name)], NOW))
    assert [outcome.message_id for outcome in recorded.outcomes] == [claim.message_id]
    assert [receipt.message_id for receipt in recorded.matched] == [claim.message_id]
    confirm(recorded.matched)
    matched, _ = inbox.sweep_inbox(now=datetime.now(UTC) + timedelta(minutes=1))
    assert claim.message_id not in [receipt.message_id for receipt in matched]


def test_unconfirmed_events_come_again(operator: UUID) -> None:
    (claim,) = prepare(preparation([intent(operator)], [])).claims
    name = uuid4().hex
    inbox.take_receipts([facts(operator, name)], now=NOW)
    record(Recording(operator, [accepted(claim.parts[0], name)], NOW))
    matched, _ = inbox.sweep_inbox(now=datetime.now(UTC) + timedelta(minutes=1))
    assert claim.message_id in [receipt.message_id for receipt in matched]


def test_an_outcome_is_told_though_its_receipts_cannot_be_looked_for(
    operator: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded: another try would find nothing changed, and nothing to tell."""
    (claim,) = prepare(preparation([intent(operator)], [])).claims
    name = uuid4().hex
    inbox.take_receipts([facts(operator, name)], now=NOW)

    def away(*_: object, **__: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(inbox, "rematch", away)
    recorded = record(Recording(operator, [accepted(claim.parts[0], name)], NOW))
    assert [outcome.message_id for outcome in recorded.outcomes] == [claim.message_id]
    assert recorded.matched == []
    monkeypatch.undo()
    matched, _ = inbox.sweep_inbox(now=NOW)
    assert claim.message_id in [receipt.message_id for receipt in matched]


def test_without_an_id_no_receipt_is_looked_for(operator: UUID) -> None:
    (claim,) = prepare(preparation([intent(operator)], [])).claims
    inbox.take_receipts([facts(operator, "")], now=NOW)
    outcome = replace(accepted(claim.parts[0], "x"), operator_message_id=None, lookup_keys=())
    assert record(Recording(operator, [outcome], NOW)).matched == []


def test_a_dead_letter_is_found_by_its_row(operator: UUID) -> None:
    row = DeadLetterRow(operator, 7, "not_json", None, 12, NOW)
    index_dead_letter(row)
    index_dead_letter(dataclasses.replace(row, reason="malformed"))
    (found,) = DeadLetter.objects.filter(operator_id=operator)
    assert (found.stream_seq, found.reason, found.message_id, found.size) == (7, "malformed", None, 12)


def test_a_database_error_costs_the_connection_and_quotes_nothing() -> None:
    @guarded
    def fail(secret: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select %s::int", [secret])

    connection.ensure_connection()
    with pytest.raises(LedgerFault) as away:
        fail("+93701234567")
    assert str(away.value) == "DataError"
    assert away.value.__cause__ is None
    assert away.value.__suppress_context__
    assert connection.connection is None


def test_after_a_lost_connection_the_next_call_gets_a_new_one(operator: UUID) -> None:
    connection.ensure_connection()
    assert connection.connection is not None
    connection.connection.close()
    with pytest.raises(LedgerAway):
        prepare(preparation([intent(operator)], []))
    assert prepare(preparation([intent(operator)], [])).claims[0].verdict is Verdict.SEND


def test_a_fault_that_is_not_the_databases_is_not_hidden() -> None:
    @guarded
    def fail(_: None) -> None:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        fail(None)


def test_a_server_that_refuses_writes_for_now_is_away() -> None:
    """A standby before its promotion."""

    @guarded
    def write(_: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute("set default_transaction_read_only = on")
            cursor.execute("create table smpp.never (id int)")

    with pytest.raises(LedgerAway, match="InternalError"):
        write(None)
    with connection.cursor() as cursor:
        cursor.execute("show default_transaction_read_only")
        assert cursor.fetchone() == ("off",), "the next call has a connection of its own"


@pytest.mark.parametrize(("error", "kind"), [(OperationalError("away"), "away"), (ProgrammingError("no"), "fault")])
def test_what_the_database_did_not_do_is_counted_by_whether_it_is_tried_again(error: Exception, kind: str) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("smpp_connector_ledger_failures_total", {"kind": kind}) or 0.0

    before = counted()
    with pytest.raises((LedgerAway, LedgerFault)):
        guarded(raising(error))(None)
    assert counted() == before + 1


def raising(error: Exception) -> Callable[[None], None]:
    def call(_: None) -> None:
        raise error

    return call
