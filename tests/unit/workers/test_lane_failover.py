"""workers.lane while a backup carries: what goes over, under whose rules and permits, and what does not."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from ghasi.contracts.sessions import InDoubtPolicy, SendRules, SessionRecord, State
from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations import inbox
from ghasi.correlations.types import ReceiptFacts
from ghasi.smpp.receipt import id_keys
from tests.support.platform import iso
from tests.unit.workers.build import Bench, until
from workers.context import utc_now
from workers.lane import Lane
from workers.ledger_work import prepare
from workers.route import Route
from workers.shelf import Load

LONG = "x" * 400
"""Three parts."""


class Pair:
    """A bench whose operator has a backup."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.backup = str(uuid.uuid4())
        self._term = 0

    @property
    def primary(self) -> str:
        return self.bench.operator_id

    def _record(self, operator_id: str, **changes: Any) -> None:
        given: dict[str, Any] = {"replica": "r1", "epoch": "e1", "state": State.BOUND, "binds": 1}
        given |= {"window_size": 10, "tps_limit": 1000}
        self.bench.holders.put(SessionRecord(operator_id, **(given | changes)))

    def bind_backup(self, **changes: Any) -> None:
        self._record(self.backup, **changes)

    def bind_primary(self, **changes: Any) -> None:
        """Its own binds carry."""
        self._term += 1
        self._record(self.primary, backup_operator_id=self.backup, failover_term=self._term, **changes)

    def fail_over(self, **changes: Any) -> None:
        self.bind_primary(state=State.FAILBACK, binds=0, carried_by=self.backup, **changes)

    @property
    def carried(self) -> list[tuple[str, str]]:
        """Who was handed what, in order."""
        names = {self.primary: "primary", self.backup: "backup"}
        return [(names[one.operator_id], name) for one in self.bench.gateway.handed for name in one.names]

    async def rows(self, sent: dict[str, Any]) -> list[tuple[int, int, str, str, bool]]:
        """(segment, attempt, carrier, status, possible duplicate) in order; the subject's operator always is the
        one that was asked for."""

        def read() -> list[Any]:
            with connection.cursor() as cursor:
                cursor.execute(
                    "select segment, attempt, operator_id::text, status, possible_duplicate,"
                    " requested_operator_id::text from smpp.message_correlations where message_id = %s"
                    " order by segment, attempt",
                    [sent["messageId"]],
                )
                return cursor.fetchall()

        found = await self.bench.works.plainly(read)
        assert {row[5] for row in found} <= {self.primary}
        names = {self.primary: "primary", self.backup: "backup"}
        return [(row[0], row[1], names[row[2]], row[3], row[4]) for row in found]


@pytest.fixture
def pair(bench: Bench) -> Pair:
    return Pair(bench)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Lane]:
    lane = Lane(bench.context, bench.operator_id)
    await lane.start()
    try:
        yield lane
    finally:
        bench.gateway.open.set()
        await lane.stop(5.0)


async def test_what_waited_goes_over_by_the_backups_rules_limit_and_window(pair: Pair) -> None:
    bench = pair.bench
    pair.bind_backup(window_size=2, tps_limit=7, rules=SendRules(service_type="VMA"), epoch="e9")
    pair.bind_primary(state=State.UNBOUND, binds=0, rules=SendRules(service_type="WAP"))
    sent = await bench.send(9)
    async with running(bench) as lane:
        await until(lambda: lane._shelf.waiting == 9)
        assert bench.gateway.handed == []
        pair.fail_over(rules=SendRules(service_type="WAP"))
        await until(bench.settled)
        await until(lambda: len(bench.platform.results) >= 9)
    assert pair.carried == [("backup", f"{n:03}/1") for n in range(1, 10)]
    assert {pdu.service_type for one in bench.gateway.handed for pdu in one.pdus} == {"VMA"}
    assert {one.epoch for one in bench.gateway.handed} == {"e9"}
    assert {(operator, limit) for operator, limit, _ in bench.throttle.asked} == {(pair.backup, 7)}
    assert bench.gateway.most <= 4
    for one in sent:
        assert await pair.rows(one) == [(1, 1, "backup", "SUBMITTED", False)]
    assert {one["operatorId"] for one in bench.platform.results if one["messageId"] == sent[0]["messageId"]} == {
        pair.backup
    }


async def test_after_the_return_new_ones_go_over_the_primary(pair: Pair) -> None:
    bench = pair.bench
    pair.bind_backup()
    pair.fail_over()
    await bench.send(2)
    async with running(bench):
        await until(bench.settled)
        pair.bind_primary()
        await bench.send(2, 3)
        await until(lambda: len(pair.carried) == 4)
        await until(bench.settled)
    assert [who for who, _ in pair.carried] == ["backup", "backup", "primary", "primary"]


