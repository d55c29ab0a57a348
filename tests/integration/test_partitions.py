"""Day partitions, the 72-hour sweep and the index of dead letters on a real PostgreSQL."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from structlog.testing import capture_logs

from ghasi.correlations import dead, ledger, partitions, sql, sql_upkeep, sweep
from ghasi.correlations.models import DeadLetter, MessageCorrelation, SweepMark
from ghasi.correlations.types import Intent, Part, PartFateKind, PartOutcome
from workers import upkeep

pytestmark = pytest.mark.usefixtures("django_ready")

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    """The table is left with the days of the default retention, whatever the test dropped."""
    moment = datetime.now(UTC)
    SweepMark.objects.all().delete()
    yield moment
    connection.close()
    partitions.drop_old(moment, 30)
    partitions.ensure_partitions(moment, 30)
    with connection.cursor() as cursor:
        for day in partitions.existing_days():
            if day > moment.date() + 3 * DAY:
                cursor.execute(f"DROP TABLE smpp.message_correlations_{day:%Y%m%d}")
    connection.close()


def submitted(at: datetime) -> Part:
    intent = Intent(
        message_id=uuid4(),
        event_id=uuid4(),
        operator_id=uuid4(),
        requested_operator_id=uuid4(),
        destination="93701234567",
        sender="GHASI",
        account_id="account",
        segments=1,
        enqueued_at=at,
        expires_at=at + DAY,
    )
    (answer,) = ledger.claim([intent], replica="r1", epoch="e1", now=at, arm={})
    (part,) = answer.parts
    fate = PartOutcome(part.row_id, part.enqueued_day, part.message_id, PartFateKind.ACCEPTED, at)
    ledger.record([fate], now=at)
    return part


def status(part: Part) -> str:
    return MessageCorrelation.objects.get(pk=part.row_id).status


def test_the_first_migrate_makes_the_whole_retention_and_three_days_ahead(now: datetime) -> None:
    days = partitions.existing_days()
    assert days[0] <= now.date() - 30 * DAY
    assert days[-1] >= now.date() + 3 * DAY
    assert set(days) >= {now.date() + n * DAY for n in range(-30, 4)}


def test_making_days_twice_makes_them_once(now: datetime) -> None:
    later = now + 2 * DAY
    made = partitions.ensure_partitions(later, 30)
    assert made == [later.date() + 2 * DAY, later.date() + 3 * DAY]
    assert partitions.ensure_partitions(later, 30) == []


def test_old_days_are_dropped_whole(now: datetime) -> None:
    part = submitted(now - 29 * DAY)
    assert partitions.drop_old(now, 30) == []
    assert status(part) == "SUBMITTED"
    dropped = partitions.drop_old(now, 28)
    assert dropped == [now.date() - 30 * DAY, now.date() - 29 * DAY]
    assert not MessageCorrelation.objects.filter(pk=part.row_id).exists()
    assert partitions.drop_old(now, 28) == []


def test_a_drop_cut_off_in_the_middle_is_finished_by_the_next(now: datetime) -> None:
    oldest = partitions.existing_days()[0]
    name = f"message_correlations_{oldest:%Y%m%d}"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE smpp.message_correlations DETACH PARTITION smpp.{name} CONCURRENTLY")
    partitions.drop_old(now, 29)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"smpp.{name}"])
        assert cursor.fetchone() == (None,)


def test_two_runs_at_once_do_no_harm(now: datetime) -> None:
    barrier = threading.Barrier(2)

    def run(later: datetime) -> int:
        try:
            barrier.wait()
            return len(partitions.ensure_partitions(later, 30)) + len(partitions.drop_old(later, 30))
        finally:
            connection.close()

    later = now + 2 * DAY
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(run, (later, later))) == 2 + 2


def test_a_claim_for_a_day_without_a_partition_makes_it(now: datetime) -> None:
    part = submitted(now + 6 * DAY)
    assert part.enqueued_day == now.date() + 6 * DAY
    assert status(part) == "SUBMITTED"


def test_a_claim_without_its_partition_is_told(now: datetime) -> None:
    with capture_logs() as told:
        submitted(now + 6 * DAY)
    [slow] = [one for one in told if one["event"] == "ledger.slow_claim"]
    assert (slow["status"], slow["count"]) == ("42P01", 1)


def test_another_fault_of_a_claim_is_raised(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sql, "CLAIM_NEW", sql.CLAIM_NEW.replace("SELECT DISTINCT message_id", "SELECT DISTINCT nothing")
    )
    with pytest.raises(ProgrammingError), capture_logs() as told:
        submitted(now)
    assert told == []


def test_making_days_inside_a_transaction_works(now: datetime) -> None:
    with transaction.atomic():
        assert len(partitions.ensure_partitions(now + DAY, 30)) == 1


def test_the_sweep_expires_what_was_not_heard_of_for_72_hours(now: datetime) -> None:
    old = submitted(now - timedelta(hours=73))
    young = submitted(now - timedelta(hours=71))
    assert sweep.expire_correlations(now) >= 1
    assert (status(old), status(young)) == ("EXPIRED", "SUBMITTED")
    assert MessageCorrelation.objects.get(pk=old.row_id).reason == "no_receipt"
    assert sweep.expire_correlations(now) == 0
    assert sweep.expire_correlations(now + timedelta(hours=2)) == 1
    assert status(young) == "EXPIRED"


def test_two_sweeps_at_once_take_turns(now: datetime) -> None:
    later = now + 10 * DAY
    submitted(now)
    barrier = threading.Barrier(2)

    def run(_: int) -> int:
        try:
            barrier.wait()
            return sweep.expire_correlations(later)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2)))[0] == 0


def test_the_commands_say_what_they_did(now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("partitions", "--json")
    call_command("sweep", "--json")
    said = capsys.readouterr().out.splitlines()
    assert '"made": []' in said[0]
    assert '"expired":' in said[1]


def test_a_dead_letter_is_indexed_once_and_forgotten_with_its_bytes(now: datetime) -> None:
    operator, message = uuid4(), uuid4()
    for reason in ("not_json", "malformed"):
        dead.dead_letter_index(operator, 7, reason, message, 123, now)
    dead.dead_letter_index(str(operator), 8, "too_big\x00", None, 300_000, now - 31 * DAY)
    first = DeadLetter.objects.get(operator_id=operator, stream_seq=7)
    assert (first.reason, first.message_id, first.size) == ("malformed", message, 123)
    assert dead.forget_dead_letters(now) == 1
    assert DeadLetter.objects.filter(operator_id=operator).count() == 1


def test_all_dead_letters_past_their_time_are_forgotten_a_batch_at_a_time(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = uuid4()
    for sequence in range(7):
        dead.dead_letter_index(operator, sequence, "malformed", None, 1, now - 31 * DAY)
    monkeypatch.setattr(dead, "MOST_BATCHES", 2)
    assert dead.forget_dead_letters(now, limit=2) == 4, "the next turn goes on"
    monkeypatch.undo()
    assert dead.forget_dead_letters(now, limit=2) == 3
    assert not DeadLetter.objects.filter(operator_id=operator).exists()


def test_days_count_up_to_the_first_gap(now: datetime) -> None:
    today = partitions.ledger_day(now)
    partitions.ensure_partitions(now, 30)
    midnight = datetime.combine(today, datetime.min.time(), UTC)
    assert partitions.covered_until(now) == midnight + 4 * DAY
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE smpp.{sql.partition_name(today + 2 * DAY)}")
    assert partitions.covered_until(now) == midnight + 2 * DAY


@pytest.fixture
def other_run(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Another session has the lock, and nobody waits long; call it to let go."""
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "50ms")
    holds, end = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql_upkeep.LOCK_MAINTENANCE)
                holds.set()
                end.wait(60)
        finally:
            connection.close()

    def let_go() -> None:
        end.set()
        thread.join()

    thread = threading.Thread(target=run)
    thread.start()
    assert holds.wait(10)
    yield let_go
    let_go()


def lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        found: tuple[str] = cursor.fetchone()
    return found[0]


@pytest.mark.parametrize(
    "run",
    [
        lambda now: partitions.ensure_partitions(now, 30),
        lambda now: partitions.drop_old(now, 30),
        sweep.expire_correlations,
    ],
    ids=["make", "drop", "sweep"],
)
def test_nobody_waits_for_the_lock_for_ever(
    now: datetime, other_run: Callable[[], None], run: Callable[[datetime], Any]
) -> None:
    with pytest.raises(partitions.MaintenanceBusy, match="another run"):
        run(now)
    assert lock_timeout() == "0", "as it was"
    other_run()
    run(now)
    assert lock_timeout() == "0"


def test_not_inside_a_transaction_either(now: datetime, other_run: Callable[[], None]) -> None:
    with pytest.raises(partitions.MaintenanceBusy), transaction.atomic():
        partitions.ensure_partitions(now, 30)
    assert lock_timeout() == "0"


def test_the_upkeep_leaves_it_to_the_other_run_and_goes_on(now: datetime, other_run: Callable[[], None]) -> None:
    part = submitted(now - timedelta(hours=73))
    with capture_logs() as told:
        assert upkeep.keep_partitions(now, retention_days=30) == []
        assert upkeep.expire(now) == []
    assert [(one["event"], one["action"]) for one in told] == [
        ("ledger.maintenance_busy", "partitions"),
        ("ledger.maintenance_busy", "expiry_sweep"),
    ]
    assert status(part) == "SUBMITTED"
    other_run()
    upkeep.expire(now)
    assert status(part) == "EXPIRED"


@pytest.mark.parametrize("name", ["partitions", "sweep"])
def test_the_commands_say_that_another_run_is_at_it(
    other_run: Callable[[], None], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="another run of partitions or sweep") as told:
        call_command(name, "--json")
    assert told.value.returncode == 3
    call_command(name, "--dry-run", "--json")
    assert '"dryRun": true' in capsys.readouterr().out
