"""The books on a real NATS and a real PostgreSQL: what holds, what is lost, what is doubled, and who reads on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from nats.js.api import RetentionPolicy, StreamConfig

from ghasi.bus import Bus, BusError, BusSettings, Settlement, client
from ghasi.contracts import subjects
from ghasi.correlations import books, command_reader, doubles, statements
from ghasi.correlations.accounting import Entry, Outcome, Position
from ghasi.correlations.command_reader import Unreadable, read_page, read_positions
from ghasi.correlations.ids import row_id
from ghasi.correlations.models import AccountingDouble, AccountingOpen, MessageCorrelation
from ghasi.correlations.types import PartFateKind
from ghasi.devstack.servers import Servers
from tests.support.counter import Counter
from tests.support.platform import command

pytestmark = pytest.mark.usefixtures("django_ready")
LATER = timedelta(seconds=30)


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    await made.ensure()
    yield made
    await made.close()


@pytest.fixture
async def counter(bus: Bus) -> AsyncIterator[Counter]:
    made = Counter(bus)
    yield made
    await made.close()


async def sweep(counter: Counter) -> None:
    await counter.on_thread(lambda: doubles.sweep_doubles(datetime.now(UTC), timedelta(seconds=-1)))


async def copy_row(counter: Counter, message_id: str, **changes: Any) -> None:
    """A further row of a message that no worker wrote."""

    def make() -> None:
        row = MessageCorrelation.objects.get(message_id=message_id)
        for name, value in {"id": row_id(datetime.now(UTC)), **changes}.items():
            setattr(row, name, value)
        row.save(force_insert=True)

    await counter.on_thread(make)


async def test_every_way_a_command_may_end_is_counted_once(counter: Counter) -> None:
    good, refused, late, doubt, kept = await counter.commands(5)
    await counter.publish(b"not json")
    messages = await counter.take(6)
    await counter.submit(good)
    await counter.end(await counter.send(refused), PartFateKind.REJECTED, command_status=0x0B)
    await counter.bury(messages[1], "rejected:ESME_RINVDSTADR", refused["messageId"])
    past = datetime.now(UTC) - timedelta(seconds=1)
    await counter.send({**late, "expiresAt": past.isoformat()})
    await counter.end(await counter.send(doubt), PartFateKind.IN_DOUBT, reason="unanswered")
    assert await counter.send(doubt, in_doubt_policy="hold", in_doubt_wait=0.0) == []
    await counter.bury(messages[3], "in_doubt:hold", doubt["messageId"])
    await counter.bury(messages[5], "not_json")
    await counter.ack(messages[0], messages[1], messages[2], messages[3], messages[5])
    held = await counter.audit()
    assert (held.taken, held.in_hand, held.difference, held.holds) == (6, 1, 0, True)
    assert held.outcomes == {
        Outcome.SUBMITTED: 1,
        Outcome.REJECTED: 1,
        Outcome.EXPIRED: 1,
        Outcome.IN_DOUBT: 1,
        Outcome.DEAD: 1,
        Outcome.DUPLICATES: 0,
    }
    await counter.submit(kept)
    await counter.ack(messages[4])
    assert (await counter.audit()).outcomes[Outcome.SUBMITTED] == 2


async def test_a_command_acknowledged_behind_our_backs_is_lost_and_named(counter: Counter) -> None:
    good, gone = await counter.commands(2)
    messages = await counter.take(2)
    await counter.submit(good)
    await counter.ack(*messages)
    found = await counter.audit()
    assert (found.taken, found.difference, found.lost) == (2, 1, (gone["messageId"],))
    assert not found.holds
    assert (await counter.on_thread(statements.unexplained))[UUID(counter.operator_id)] == 1


async def test_one_that_names_no_message_is_named_by_its_place(counter: Counter) -> None:
    await counter.publish(b"not json", json.dumps({"messageId": 7, "eventId": "x"}).encode(), b'{"messageId": ')
    messages = await counter.take(3)
    await counter.ack(*messages)
    assert (await counter.audit()).lost == tuple(f"sequence {one.sequence}" for one in messages)


async def test_a_row_that_was_only_begun_is_no_outcome(counter: Counter) -> None:
    prepared, refused, waiting = await counter.commands(3)
    messages = await counter.take(3)
    await counter.send(prepared)
    retry = datetime.now(UTC) + timedelta(minutes=1)
    await counter.end(await counter.send(refused), PartFateKind.REJECTED, command_status=0x58, retry_at=retry)
    await counter.end(await counter.send(waiting), PartFateKind.IN_DOUBT)
    held = await counter.audit()
    assert (held.in_hand, held.holds) == (3, True)
    await counter.ack(*messages)
    assert set((await counter.audit()).lost) == {one["messageId"] for one in (prepared, refused, waiting)}


async def test_above_an_ack_floor_that_stands_still_a_loss_shows_by_number(counter: Counter) -> None:
    slow, good, gone = await counter.commands(3)
    messages = await counter.take(3)
    await counter.submit(good)
    await counter.ack(messages[1])
    held = await counter.audit()
    assert (held.in_hand, held.holds) == (2, True)
    await counter.ack(messages[2])
    found = await counter.audit()
    assert (found.excess, found.lost, found.holds) == (1, (), False)
    await counter.submit(slow)
    await counter.ack(messages[0])
    found = await counter.audit()
    assert (found.excess, found.lost) == (0, (gone["messageId"],))


async def test_a_lost_command_that_is_sent_after_all_is_found_again(counter: Counter) -> None:
    (gone,) = await counter.commands(1)
    await counter.ack(*await counter.take(1))
    assert (await counter.audit()).lost == (gone["messageId"],)
    await counter.submit(gone)
    found = await counter.audit()
    assert (found.lost, found.holds, found.outcomes[Outcome.SUBMITTED]) == ((), True, 1)


async def test_repeats_and_new_events_of_a_message_are_duplicates(counter: Counter) -> None:
    (first,) = await counter.commands(1)
    await counter.submit(first)
    await counter.publish(first | {"eventId": str(uuid4())})
    messages = await counter.take(2)
    await counter.ack(*messages)
    found = await counter.audit()
    assert (found.taken, found.holds) == (2, True)
    assert (found.outcomes[Outcome.SUBMITTED], found.outcomes[Outcome.DUPLICATES]) == (1, 1)


async def test_a_new_event_after_a_refusal_is_a_command_of_its_own(counter: Counter) -> None:
    (first,) = await counter.commands(1)
    await counter.end(await counter.send(first), PartFateKind.REJECTED, command_status=0x0B)
    second = first | {"eventId": str(uuid4())}
    await counter.publish(second)
    messages = await counter.take(2)
    await counter.ack(messages[0])
    held = await counter.audit()
    assert (held.outcomes[Outcome.REJECTED], held.in_hand, held.holds) == (1, 1, True)
    await counter.submit(second)
    await counter.ack(messages[1])
    found = await counter.audit()
    assert (found.outcomes[Outcome.REJECTED], found.outcomes[Outcome.SUBMITTED], found.holds) == (1, 1, True)


async def test_a_new_event_under_another_day_finds_its_message(counter: Counter) -> None:
    (first,) = await counter.commands(1)
    await counter.submit(first)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    await counter.publish(first | {"eventId": str(uuid4()), "enqueuedAt": yesterday})
    await counter.ack(*await counter.take(2))
    found = await counter.audit()
    assert (found.outcomes[Outcome.DUPLICATES], found.holds) == (1, True)


async def test_a_replay_is_open_until_it_was_tried_and_lost_if_it_never_was(counter: Counter) -> None:
    (first,) = await counter.commands(1)
    await counter.end(await counter.send(first), PartFateKind.REJECTED, command_status=0x0B)
    await counter.ack(*await counter.take(1))
    assert (await counter.audit()).holds
    await counter.publish(first, **{subjects.HEADER_REPLAY: "1"})
    await counter.ack(*await counter.take(1))
    found = await counter.audit()
    assert (found.taken, found.lost) == (2, (first["messageId"],))
    await counter.end(await counter.send(first, replay_attempt=1))
    found = await counter.audit()
    assert (found.holds, found.outcomes[Outcome.SUBMITTED], found.outcomes[Outcome.REJECTED]) == (True, 1, 1)


async def test_bytes_kept_of_a_command_with_rows_are_no_dead_letter(counter: Counter) -> None:
    (one,) = await counter.commands(1)
    (message,) = await counter.take(1)
    await counter.bury(message, "rejected:ESME_RINVDSTADR", one["messageId"])
    await counter.ack(message)
    assert (await counter.audit()).lost == (one["messageId"],), "kept, and the ledger knows nothing of it"


async def test_a_dead_letter_of_an_older_stream_is_not_this_command(counter: Counter) -> None:
    (one,) = await counter.commands(1)
    (message,) = await counter.take(1)
    await counter.bury(message, "malformed", one["messageId"])
    await counter.on_thread(
        lambda: statements.execute(
            "UPDATE smpp.dead_letters SET at = now() - interval '1 day' WHERE operator_id = %(id)s",
            {"id": counter.operator_id},
        )
    )
    await counter.ack(message)
    assert (await counter.audit()).lost == (one["messageId"],)


async def test_two_submissions_without_a_record_are_a_double(counter: Counter) -> None:
    (one,) = await counter.commands(1)
    await counter.submit(one)
    await counter.ack(*await counter.take(1))
    assert (await counter.audit()).holds
    await copy_row(counter, one["messageId"], attempt=2, prepared_at=datetime.now(UTC))
    await sweep(counter)
    found = await counter.balance()
    assert (found.doubled, found.difference, found.holds) == ((one["messageId"],), 0, False)
    await sweep(counter)
    assert await counter.on_thread(AccountingDouble.objects.filter(message_id=one["messageId"]).count) == 1


async def test_a_second_try_on_record_is_no_double(counter: Counter) -> None:
    (one,) = await counter.commands(1)
    await counter.end(await counter.send(one), PartFateKind.IN_DOUBT)
    again = await counter.send(one, in_doubt_wait=0.0)
    assert [part.possible_duplicate for part in again] == [True]
    await counter.end(again)
    await counter.ack(*await counter.take(1))
    found = await counter.audit()
    await sweep(counter)
    assert (found.outcomes[Outcome.SUBMITTED], (await counter.balance()).doubled) == (1, ())


async def test_a_command_that_left_and_is_a_dead_letter_has_two_outcomes(counter: Counter) -> None:
    (one,) = await counter.commands(1)
    (message,) = await counter.take(1)
    await counter.submit(one)
    await counter.bury(message, "bad_text", one["messageId"])
    await counter.ack(message)
    found = await counter.audit()
    assert (found.outcomes[Outcome.DEAD], found.doubled, found.holds) == (1, (one["messageId"],), False)


async def test_many_pages_are_entered_once_though_two_keep_the_books(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_reader.read_page, "__defaults__", (7,))
    made = await counter.commands(40)
    messages = await counter.take(40)
    for one in made:
        await counter.submit(one)
    await counter.ack(*messages)
    position = await counter.position()
    await asyncio.gather(*(counter.accountant().turn(position, at_once=True) for _ in range(4)))
    found = await counter.balance()
    assert (found.taken, found.outcomes[Outcome.SUBMITTED], found.holds) == (40, 40, True)


async def test_what_was_delivered_since_the_last_turn_waits_for_the_next(counter: Counter) -> None:
    await counter.commands(2)
    accountant = counter.accountant()
    messages = await counter.take(2)
    await accountant.turn(await counter.position())
    assert (await counter.balance()).taken == 0
    await accountant.turn(await counter.position())
    assert ((await counter.balance()).taken, accountant.read_to) == (2, messages[-1].sequence)


async def test_what_is_settled_is_looked_at_at_once(counter: Counter) -> None:
    await counter.commands(1)
    await counter.ack(*await counter.take(1))
    await counter.accountant().turn(await counter.position())
    assert len((await counter.balance()).lost) == 1


async def test_commands_nobody_has_pulled_are_not_taken(counter: Counter) -> None:
    await counter.commands(3)
    (message,) = await counter.take(1)
    found = await counter.audit()
    assert (found.taken, found.in_hand, found.holds) == (1, 1, True)
    position = await counter.position()
    assert (position.unsettled, position.waiting) == (1, 2)
    await counter.bus.settle([message], Settlement.GIVEN_BACK)


async def test_only_operators_with_a_consumer_have_a_position(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert counter.operator_id not in await read_positions(counter.bus)
    await counter.commands(1)
    await counter.ack(*await counter.take(1))
    assert counter.operator_id in await read_positions(counter.bus)
    monkeypatch.setattr(client, "CONSUMERS_A_PAGE", 1)
    assert counter.operator_id in await read_positions(counter.bus)


async def test_an_operator_is_quiet_until_something_moves(counter: Counter) -> None:
    (one,) = await counter.commands(1)
    accountant = counter.accountant()
    (message,) = await counter.take(1)
    await accountant.turn(await counter.position(), at_once=True)
    assert not accountant.quiet(await counter.position()), "it has something in hand"
    await counter.submit(one)
    await counter.ack(message)
    await accountant.turn(await counter.position(), at_once=True)
    assert accountant.quiet(await counter.position())
    await counter.commands(1)
    await counter.ack(*await counter.take(1))
    assert not accountant.quiet(await counter.position())


async def test_a_message_that_was_purged_ends_the_reading_and_does_not_hold_it_up(counter: Counter) -> None:
    await counter.commands(3)
    last = (await counter.take(3))[-1].sequence
    await counter.bus.js.delete_msg(subjects.SMS_DISPATCH, last)
    entries, end = await read_page(counter.bus, counter.operator_id, 0, last)
    assert (len(entries), end) == (2, last)


async def test_a_position_at_another_operators_message_is_read_to_the_end(counter: Counter) -> None:
    await counter.commands(2)
    own = await counter.take(2)
    other = Counter(counter.bus)
    await other.commands(1)
    (foreign,) = await other.take(1)
    entries, end = await read_page(counter.bus, counter.operator_id, 0, foreign.sequence)
    assert ([one.sequence for one in entries], end) == ([one.sequence for one in own], foreign.sequence)
    assert await read_page(counter.bus, counter.operator_id, own[-1].sequence, foreign.sequence) == (
        [],
        foreign.sequence,
    )
    await other.close()


async def test_a_replica_that_does_not_have_all_yet_is_not_believed(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await counter.commands(2)
    last = (await counter.take(2))[-1].sequence
    whole = command_reader._get

    async def lags(bus: Bus, subject: str, start: int, size: int) -> Any:
        messages, _ = await whole(bus, subject, start, size)
        return messages[:-1], True

    monkeypatch.setattr(command_reader, "_get", lags)
    with pytest.raises(BusError, match="lags"):
        await read_page(counter.bus, counter.operator_id, 0, last)


async def test_a_position_older_than_the_books_finds_no_excess(counter: Counter) -> None:
    await counter.commands(1)
    await counter.take(1)
    position = await counter.position()
    await counter.commands(2)
    await counter.take(2)
    await counter.audit()
    await counter.on_thread(books.settle, books.Page(position, 0, 0, datetime.now(UTC)))
    assert (await counter.balance()).excess == 0


def test_page_of_a_stream_made_anew_begins_again() -> None:
    operator_id, now = uuid4(), datetime.now(UTC)
    old = Position(operator_id, now - timedelta(days=1), 0, 5, 1, 0)
    assert books.begin(books.Page(old, 0, 0, now)) == (0, 0)
    entry = Entry(5, now, uuid4(), uuid4(), now)
    assert books.enter(books.Page(old, 0, 5, now, [entry])) == 5
    assert books.begin(books.Page(old, 0, 0, now)) == (5, 0)
    new = Position(operator_id, now, 0, 2, 0, 0)
    assert books.enter(books.Page(new, 5, 6, now, [])) == 5, "nothing is entered before the books begin anew"
    assert books.begin(books.Page(new, 0, 0, now)) == (0, 1)
    (found,) = [
        one for one in statements.balances(now - LATER * 4, now + LATER * 4) if one.operator_id == operator_id
    ]
    assert (found.taken, found.untold, found.in_hand, found.holds) == (1, 1, 0, True)
    books.enter(books.Page(new, 0, 0, now, untold=3))
    (found,) = [
        one for one in statements.balances(now - LATER * 4, now + LATER * 4) if one.operator_id == operator_id
    ]
    assert (found.taken, found.untold, found.holds) == (4, 4, True)


def test_of_a_day_that_the_ledger_has_dropped_nobody_can_tell() -> None:
    operator_id, now = uuid4(), datetime.now(UTC)
    position = Position(operator_id, now, 9, 9, 0, 0)
    books.begin(books.Page(position, 0, 0, now))
    old = Entry(3, now, uuid4(), uuid4(), now - timedelta(days=40))
    new = Entry(4, now, uuid4(), uuid4(), now - timedelta(days=20))
    again = Entry(5, now, uuid4(), uuid4(), now - timedelta(days=40), replay_attempt=1)
    books.enter(books.Page(position, 0, 9, now, [old, new, again]))
    assert books.settle(books.Page(position, 0, 0, now)) == 1
    (found,) = [
        one for one in statements.balances(now - LATER * 4, now + LATER * 4) if one.operator_id == operator_id
    ]
    assert (found.untold, found.difference) == (1, 2)
    assert set(found.lost) == {str(new.message_id), str(again.message_id)}, "a replay stands under the day it came"


async def test_a_stream_that_leaves_nothing_to_read_is_said_to(own_servers: Callable[..., Servers]) -> None:
    bus = await Bus.connect(BusSettings((own_servers(only=["nats"]).nats_url,)), "test")
    config = StreamConfig(
        name=subjects.SMS_DISPATCH, subjects=["smpp.operator.*"], retention=RetentionPolicy.WORK_QUEUE
    )
    await bus.js.add_stream(config)
    made = Counter(bus)
    try:
        await made.commands(1)
        await made.take(1)
        with pytest.raises(Unreadable, match="removes what is acknowledged"):
            await read_positions(bus)
    finally:
        await made.close()
        await bus.close()


def test_the_command_tells_and_its_exit_code_says_it(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def play() -> tuple[str, str]:
        bus = await Bus.connect(BusSettings((nats_url,)), "test")
        await bus.ensure()
        made = Counter(bus)
        good, gone = await made.commands(2)
        messages = await made.take(2)
        await made.submit(good)
        await made.ack(*messages)
        await made.close()
        await bus.close()
        return made.operator_id, gone["messageId"]

    operator_id, gone = asyncio.run(play())
    with pytest.raises(SystemExit) as end:
        call_command("audit", "--operator", operator_id, "--json")
    assert end.value.code == 1
    (told,) = json.loads(capsys.readouterr().out)["operators"]
    assert (told["taken"], told["submitted"], told["lost"], told["difference"]) == (2, 1, [gone], 1)
    with pytest.raises(SystemExit):
        call_command("audit", "--operator", operator_id, "--last", "2h", "--acknowledge", "--dry-run")
    out = capsys.readouterr().out
    assert f"{operator_id} lost: {gone}" in out
    assert "does not hold" in out
    assert "would acknowledge 1; nobody has acknowledged 0 outside this span" in out
    assert command(operator_id)["to"].lstrip("+") not in out
    nobody = str(uuid4())
    call_command("audit", "--operator", nobody)
    assert "holds" in capsys.readouterr().out
    AccountingOpen.objects.filter(operator_id=operator_id).delete()