async def test_a_backup_that_is_down_leaves_them_queued_and_settles_what_expires(pair: Pair) -> None:
    bench = pair.bench
    pair.bind_backup(state=State.UNBOUND, binds=0)
    pair.fail_over()
    soon = iso(datetime.now(UTC) + timedelta(seconds=0.5))
    late = await bench.send(1, expiresAt=soon)
    await bench.send(1, 2)
    async with running(bench):
        await until(lambda: bench.results() == {late[0]["messageId"]: ["EXPIRED"]}, "told of the operator asked for")
        assert await pair.rows(late[0]) == [(1, 1, "primary", "EXPIRED", False)]
        assert bench.gateway.handed == []
        pair.bind_backup()
        await until(bench.settled)
    assert pair.carried == [("backup", "002/1")]


async def test_a_message_that_has_begun_is_finished_over_the_backup_once_its_first_part_is_answered(
    pair: Pair,
) -> None:
    bench = pair.bench
    bench.throttle.at_once = 1
    pair.bind_backup()
    pair.bind_primary(window_size=1)
    bench.gateway.open.clear()
    (sent,) = await bench.send(1, text="x" * 153 * 4)
    (other,) = await bench.send(1, 2)
    async with running(bench):
        await until(lambda: len(bench.gateway.handed) == 2)
        assert pair.carried == [("primary", "001/1"), ("primary", "001/2")]
        pair.fail_over(window_size=1)
        await until(lambda: ("backup", "002/1") in pair.carried)
        bench.gateway.open.set()
        await until(lambda: len(pair.carried) == 5)
        await until(bench.settled)
        await until(lambda: len(bench.platform.results_of(sent["messageId"])) == 1)
    assert pair.carried[3:] == [("backup", "001/3"), ("backup", "001/4")]
    assert [row[:4] for row in await pair.rows(sent)] == [
        (1, 1, "primary", "SUBMITTED"),
        (2, 1, "primary", "SUBMITTED"),
        (3, 1, "backup", "SUBMITTED"),
        (4, 1, "backup", "SUBMITTED"),
    ]
    assert len(await pair.rows(other)) == 1


async def test_parts_a_phone_could_not_join_wait_for_the_primary(pair: Pair, monkeypatch: Any) -> None:
    bench = pair.bench
    monkeypatch.setattr("ghasi.correlations.claims.OTHER_CARRIER_WAIT", 0.3)
    bench.throttle.at_once = 1
    pair.bind_backup(rules=SendRules(reference_bits=16))
    pair.bind_primary(window_size=1)
    bench.gateway.open.clear()
    (sent,) = await bench.send(1, text=LONG)
    (other,) = await bench.send(1, 2, text=LONG)
    async with running(bench):
        await until(lambda: len(bench.gateway.handed) == 2)
        pair.fail_over(window_size=1)
        bench.gateway.open.set()
        await until(lambda: len(bench.platform.results_of(other["messageId"])) == 1)
        looked = bench.works.calls.count(prepare)
        await until(lambda: bench.works.calls.count(prepare) >= looked + 2, "it is looked at and left alone")
        begun = [one for one in pair.carried if one[1].startswith("001")]
        assert begun == [("primary", "001/1"), ("primary", "001/2")]
        pair.bind_primary()
        await until(lambda: len(bench.platform.results_of(sent["messageId"])) == 1)
        await until(bench.settled)
    assert [row[2] for row in await pair.rows(sent)] == ["primary"] * 3
    assert [row[2] for row in await pair.rows(other)] == ["backup"] * 3


async def test_what_the_gateway_gave_back_unsent_goes_over(pair: Pair) -> None:
    bench = pair.bench
    pair.bind_backup()
    pair.bind_primary()

    def dropped(key: str) -> PartFate:
        pair.fail_over()
        return PartFate(key, Fate.NOT_SENT, reason="no_bind")

    bench.gateway.scripts.append(dropped)
    (sent,) = await bench.send(1, text=LONG)
    async with running(bench):
        await until(bench.settled)
    assert pair.carried == [("primary", f"001/{n}") for n in (1, 2, 3)] + [("backup", f"001/{n}") for n in (1, 2, 3)]
    assert [row[:4] for row in await pair.rows(sent)] == [(n, 1, "backup", "SUBMITTED") for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("policy", "rows"),
    [
        (InDoubtPolicy.RESEND, [(1, 1, "primary", "IN_DOUBT", False), (1, 2, "backup", "SUBMITTED", True)]),
        (InDoubtPolicy.FAIL, [(1, 1, "primary", "IN_DOUBT", False)]),
        (InDoubtPolicy.HOLD, [(1, 1, "primary", "IN_DOUBT", False)]),
    ],
)
async def test_a_part_in_doubt_is_moved_only_by_the_policy_of_its_own_carrier(
    pair: Pair, policy: InDoubtPolicy, rows: list[Any]
) -> None:
    bench = pair.bench
    rules = SendRules(in_doubt_policy=policy, in_doubt_wait=0.2)
    # The backup's own policy says the opposite.
    opposite = InDoubtPolicy.HOLD if policy is InDoubtPolicy.RESEND else InDoubtPolicy.RESEND
    pair.bind_backup(rules=SendRules(in_doubt_policy=opposite, in_doubt_wait=0.0))
    pair.bind_primary(rules=rules)

    def lost(key: str) -> PartFate:
        pair.fail_over(rules=rules)
        return PartFate(key, Fate.UNANSWERED, reason="session ended")

    bench.gateway.scripts.append(lost)
    (sent,) = await bench.send(1)
    async with running(bench):
        await until(bench.settled)
        if policy is not InDoubtPolicy.RESEND:
            await until(lambda: len(bench.dead()) == 1)
    assert await pair.rows(sent) == rows
    assert [headers["Smpp-Reason"] for headers, _ in bench.dead()] == (
        [] if policy is InDoubtPolicy.RESEND else [f"in_doubt:{policy.value}"]
    )
    labels = {"operator_id": pair.primary}
    assert REGISTRY.get_sample_value("smpp_connector_in_doubt_total", labels) == 1


