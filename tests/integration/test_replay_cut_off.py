"""Replays that are killed between their steps, or interrupted, while what they sent is refused again: the next call
goes on with the same tries and makes none twice. Real servers, the commands as processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection

from ghasi import crash
from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects
from ghasi.correlations import bulk, replay_entries, replay_tries, replaying
from ghasi.correlations.models import DeadLetter, ReplayTry
from ghasi.correlations.replay_letters import Selection
from ghasi.correlations.types import Intent, PartFateKind
from ghasi.devstack.servers import Servers
from ghasi.operators.models import OperatorAction
from ghasi.operators.shell import noted
from tests.support import ledgerui as given
from tests.support.refusing import Refusing

pytestmark = pytest.mark.usefixtures("django_ready")

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 3


@pytest.fixture
def lane(request: pytest.FixtureRequest, nats_url: str) -> Iterator[Refusing]:
    """It refuses, unless the test asks for another kind."""
    yield Refusing(nats_url, uuid4(), getattr(request, "param", PartFateKind.REJECTED))
    ReplayTry.objects.all().delete()
    connection.close()


@pytest.fixture
def ones(lane: Refusing) -> list[Intent]:
    return [lane.message(datetime.now(UTC)) for _ in range(MESSAGES)]


def start(servers: Servers, lane: Refusing, *words: str, fault: str = "") -> subprocess.Popen[bytes]:
    argv = [sys.executable, "manage.py", *words, "--operator", str(lane.operator_id), "--yes", "--json"]
    env = {**os.environ, **servers.env(), "FAULT_POINT": fault}
    return subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(servers: Servers, lane: Refusing, *words: str, fault: str = "") -> int:
    process = start(servers, lane, *words, fault=fault)
    _, err = process.communicate()
    assert not err, err
    return process.returncode


REPLAY = ("replay", "--rate", "200")


BOTH = pytest.mark.parametrize(
    "lane", [PartFateKind.REJECTED, PartFateKind.HELD], ids=["rejected", "in doubt"], indirect=True
)


@BOTH
@pytest.mark.parametrize("point", crash.COMMANDS)
def test_killed_between_its_steps_and_refused_again(
    servers: Servers, lane: Refusing, ones: list[Intent], point: str
) -> None:
    assert run(servers, lane, *REPLAY, fault=f"{point}:2") == -signal.SIGKILL
    assert lane.copies() == (1 if point == "replay.begun" else 2)
    lane.work(datetime.now(UTC))
    assert run(servers, lane, *REPLAY) == 0
    lane.work(datetime.now(UTC))
    assert list(lane.tries.values()) == [[1, 2]] * MESSAGES, "each was sent once more, by two calls"
    assert not ReplayTry.objects.exists()
    assert run(servers, lane, *REPLAY) == 0
    lane.work(datetime.now(UTC))
    assert list(lane.tries.values()) == [[1, 2, 3]] * MESSAGES, "what came back is a new call's"


def test_killed_again_and_again(servers: Servers, lane: Refusing, ones: list[Intent]) -> None:
    for fault in ("replay.published:1", "replay.begun:1", "replay.published:1", "replay.published:1"):
        assert run(servers, lane, *REPLAY, fault=fault) == -signal.SIGKILL
        lane.work(datetime.now(UTC))
    assert run(servers, lane, *REPLAY) == 0
    lane.work(datetime.now(UTC))
    assert list(lane.tries.values()) == [[1, 2]] * MESSAGES


def test_the_next_call_comes_before_the_lane_does(servers: Servers, lane: Refusing, ones: list[Intent]) -> None:
    assert run(servers, lane, *REPLAY, fault="replay.published:2") == -signal.SIGKILL
    assert run(servers, lane, *REPLAY) == 0
    assert lane.copies() == MESSAGES
    _without_msg_id(lane)
    lane.work(datetime.now(UTC))
    assert list(lane.tries.values()) == [[1, 2]] * MESSAGES, "what JetStream had forgotten the ledger answers"


def _without_msg_id(lane: Refusing) -> None:
    """Every copy once more, as after the ten minutes in which JetStream recognises it."""

    async def publish() -> None:
        bus = await Bus.connect(BusSettings(urls=(lane.nats_url,)), name="test")
        try:
            subject = subjects.dispatch(str(lane.operator_id))
            for headers, body in given_copies:
                replay = {subjects.HEADER_REPLAY: headers[subjects.HEADER_REPLAY]}
                await bus.publish(Publication(subject, body, uuid4().hex, replay))
        finally:
            await bus.close()

    given_copies = given.dispatched(lane.nats_url, lane.operator_id)
    asyncio.run(publish())


def test_interrupted_and_refused_again(servers: Servers, lane: Refusing, ones: list[Intent]) -> None:
    process = start(servers, lane, "replay", "--rate", "0.5")
    end = time.monotonic() + 60
    while not lane.copies():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    lane.work(datetime.now(UTC))
    assert sorted(lane.tries.values(), key=len)[-1] == [1, 2]
    assert run(servers, lane, *REPLAY) == 0
    lane.work(datetime.now(UTC))
    assert list(lane.tries.values()) == [[1, 2]] * MESSAGES


def test_a_dry_run_ends_nothing(servers: Servers, lane: Refusing, ones: list[Intent]) -> None:
    assert run(servers, lane, *REPLAY, fault="replay.published:1") == -signal.SIGKILL
    lane.work(datetime.now(UTC))
    for _ in range(2):
        seen = replay_tries.Run()
        selection = Selection(operator_id=lane.operator_id)
        plan = replaying.make_plan(selection, begun=seen.begun)
        assert plan.skipped[replaying.Why.REPLAYED] == 2, "both letters of the one that was sent"
        assert run(servers, lane, *REPLAY, "--dry-run") == 0


@pytest.mark.parametrize("lane", [PartFateKind.HELD], ids=["in doubt"], indirect=True)
@pytest.mark.parametrize("point", crash.COMMANDS)
def test_held_parts_are_sent_again_once(servers: Servers, lane: Refusing, ones: list[Intent], point: str) -> None:
    assert run(servers, lane, "held", "resend", fault=f"{point}:2") == -signal.SIGKILL
    lane.work(datetime.now(UTC))
    assert run(servers, lane, "held", "resend") == 0
    lane.work(datetime.now(UTC))
    assert list(lane.tries.values()) == [[1, 2]] * MESSAGES
    assert run(servers, lane, "held", "resend") == 0
    lane.work(datetime.now(UTC))
    assert list(lane.tries.values()) == [[1, 2, 3]] * MESSAGES


def test_what_nobody_comes_back_to_is_forgotten(ones: list[Intent]) -> None:
    now = datetime.now(UTC)
    cut_off = replay_tries.Run()
    for one, attempt in zip(ones, (1, 2, 3), strict=True):
        cut_off.begin(one.message_id, attempt)
    old = ReplayTry.objects.get(attempt=1)
    ReplayTry.objects.filter(pk=old.pk).update(begun_at=now - replay_tries.KEPT - timedelta(days=1))
    replay_tries.forget(now)
    seen = replay_tries.Run()
    assert sorted(seen.begun([one.message_id for one in ones]).values()) == [2, 3]
    assert cut_off.begun([one.message_id for one in ones]) == {}, "its own is not an earlier one's"


def test_a_run_takes_away_what_it_looked_at_and_no_more(ones: list[Intent]) -> None:
    """Somebody else's run goes on beside it."""
    other, mine = replay_tries.Run(), replay_tries.Run()
    other.begin(ones[0].message_id, 1)
    mine.begun([one.message_id for one in ones])
    other.begin(ones[1].message_id, 1)
    mine.begin(ones[2].message_id, 1)
    mine.finish()
    assert [one.message_id for one in ReplayTry.objects.all()] == [ones[1].message_id]


