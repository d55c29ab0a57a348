"""`audit --acknowledge`: the alarm ends for what the span named, by somebody, for a reason, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ghasi.correlations import acknowledging, books, statements
from ghasi.correlations.accounting import Entry, Position
from ghasi.correlations.models import AccountingDouble, AccountingMark, AccountingOpen
from ghasi.operators.actions import OperatorAction
from tests.integration.test_shell_notes import Terminal

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url")
LATER = timedelta(seconds=30)
LONG_AGO = timedelta(days=2)


@pytest.fixture
def operator_id(monkeypatch: pytest.MonkeyPatch) -> Iterator[UUID]:
    monkeypatch.setattr("getpass.getuser", lambda: "machine")
    made = uuid4()
    yield made
    for kind in (AccountingOpen, AccountingDouble, AccountingMark):
        kind.objects.filter(operator_id=made).delete()
    connection.close()


@pytest.fixture(autouse=True, scope="module")
def streams(nats_url: str) -> None:
    call_command("provision")


def lose(operator_id: UUID, *stored: datetime) -> None:
    """Commands that JetStream stored then and holds for settled, and nobody else knows of."""
    now = datetime.now(UTC)
    position = Position(operator_id, now, 9, 9, 0, 0)
    books.begin(books.Page(position, 0, 0, now))
    entries = [Entry(number, at, uuid4(), uuid4(), at) for number, at in enumerate(stored, 3)]
    books.enter(books.Page(position, 0, 9, now, entries))
    books.settle(books.Page(position, 0, 0, now))


def double(operator_id: UUID, *at: datetime) -> None:
    """A message whose parts left twice, one part a time given."""
    message_id = uuid4()
    for segment, one in enumerate(at, 1):
        AccountingDouble.objects.create(message_id=message_id, segment=segment, operator_id=operator_id, at=one)


def noted(operator_id: UUID) -> list[tuple[str, str, str, str, dict[str, Any]]]:
    rows = OperatorAction.objects.filter(target=str(operator_id)).order_by("id")
    return [(row.actor, row.action, row.reason, row.result, row.detail) for row in rows]


def unexplained(operator_id: UUID) -> int:
    return statements.unexplained().get(operator_id, 0)


def test_what_is_acknowledged_ends_the_alarm_and_not_the_finding(operator_id: UUID) -> None:
    now = datetime.now(UTC)
    lose(operator_id, now)
    assert unexplained(operator_id) == 1
    span = (now - LATER, now + LATER)
    assert len(acknowledging.find(*span, [uuid4()])) == 0
    found = acknowledging.find(*span, [operator_id])
    assert acknowledging.acknowledge(found, now) == {operator_id: (1, 0)}
    assert acknowledging.acknowledge(found, now) == {}, "somebody did before"
    assert unexplained(operator_id) == 0
    assert AccountingOpen.objects.filter(operator_id=operator_id, lost_at__isnull=False).count() == 1
    statements.forget(now + LATER * 4)
    assert AccountingOpen.objects.filter(operator_id=operator_id).count() == 0


def test_only_what_the_span_names_is_acknowledged(operator_id: UUID) -> None:
    now = datetime.now(UTC)
    before = now - LONG_AGO
    lose(operator_id, now, before)
    double(operator_id, now, now)
    double(operator_id, before)
    span = (now - LATER, now + LATER)
    found = acknowledging.find(*span, [operator_id])
    assert (len(found), acknowledging.elsewhere(*span, [operator_id])) == (2, 2), "a message of two parts is one"
    double(operator_id, now)
    assert acknowledging.acknowledge(found, now) == {operator_id: (1, 1)}
    assert unexplained(operator_id) == 3, "what came since then nobody has seen"
    assert acknowledging.find(before, now + LATER, []).counts[operator_id] == (1, 2), "without a name, all of them"


def test_the_command_says_what_it_left_and_notes_who_did_it(
    operator_id: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    lose(operator_id, now, now - LONG_AGO)
    given = ["audit", "--operator", str(operator_id), "--last", "1h", "--acknowledge", "--reason", "purged by hand"]
    with pytest.raises(SystemExit) as ended:
        call_command(*given, "--yes", "--json")
    assert ended.value.code == 1, "what is known is no less lost"
    told = json.loads(capsys.readouterr().out)
    assert (told["toAcknowledge"], told["acknowledged"], told["leftOutside"]) == (1, 1, 1)
    assert len(told["operators"][0]["lost"]) == 1
    detail = {"since": told["since"], "until": told["until"], "lost": 1, "doubled": 0}
    assert noted(operator_id) == [("shell:machine", "accounting.acknowledge", "purged by hand", "done", detail)]
    assert unexplained(operator_id) == 1
    with pytest.raises(SystemExit):
        call_command(*given)
    assert "acknowledged 0; nobody has acknowledged 1 outside this span" in capsys.readouterr().out
    assert len(noted(operator_id)) == 1, "there was nothing to ask about"


def test_it_asks_and_wants_a_reason(
    operator_id: UUID, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(operator_id, datetime.now(UTC))
    given = ["audit", "--operator", str(operator_id), "--acknowledge"]
    for lacking in ([], ["--reason", "  ", "--yes"], ["--reason", "known"]):
        with pytest.raises(CommandError) as refused:
            call_command(*given, *lacking)
        assert refused.value.returncode == 2, lacking
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(CommandError) as refused:
        call_command(*given, "--reason", "known")
    said = capsys.readouterr()
    assert refused.value.returncode == 1
    assert "lost: " in said.out, "what it asks about is shown before"
    assert "Acknowledge 1 finding?" in said.err
    assert (unexplained(operator_id), noted(operator_id)) == (1, [])
    with pytest.raises(SystemExit):
        call_command(*given, "--dry-run", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["toAcknowledge"], told["acknowledged"], unexplained(operator_id)) == (1, 0, 1)