async def test_the_gateway_is_asked_about_a_part_under_the_operator_that_carried_it(pair: Pair) -> None:
    bench = pair.bench
    await bench.short_ack_wait()
    pair.bind_backup(rules=SendRules(id_base="hex"))
    pair.fail_over()
    bench.gateway.known = lambda key: PartFate(key, Fate.ACCEPTED, "1F")
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    holder = Route(bench.holders, pair.primary).holder()
    assert holder is not None
    outgoing.encode(holder.rules, holder.operator_id, utc_now())
    crashed = Lane(bench.context, bench.operator_id)
    await crashed._carrier.claim([Load(outgoing, 1)], holder)
    pair.bind_primary()
    async with running(bench):
        await until(bench.settled)
        await until(lambda: len(bench.platform.results_of(sent["messageId"])) == 1)
    assert bench.gateway.asked_of == [pair.backup]
    assert bench.gateway.handed == []
    assert await pair.rows(sent) == [(1, 1, "backup", "SUBMITTED", False)]
    (keys,) = await bench.works.plainly(_keys, sent["messageId"])
    assert keys == id_keys("1F", base="hex"), "by the rule of the operator that answered"


def _keys(message_id: str) -> list[list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select operator_message_keys from smpp.message_correlations where message_id = %s", [message_id]
        )
        return [row[0] for row in cursor.fetchall()]


async def test_a_receipt_that_was_faster_is_found_under_the_backup(pair: Pair) -> None:
    bench = pair.bench
    pair.bind_backup()
    pair.fail_over()
    name = uuid.uuid4().hex
    bench.gateway.fate = lambda key: PartFate(key, Fate.ACCEPTED, name)
    now = datetime.now(UTC)
    keys = tuple(id_keys(name, base="text"))
    facts = ReceiptFacts(1, uuid.UUID(pair.backup), name, keys, "DELIVERED", "DELIVRD", True, "000", now, now, "93")
    await bench.works.plainly(partial(inbox.take_receipts, now=now), [facts])
    (sent,) = await bench.send(1)
    async with running(bench):
        await until(lambda: len(bench.platform.receipts_of(sent["messageId"])) == 1)
        await until(bench.settled)
    assert bench.platform.receipts_of(sent["messageId"])[0]["operatorId"] == pair.backup


async def test_a_window_that_hangs_is_not_the_backups(pair: Pair) -> None:
    bench = pair.bench
    pair.bind_backup(window_size=1)
    pair.bind_primary(window_size=5)
    bench.gateway.open.clear()
    await bench.send(12)
    async with running(bench):
        await until(lambda: len(pair.carried) == 10)
        pair.fail_over()
        await until(lambda: ("backup", "011/1") in pair.carried)
        bench.gateway.open.set()
        await until(bench.settled)
    assert bench.gateway.names == [f"{n:03}/1" for n in range(1, 13)]


async def test_permits_of_the_primary_are_not_spent_at_the_backup(pair: Pair) -> None:
    bench = pair.bench
    pair.bind_backup(tps_limit=7)
    pair.bind_primary()
    booked = bench.throttle.book
    first = True

    async def book(operator_id: str, limit: int, n: int) -> Any:
        nonlocal first
        booking = await booked(operator_id, limit, n)
        if first:
            first = False
            pair.fail_over()
        return booking

    bench.throttle.book = book  # type: ignore[method-assign]
    await bench.send(1)
    async with running(bench):
        await until(bench.settled)
    assert [operator for operator, _, _ in bench.throttle.asked] == [pair.primary, pair.backup]
    assert pair.carried == [("backup", "001/1")]


async def test_what_only_the_backups_rules_refuse_waits_for_its_own_operator(pair: Pair) -> None:
    bench = pair.bench
    pair.fail_over()
    pair.bind_backup(rules=SendRules(strict=True))
    (refused,) = await bench.send(1, text="سلام")
    (carried,) = await bench.send(1, 2)
    async with running(bench) as lane:
        await until(lambda: bench.platform.results_of(carried["messageId"]) != [])
        await until(lambda: lane._carrier.settling.count_retries() == 1)
    assert pair.carried == [("backup", "002/1")]
    assert bench.platform.dead == bench.platform.results_of(refused["messageId"]) == []
