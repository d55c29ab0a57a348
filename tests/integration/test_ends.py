"""When a policy acted on a part and when it was given up: in its row, in the timeline, in the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection
from msgspec.structs import replace

from ghasi.correlations import abandoned, held, ledger, sweep, where
from ghasi.correlations.models import MessageCorrelation, SweepMark
from ghasi.correlations.types import Claim, Intent, PartFateKind, Verdict
from ghasi.correlations.where_entry import Entry
from tests.support import ledgerui as given

pytestmark = pytest.mark.usefixtures("django_ready")

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    """To the millisecond, as the command tells times."""
    moment = datetime.now(UTC)
    yield moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    SweepMark.objects.all().delete()
    connection.close()


def claim(one: Intent, at: datetime, armed: int | None = None) -> Claim:
    arm = {} if armed is None else {one.message_id: armed}
    [answer] = ledger.claim([one], replica="gw-1", epoch="e1", now=at, arm=arm)
    return answer


def doubted(now: datetime, **fields: Any) -> Intent:
    """A message of one part that is in doubt since `now`."""
    one = given.intent(now, **fields)
    ledger.record([given.fate(part, now, PartFateKind.IN_DOUBT) for part in given.claimed(one, now)], now=now)
    return one


def first(message_id: UUID) -> MessageCorrelation:
    return MessageCorrelation.objects.filter(message_id=message_id).earliest("attempt", "segment")


def told(message_id: UUID, kind: str, now: datetime) -> Entry:
    return next(one for one in where.timeline(message_id, now).entries if one.kind == kind)


@pytest.mark.parametrize(
    ("policy", "fields"),
    [("resend", {}), ("hold", {}), ("fail", {}), ("expired", {"expires_at": MINUTE})],
    ids=["resend", "hold", "fail", "expired"],
)
def test_a_policy_has_its_time(now: datetime, policy: str, fields: dict[str, timedelta]) -> None:
    named = "resend" if policy == "expired" else policy
    changed = {name: now + length for name, length in fields.items()}
    one = doubted(now, in_doubt_policy=named, in_doubt_wait=60.0, **changed)
    acted = now + 2 * MINUTE
    assert claim(one, acted).verdict is (Verdict.SEND if policy == "resend" else Verdict.PARK)
    for later in (acted + MINUTE, acted + 2 * MINUTE):
        claim(one, later)
    row = first(one.message_id)
    assert (row.policy_action, row.policy_at, row.closed_at) == (policy, acted, None)
    assert told(one.message_id, "policy", now).at == acted


def test_a_part_held_by_its_answer_has_the_time_of_that(now: datetime) -> None:
    one, _ = given.held(now)
    assert told(one.message_id, "policy", now).at == now


def test_a_persons_word_has_its_time_until_it_is_told(now: datetime) -> None:
    one, _ = given.held(now)
    held.order(held.find(message_ids=[one.message_id]), held.ORDER_FAILED, now=now + MINUTE)
    assert told(one.message_id, "policy", now).at == now + MINUTE
    settled = held.settle(now + 2 * MINUTE)
    assert settled is not None
    held.confirm(settled, now=now + 2 * MINUTE)
    assert told(one.message_id, "policy", now).at == now + 2 * MINUTE
    given_up = told(one.message_id, "rejected", now)
    assert (given_up.at, given_up.note) == (now + 2 * MINUTE, "")


def never_armed(now: datetime) -> Intent:
    one = given.intent(now)
    claim(one, now, armed=0)
    return one


def never_tried(now: datetime) -> Intent:
    return given.intent(now)


def refused_for_now(now: datetime) -> Intent:
    one = given.intent(now)
    later = {"command_status": 0x58, "retry_at": now + 20 * MINUTE}
    ledger.record(
        [given.fate(part, now, PartFateKind.REJECTED, **later) for part in given.claimed(one, now)], now=now
    )
    return one


@pytest.mark.parametrize("plant", [never_armed, never_tried, refused_for_now])
def test_what_expires_unsent_has_its_time(now: datetime, plant: Callable[[datetime], Intent]) -> None:
    one, late = plant(now), now + 11 * MINUTE
    assert claim(one, late).verdict is Verdict.EXPIRED
    claim(one, late + MINUTE)
    expired = told(one.message_id, "expired", now)
    assert (expired.at, expired.note) == (late, f"It was valid until {one.expires_at:%Y-%m-%d %H:%M:%S} UTC.")


def test_what_another_cut_closes_has_its_time(now: datetime) -> None:
    one = given.intent(now, 2)
    claim(one, now, armed=0)
    claim(replace(one, segments=3), now + MINUTE)
    closed = told(one.message_id, "rejected", now)
    assert (closed.at, closed.what) == (now + MINUTE, "Given up (plan_changed).")
    assert {row.closed_at for row in MessageCorrelation.objects.filter(message_id=one.message_id, segments=3)} == {
        None
    }


@pytest.mark.parametrize(
    ("plant", "kind"), [(never_armed, "expired"), (refused_for_now, "rejected")], ids=["unsent", "refused"]
)
def test_what_is_given_up_with_its_command_has_its_time(
    now: datetime, plant: Callable[[datetime], Intent], kind: str
) -> None:
    at = now - timedelta(hours=80)
    one = plant(at)
    late = abandoned.LOOKS[1]
    SweepMark.objects.update_or_create(name=late.reason, defaults={"done_to": at - timedelta(seconds=1)})
    assert first(one.message_id).closed_at is None
    while (found := abandoned.look(late, now=now)) is not None:
        abandoned.confirm(found)
    assert first(one.message_id).closed_at == now
    assert told(one.message_id, kind, now).at == now


def test_what_no_receipt_came_for_has_its_time(now: datetime) -> None:
    at = now - timedelta(hours=73)
    one = given.intent(at)
    [part] = given.claimed(one, at)
    ledger.record([given.accepted(part, at, "ends1")], now=at)
    SweepMark.objects.update_or_create(name=sweep.MARK, defaults={"done_to": at - timedelta(seconds=1)})
    assert sweep.expire_correlations(now) >= 1
    expired = told(one.message_id, "expired", now)
    assert (expired.at, expired.note) == (now, "")


def test_rows_of_a_version_before_say_that_the_time_is_not_kept(now: datetime) -> None:
    one = doubted(now, in_doubt_policy="hold")
    claim(one, now + 2 * MINUTE)
    MessageCorrelation.objects.filter(message_id=one.message_id).update(policy_at=None)
    policy = told(one.message_id, "policy", now)
    assert (policy.at, policy.note) == (None, "The time is not kept.")


def test_the_command_tells_them(now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    one = doubted(now, in_doubt_policy="hold")
    acted = now + 2 * MINUTE
    claim(one, acted)
    call_command("where", str(one.message_id), "--json")
    [message] = json.loads(capsys.readouterr().out)["messages"]
    at = {entry["kind"]: entry["at"] for entry in message["timeline"]}
    assert at["policy"] == acted.isoformat(timespec="milliseconds")