RESEND = ("held", "resend")
LATER = timedelta(minutes=11)
UNTOLD, SENT, PERHAPS, UNSENT = "asked", "done", "cut off, may have been sent", "cut off, not sent"


def told(ones: list[Intent]) -> list[list[str]]:
    """What the list of what the staff did says of each message, the oldest entry first; in the order of the call."""
    begun = {one.message_id: one.pk for one in ReplayTry.objects.all()}
    ordered = sorted(ones, key=lambda one: (begun.get(one.message_id, 10**12), one.message_id))
    found = [OperatorAction.objects.filter(target=str(one.message_id)).order_by("id") for one in ordered]
    return [[entry.result for entry in entries] for entries in found]


@pytest.mark.parametrize("lane", [PartFateKind.HELD], ids=["in doubt"], indirect=True)
@pytest.mark.parametrize(
    ("words", "point", "works", "second"),
    [
        (REPLAY, "replay.begun", True, PERHAPS),
        (REPLAY, "replay.published", False, PERHAPS),
        (REPLAY, "replay.published", True, SENT),
        (RESEND, "replay.begun", True, PERHAPS),
    ],
)
def test_the_list_of_what_the_staff_did_says_what_became_of_each(
    servers: Servers, lane: Refusing, ones: list[Intent], words: tuple[str, ...], point: str, works: bool, second: str
) -> None:
    assert run(servers, lane, *words, fault=f"{point}:2") == -signal.SIGKILL
    if works:
        lane.work(datetime.now(UTC))
    assert replay_entries.conclude_cut_off(datetime.now(UTC)) == 0, "it may be slow"
    assert told(ones) == [[UNTOLD]] * MESSAGES
    assert replay_entries.conclude_cut_off(datetime.now(UTC) + LATER) >= MESSAGES
    assert told(ones) == [[SENT], [second], [UNSENT]]
    assert replay_entries.conclude_cut_off(datetime.now(UTC) + LATER) == 0
    assert run(servers, lane, *words) == 0
    lane.work(datetime.now(UTC))
    assert list(lane.tries.values()) == [[1, 2]] * MESSAGES, "the same call again doubles nothing"
    assert {results[0] for results in told(ones)} == {SENT, second, UNSENT}, "what was said stays"


