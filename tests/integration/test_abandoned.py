"""Parts whose command is gone from its stream, on a real PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from ghasi.correlations import abandoned, held, ledger, sql, sql_upkeep
from ghasi.correlations.ids import first_row_id
from ghasi.correlations.models import MessageCorrelation, SweepMark
from ghasi.correlations.types import Claim, Intent, Part, PartFateKind, PartOutcome, RowStatus, Verdict
from workers import metrics
from workers.upkeep_abandoned import AbandonedSweep

pytestmark = pytest.mark.usefixtures("django_ready")

HOUR, LATE, LAST = abandoned.LOOKS
DOUBTS = abandoned.DOUBTS


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    """Marks stand shortly before what a test writes."""
    moment = datetime.now(UTC)
    yield moment
    SweepMark.objects.all().delete()
    connection.close()


def mark(moment: datetime) -> None:
    for which in (*abandoned.LOOKS, DOUBTS):
        SweepMark.objects.update_or_create(name=which.reason, defaults={"done_to": moment - timedelta(seconds=1)})


def command(at: datetime, segments: int = 1, **fields: Any) -> Intent:
    operator_id = uuid4()
    given: dict[str, Any] = {"expires_at": at + timedelta(minutes=10), **fields}
    return Intent(
        message_id=uuid4(),
        event_id=uuid4(),
        operator_id=operator_id,
        requested_operator_id=operator_id,
        destination="93701234567",
        sender="GHASI",
        account_id="account",
        segments=segments,
        enqueued_at=at,
        **given,
    )


def claim(intent: Intent, at: datetime, armed: int | None = None) -> Claim:
    arm = {} if armed is None else {intent.message_id: armed}
    [found] = ledger.claim([intent], replica="r1", epoch="e1", now=at, arm=arm)
    return found


def accepted(part: Part, at: datetime) -> PartOutcome:
    return PartOutcome(part.row_id, part.enqueued_day, part.message_id, PartFateKind.ACCEPTED, at, "id", ("id",))


def rows(message_id: UUID) -> list[MessageCorrelation]:
    return list(MessageCorrelation.objects.filter(message_id=message_id).order_by("segment"))


def all_looks(which: abandoned.Look, now: datetime, message_id: UUID) -> list[RowStatus]:
    """Looks until nothing is found; the states told of one message."""
    told: list[RowStatus] = []
    while (found := abandoned.look(which, now=now)) is not None:
        told += [part.status for one in found.outcomes if one.message_id == message_id for part in one.parts]
        abandoned.confirm(found)
    return told


def test_after_an_hour_a_part_handed_over_is_in_doubt(now: datetime) -> None:
    at = now - timedelta(minutes=70)
    mark(at)
    intent = command(at)
    claim(intent, at)
    assert all_looks(HOUR, now - timedelta(minutes=11), intent.message_id) == []
    assert all_looks(HOUR, now, intent.message_id) == [RowStatus.IN_DOUBT]
    [row] = rows(intent.message_id)
    assert (row.status, row.in_doubt_reason, row.in_doubt_at) == ("IN_DOUBT", "command_gone", now)
    assert all_looks(HOUR, now, intent.message_id) == []


def test_should_the_command_come_after_all_its_policy_acts(now: datetime) -> None:
    at = now - timedelta(minutes=70)
    mark(at)
    intent = command(at, expires_at=now + timedelta(hours=1))
    claim(intent, at)
    all_looks(HOUR, now, intent.message_id)
    assert claim(intent, now).verdict is Verdict.WAIT
    again = claim(intent, now + timedelta(seconds=61))
    assert (again.verdict, again.parts[0].possible_duplicate) == (Verdict.SEND, True)


def test_a_part_handed_over_again_lately_is_left_alone(now: datetime) -> None:
    at = now - timedelta(minutes=70)
    mark(at)
    intent = command(at)
    [part] = claim(intent, at, armed=0).parts
    assert ledger.arm([part], replica="r1", epoch="e2", now=now - timedelta(minutes=1)) == {part.row_id}
    assert all_looks(HOUR, now, intent.message_id) == []
    assert [row.status for row in rows(intent.message_id)] == ["PREPARED"]
    later = at + timedelta(hours=73)
    assert all_looks(HOUR, later, intent.message_id) == [], "passed"
    assert all_looks(LATE, later, intent.message_id) == [RowStatus.IN_DOUBT]


@pytest.mark.parametrize("which", [LATE, LAST])
def test_a_part_handed_over_shortly_before_its_first_looks_is_closed_by_the_next(
    now: datetime, which: abandoned.Look
) -> None:
    at = now - which.after - timedelta(minutes=10)
    mark(at)
    intent = command(at)
    [part] = claim(intent, at, armed=0).parts
    assert ledger.arm([part], replica="r1", epoch="e2", now=now - timedelta(hours=2)) == {part.row_id}
    assert all_looks(which, now, intent.message_id) == [RowStatus.IN_DOUBT]


def refused(now: datetime, at: datetime, retry_at: datetime, **fields: Any) -> Intent:
    intent = command(at, **fields)
    [part] = claim(intent, at).parts
    fate = PartOutcome(
        part.row_id,
        part.enqueued_day,
        part.message_id,
        PartFateKind.REJECTED,
        at,
        command_status=88,
        retry_at=retry_at,
    )
    assert ledger.record([fate], now=at) == []
    return intent


def test_a_try_that_never_came_is_told_as_refused(now: datetime) -> None:
    at = now - timedelta(hours=73)
    mark(at)
    intent = refused(now, at, at + timedelta(seconds=5))
    assert all_looks(HOUR, now, intent.message_id) == []
    assert all_looks(LATE, now, intent.message_id) == [RowStatus.REJECTED]
    [row] = rows(intent.message_id)
    assert (row.status, row.command_status, row.retry_at, row.reason) == ("REJECTED", 88, None, "command_gone_72h")
    assert claim(intent, now).verdict is Verdict.SETTLED, "should the command come after all"


def test_a_refused_part_that_was_tried_again_keeps_its_row(now: datetime) -> None:
    at = now - timedelta(hours=73)
    mark(at)
    intent = refused(now, at, at + timedelta(seconds=5))
    [again] = claim(intent, at + timedelta(seconds=6)).parts
    ledger.record([accepted(again, at)], now=at)
    assert all_looks(LATE, now, intent.message_id) == []
    assert [row.reason for row in rows(intent.message_id)] == [None, None]


def test_what_may_wait_longer_than_72_hours_is_closed_after_six_days(now: datetime) -> None:
    at = now - timedelta(hours=145)
    mark(at)
    unsent = command(at, expires_at=now + timedelta(days=30))
    claim(unsent, at, armed=0)
    retry = refused(now, at, at + timedelta(seconds=5), expires_at=now + timedelta(days=30))
    told: dict[UUID, list[RowStatus]] = {}
    for which in abandoned.LOOKS:
        while (found := abandoned.look(which, now=now)) is not None:
            told |= {one.message_id: [part.status for part in one.parts] for one in found.outcomes}
            abandoned.confirm(found)
        mine = {key: told[key] for key in (unsent.message_id, retry.message_id) if key in told}
        assert bool(mine) is which.last
    assert mine == {unsent.message_id: [RowStatus.EXPIRED], retry.message_id: [RowStatus.REJECTED]}


def test_what_never_left_expires_after_72_hours(now: datetime) -> None:
    at = now - timedelta(hours=73)
    mark(at)
    unsent, armed, waiting = command(at), command(at), command(at, expires_at=now + timedelta(hours=1))
    claim(unsent, at, armed=0)
    claim(armed, at)
    claim(waiting, at, armed=0)
    told: dict[UUID, list[RowStatus]] = {}
    while (found := abandoned.look(LATE, now=now)) is not None:
        told |= {one.message_id: [part.status for part in one.parts] for one in found.outcomes}
        abandoned.confirm(found)
    mine = {key: told[key] for key in (unsent.message_id, armed.message_id) if key in told}
    assert mine == {unsent.message_id: [RowStatus.EXPIRED], armed.message_id: [RowStatus.IN_DOUBT]}
    assert [row.status for row in rows(waiting.message_id)] == ["PREPARED"], "its time is not over"


def test_a_message_is_told_once_none_of_its_parts_is_open(now: datetime) -> None:
    at = now - timedelta(hours=73)
    mark(at)
    intent = command(at, 3)
    first, _, _ = claim(intent, at, armed=2).parts
    ledger.record([accepted(first, at)], now=at)
    assert all_looks(HOUR, now, intent.message_id) == [], "the third part may follow"
    assert [row.status for row in rows(intent.message_id)] == ["SUBMITTED", "IN_DOUBT", "PREPARED"]
    assert all_looks(LATE, now, intent.message_id) == [RowStatus.SUBMITTED, RowStatus.IN_DOUBT, RowStatus.EXPIRED]


def test_what_was_not_confirmed_is_found_again(now: datetime) -> None:
    at = now - timedelta(minutes=70)
    mark(at)
    intent = command(at)
    claim(intent, at)
    operator = str(intent.operator_id)
    before = metrics.in_doubt.labels(operator)._value.get()
    sweep = AbandonedSweep(HOUR)
    first, again = sweep.run(now), sweep.run(now)
    assert [one.msg_id for one in first] == [one.msg_id for one in again]
    assert [one for one in first if str(intent.message_id).encode() in one.payload]
    assert metrics.in_doubt.labels(operator)._value.get() == before + 1
    sweep.confirm(now)
    assert sweep.run(now) == []


def test_a_turn_goes_through_a_few_spans_and_skips_those_without_rows(now: datetime) -> None:
    at = now - timedelta(hours=5)
    mark(at - timedelta(hours=20))
    intent = command(at)
    claim(intent, at)
    for _ in range(200):
        found = abandoned.look(HOUR, now=now)
        if found is not None and intent.message_id in {one.message_id for one in found.outcomes}:
            break
        if found is not None:
            abandoned.confirm(found)
    assert [row.status for row in rows(intent.message_id)] == ["IN_DOUBT"]


def test_open_parts_are_found_through_the_primary_key(now: datetime) -> None:
    names: dict[str, Any] = {
        "first": first_row_id(now - timedelta(minutes=5)),
        "end": first_row_id(now),
        "before": now,
        "now": now,
        "late": True,
        "last": True,
        "reason": "x",
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.OPEN, {"keys": []})
        cursor.execute(f"EXPLAIN {sql_upkeep.ABANDONED}", names)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    scans = [line for line in plan.splitlines() if "Scan" in line]
    rows_of_span = [line for line in scans if " c_" in line or " c " in line]
    assert rows_of_span
    assert all("_pkey" in line for line in rows_of_span)
    assert all("Index" in line for line in scans), "a later try is looked for by its message"


def doubted(at: datetime, reason: str = "timeout", **fields: Any) -> tuple[Intent, Part]:
    """A part that came into doubt while its command was there."""
    intent = command(at, **fields)
    [part] = claim(intent, at).parts
    fate = PartOutcome(part.row_id, part.enqueued_day, part.message_id, PartFateKind.IN_DOUBT, at, reason=reason)
    ledger.record([fate], now=at)
    return intent, part


def test_a_doubt_no_policy_has_acted_on_is_left_to_a_person_after_72_hours(now: datetime) -> None:
    at = now - timedelta(hours=73)
    mark(at)
    intent, part = doubted(at)
    for which in abandoned.LOOKS:
        assert all_looks(which, now, intent.message_id) == []
    assert all_looks(DOUBTS, at + timedelta(hours=71), intent.message_id) == []
    assert held.undecided([part.row_id]) == []
    assert all_looks(DOUBTS, now, intent.message_id) == [RowStatus.IN_DOUBT]
    [row] = rows(intent.message_id)
    assert (row.status, row.in_doubt_reason, row.policy_action, row.in_doubt_at) == (
        "IN_DOUBT",
        "command_gone:timeout",
        None,
        at,
    )
    assert [one.row_id for one in held.find(operator_id=intent.operator_id)] == [part.row_id]
    assert [one.row_id for one in held.undecided([part.row_id])] == [part.row_id]
    assert all_looks(DOUBTS, now, intent.message_id) == []


def test_a_doubt_is_found_whenever_its_row_was_made(now: datetime) -> None:
    made, at = now - timedelta(hours=150), now - timedelta(hours=73)
    mark(made)
    intent = command(made)
    [part] = claim(intent, made, armed=0).parts
    assert ledger.arm([part], replica="r1", epoch="e1", now=at) == {part.row_id}
    fate = PartOutcome(part.row_id, part.enqueued_day, part.message_id, PartFateKind.IN_DOUBT, at, reason="timeout")
    ledger.record([fate], now=at)
    assert all_looks(DOUBTS, now, intent.message_id) == [RowStatus.IN_DOUBT]


def test_doubts_that_something_has_acted_on_stay_as_they_are(now: datetime) -> None:
    at = now - timedelta(hours=73)
    mark(at)
    parked, _ = doubted(at, in_doubt_policy="hold", in_doubt_wait=0.0)
    assert claim(parked, at + timedelta(seconds=1)).verdict is Verdict.PARK
    again, _ = doubted(at, expires_at=now)
    assert claim(again, at + timedelta(seconds=61)).verdict is Verdict.SEND
    gone = command(at - timedelta(hours=2))
    claim(gone, at - timedelta(hours=2))
    mark(at - timedelta(hours=2))
    all_looks(HOUR, at, gone.message_id)
    settled, part = doubted(at)
    ledger.record([accepted(part, at)], now=at)
    for intent in (parked, again, gone, settled):
        assert all_looks(DOUBTS, now, intent.message_id) == []
        mark(at - timedelta(hours=2))
    reasons = [row.in_doubt_reason for one in (parked, again, gone, settled) for row in rows(one.message_id)]
    assert reasons == ["timeout", "timeout", None, "command_gone", "timeout"]


def test_should_the_command_of_such_a_doubt_come_after_all_its_policy_acts(now: datetime) -> None:
    at = now - timedelta(hours=73)
    mark(at)
    intent, _ = doubted(at, expires_at=now + timedelta(hours=1))
    assert all_looks(DOUBTS, now, intent.message_id) == [RowStatus.IN_DOUBT]
    again = claim(intent, now)
    assert (again.verdict, again.parts[0].possible_duplicate) == (Verdict.SEND, True)


def test_such_a_doubt_is_told_until_that_is_confirmed_and_counted_no_second_time(now: datetime) -> None:
    at = now - timedelta(hours=73)
    mark(at)
    intent, _ = doubted(at, reason="r" * 64)
    counter = metrics.in_doubt.labels(str(intent.operator_id))._value
    before = counter.get()
    sweep = AbandonedSweep(DOUBTS)
    first, again = sweep.run(now), sweep.run(now)
    assert [one.msg_id for one in first] == [one.msg_id for one in again]
    assert [one for one in first if str(intent.message_id).encode() in one.payload]
    assert [row.in_doubt_reason for row in rows(intent.message_id)] == ["command_gone:" + "r" * 51]
    sweep.confirm(now)
    assert sweep.run(now) == []
    assert counter.get() == before


@pytest.mark.parametrize("statement", [sql_upkeep.NEXT_DOUBT, sql_upkeep.DOUBTS_LEFT])
def test_doubts_are_found_through_the_index_of_their_time(now: datetime, statement: str) -> None:
    names: dict[str, Any] = {"first": now - timedelta(minutes=5), "end": now, "gone": "command_gone"}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.OPEN, {"keys": []})
        cursor.execute(f"EXPLAIN {statement}", names)
        plan = [line for (line,) in cursor.fetchall()]
    scans = [line for line in plan if "Scan" in line]
    doubts = [line for line in scans if " c_" in line or " c " in line]
    assert doubts
    assert all("in_doubt_at_idx" in line for line in doubts)
    assert all("Index" in line for line in scans), "a later try is looked for by its message"
