"""Dead letters whose commands were sent again: which are open, who notes it, what list and first page show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from ghasi.correlations import bulk, dead, ledger, replaying
from ghasi.correlations.models import DeadLetter
from ghasi.correlations.replay_letters import Selection
from ghasi.correlations.types import PartFateKind
from ghasi.overview import counts
from tests.support import ledgerui as given
from tests.support.refusing import Refusing

pytestmark = pytest.mark.usefixtures("django_ready")
DEAD = "/admin/correlations/deadletter/"


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE smpp.message_correlations, smpp.bulk_actions, smpp.bulk_items")
    DeadLetter.objects.all().delete()
    yield datetime.now(UTC)
    User.objects.all().delete()
    DeadLetter.objects.all().delete()
    connection.close()


def states(message_id: UUID) -> list[bool]:
    """Of a message's letters, the oldest first: whether it is open."""
    found = DeadLetter.objects.filter(message_id=message_id).order_by("stream_seq")
    return [one is None for one in found.values_list("settled_at", flat=True)]


def on_the_first_page(operator_id: UUID) -> int:
    return counts.read(datetime.now(UTC)).dead.get(str(operator_id), 0)


def listed(client: Client, **query: str) -> bool:
    response = client.get(DEAD, query)
    assert response.status_code == 200
    return "field-reason" in response.content.decode()


def test_the_command_notes_what_it_sends_and_what_comes_back_is_open(now: datetime, nats_url: str) -> None:
    lane = Refusing(nats_url, uuid4(), PartFateKind.REJECTED)
    one = lane.message(now)
    assert (states(one.message_id), on_the_first_page(one.operator_id)) == ([True], 1)
    call_command("replay", str(one.message_id), "--dry-run")
    assert states(one.message_id) == [True], "a dry run notes nothing"
    call_command("replay", str(one.message_id), "--yes")
    assert (states(one.message_id), on_the_first_page(one.operator_id)) == ([False], 0)
    lane.work(now)
    assert (states(one.message_id), on_the_first_page(one.operator_id)) == ([False, True], 1)
    call_command("replay", str(one.message_id), "--yes")
    assert states(one.message_id) == [False, False]


def test_the_admin_notes_it_and_the_list_shows_it(now: datetime, nats_url: str) -> None:
    lane = Refusing(nats_url, uuid4(), PartFateKind.REJECTED)
    one = lane.message(now)
    letter = DeadLetter.objects.get(message_id=one.message_id)
    client = given.staff("view_deadletter", "replay_deadletter")
    assert (listed(client, letter="open"), listed(client, letter="sent")) == (True, False)
    assert not listed(client, letter="nonsense")
    chosen = {"action": "dead_letter.replay", "_selected_action": [str(letter.pk)], "index": "0"}
    path = client.post(f"{DEAD}?letter=open", chosen)["location"]
    assert states(one.message_id) == [True], "a preview sends nothing"
    client.post(path, {"do": "order", "reason": "the number was unblocked"})
    while bulk.turn(now):
        pass
    assert states(one.message_id) == [False]
    assert (listed(client, letter="open"), listed(client, letter="sent")) == (False, True)
    assert "Sent again" in client.get(DEAD).content.decode()


def test_held_parts_that_are_sent_again_are_not_open_any_more(now: datetime, nats_url: str) -> None:
    one, _ = given.held(now)
    given.bury(nats_url, one, given.command(one), "in_doubt:hold", now)
    call_command("held", "resend", str(one.message_id), "--reason", "asked the operator", "--yes")
    assert states(one.message_id) == [False]


def test_a_call_that_was_cut_off_is_made_good_by_the_next(
    now: datetime, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = given.intent(now)
    (part,) = given.claimed(one, now)
    ledger.record([given.fate(part, now, PartFateKind.REJECTED, command_status=0x0B)], now=now)
    letter = given.bury(nats_url, one, given.command(one), "rejected:ESME_RINVDSTADR", now)

    class Killed(Exception):
        pass

    def killed(*_: Any) -> int:
        raise Killed

    chosen = Selection(letter_ids=(letter.pk,))
    plan = replaying.make_plan(chosen)
    with monkeypatch.context() as patched:
        patched.setattr(replaying, "note_sent", lambda _: None)
        patched.setattr(dead, "sent_again", killed)
        with pytest.raises(Killed):
            replaying.carry_out(plan, by="somebody")
    assert len(given.dispatched(nats_url, one.operator_id)) == 1
    assert states(one.message_id) == [True]
    [again] = given.claimed(given.intent(now, **again_as(one)), now)
    ledger.record([given.accepted(again, now, "id-again")], now=now)
    call_command("replay", str(one.message_id), "--yes")
    assert states(one.message_id) == [False], "the operator has it"


def again_as(one: Any) -> dict[str, Any]:
    names = ("message_id", "event_id", "operator_id", "destination")
    return {name: getattr(one, name) for name in names} | {"replay_attempt": 1}


def test_a_repeat_of_the_index_leaves_it_and_another_message_at_its_place_is_open(now: datetime) -> None:
    operator, first, other = uuid4(), uuid4(), uuid4()
    dead.dead_letter_index(operator, 5, "bad_text", first, 10, now)
    assert dead.sent_again([(first, 5)], now) == 1
    assert dead.sent_again([(first, 5)], now + timedelta(hours=1)) == 0, "the first time counts"
    dead.dead_letter_index(operator, 5, "bad_text", first, 10, now)
    assert states(first) == [False]
    dead.dead_letter_index(operator, 5, "bad_text", other, 10, now)
    assert states(other) == [True]


def test_open_ones_are_counted_by_their_index() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(counts._BOUNDS)
        cursor.execute(f"EXPLAIN {counts._DEAD}", {"since": datetime.now(UTC), "most": 10})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "dead_letters_open" in plan