def test_the_next_call_says_it_for_the_one_that_was_cut_off(
    servers: Servers, lane: Refusing, ones: list[Intent]
) -> None:
    assert run(servers, lane, *REPLAY, fault="replay.published:2") == -signal.SIGKILL
    lane.work(datetime.now(UTC))
    assert run(servers, lane, *REPLAY) == 0
    assert sorted(told(ones)) == [[UNTOLD, SENT], [SENT], [SENT]], "before its notes were taken away"
    replay_entries.conclude_cut_off(datetime.now(UTC) + LATER)
    assert sorted(told(ones)) == [[UNSENT, SENT], [SENT], [SENT]]


def test_a_call_that_was_taken_for_dead_sends_no_more(ones: list[Intent]) -> None:
    slow, targets = replay_tries.Run(), [str(one.message_id) for one in ones]
    with pytest.raises(Cut), noted(replay_entries.REPLAY, "message", targets, detail=slow.detail):
        raise Cut
    slow.begin(ones[0].message_id, 1)
    replay_entries.conclude_cut_off(datetime.now(UTC) + LATER)
    with pytest.raises(replay_tries.TakenForDead):
        slow.begin(ones[1].message_id, 1)
    assert told(ones)[0] == [PERHAPS]
    assert told(ones)[1:] == [[UNSENT], [UNSENT]]
    assert ReplayTry.objects.count() == 1


def test_a_call_that_names_no_run_is_told_after_a_day(ones: list[Intent]) -> None:
    target = str(ones[0].message_id)
    with pytest.raises(Cut), noted(replay_entries.REPLAY, "message", [target]):
        raise Cut
    now = datetime.now(UTC)
    replay_entries.conclude_cut_off(now + timedelta(hours=23))
    assert OperatorAction.objects.get(target=target).result == UNTOLD
    replay_entries.conclude_cut_off(now + timedelta(hours=25))
    assert OperatorAction.objects.get(target=target).result == PERHAPS


def test_orders_to_operators_are_left_as_they_are() -> None:
    target = str(uuid4())
    with pytest.raises(Cut), noted("bind", "operator", [target]):
        raise Cut
    replay_entries.conclude_cut_off(datetime.now(UTC) + timedelta(days=2))
    assert OperatorAction.objects.get(target=target).result == UNTOLD


class Cut(Exception):
    """The process ends."""


@BOTH
def test_a_bulk_turn_that_is_cut_off(lane: Refusing, ones: list[Intent], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next turn finds what it sent refused again, and counts it as its own work."""
    now = datetime.now(UTC)
    letters = DeadLetter.objects.filter(operator_id=lane.operator_id).order_by("id")
    kind = bulk.KINDS["dead_letter.replay"]
    made = bulk.draft(kind, [str(one.pk) for one in letters], chosen=MESSAGES, by="amina", now=now)
    assert bulk.order(made, by="amina", reason="the operator was repaired", now=now)
    with monkeypatch.context() as patched:
        patched.setattr(bulk, "_note", lambda *given: (_ for _ in ()).throw(Cut))
        with pytest.raises(Cut):
            bulk.turn(now)
    lane.work(now)
    assert list(lane.tries.values()) == [[1, 2]] * MESSAGES
    while bulk.turn(now):
        pass
    lane.work(now)
    assert list(lane.tries.values()) == [[1, 2]] * MESSAGES
    assert set(made.items.values_list("state", "result")) == {("done", bulk.BEFORE)}
    for one in ones:
        assert OperatorAction.objects.filter(action="dead_letter.replay", target=str(one.message_id)).count() == 1
    User.objects.all().delete()
