"""workers.lane: what leaves, when and in which order; what is held, lapses and goes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ghasi.contracts import timers
from ghasi.contracts.rules import Validity, ValidityForm
from ghasi.contracts.sessions import SendRules, State
from ghasi.contracts.statuses import StatusOverride
from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations.models import MessageCorrelation
from ghasi.correlations.where_passage import delays_of, permit_at, stored_at
from tests.support.platform import iso
from tests.unit.workers.build import Bench, nothing, raising, until
from workers import intake
from workers.departures import LEAD
from workers.lane import HELD_WHILE_UNBOUND, Lane
from workers.ledger_work import prepare, record
from workers.outgoing import VALIDITY_AGE, Outgoing

LONG = "x" * 400
"""Three parts."""
THROTTLED = 0x58
NOW_AND_EVER = float("inf")


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Lane]:
    lane = Lane(bench.context, bench.operator_id)
    await lane.start()
    try:
        yield lane
    finally:
        bench.gateway.open.set()
        await lane.stop(5.0)


def not_sent(reason: str) -> Any:
    return lambda key: PartFate(key, Fate.NOT_SENT, reason=reason)


async def test_messages_and_their_parts_leave_in_order(bench: Bench) -> None:
    bench.bind()
    sent = await bench.send(1) + await bench.send(1, 2, text=LONG) + await bench.send(1, 3)
    async with running(bench):
        await until(bench.settled)
        await until(lambda: len(bench.results()) == 3)
    assert bench.gateway.names == ["001/1", "002/1", "002/2", "002/3", "003/1"]
    assert bench.results() == {one["messageId"]: ["ACCEPTED"] for one in sent}
    lanes = [lane for handed in bench.gateway.handed for lane in handed.lanes]
    assert len(set(lanes[1:4])) == 1
    assert {(handed.replica, handed.epoch) for handed in bench.gateway.handed} == {("r1", "e1")}


async def test_parts_keep_their_order_over_many_hand_overs(bench: Bench) -> None:
    bench.bind()
    bench.throttle.at_once = 2
    await bench.send(1, text="x" * 153 * 7)
    await bench.send(1, 2)
    async with running(bench):
        await until(bench.settled)
    assert bench.gateway.names == [f"001/{part}" for part in range(1, 8)] + ["002/1"]
    # Two at a time, but for those whose time came while the machine stood still.
    assert len(bench.gateway.handed) > 1


async def test_two_windows_at_most_are_on_their_way(bench: Bench) -> None:
    bench.bind(window_size=3, binds=2)
    bench.gateway.open.clear()
    await bench.send(40)
    async with running(bench):
        await until(lambda: len(bench.gateway.names) == 2 * 6)
        bench.gateway.open.set()
        await until(bench.settled)
    assert bench.gateway.most == 2 * 6
    assert bench.gateway.names == [f"{n:03}/1" for n in range(1, 41)]


async def test_the_next_permits_are_booked_before_the_last_have_left(bench: Bench) -> None:
    """A booking that begins where the one before it ended loses nothing to the time it takes."""
    bench.bind()
    bench.throttle.apart = 0.125
    await bench.send(5)
    async with running(bench):
        await until(bench.settled)
    assert 0.5 - LEAD in bench.sleeps.slept, "the last leaves after half a second"
    assert bench.gateway.names == [f"{n:03}/1" for n in range(1, 6)]


async def test_the_permits_asked_for_follow_limit_and_credit(bench: Bench) -> None:
    bench.bind(window_size=2, tps_limit=7)
    await bench.send(9)
    async with running(bench):
        await until(bench.settled)
    assert {limit for _, limit, _ in bench.throttle.asked} == {7}
    assert max(count for _, _, count in bench.throttle.asked) <= 4


async def test_an_operator_that_is_unbound_gets_nothing_and_few_are_held(bench: Bench) -> None:
    soon = iso(datetime.now(UTC) + timedelta(seconds=0.8))
    late = await bench.send(3, expiresAt=soon)
    await bench.send(HELD_WHILE_UNBOUND + 30, 4)
    held: list[int] = []

    async with running(bench) as lane:

        async def expired_are_settled() -> bool:
            held.append(lane._shelf.held)
            out = (await bench.consumer()).num_ack_pending
            return len(bench.results()) == 3 and held[-1] == out == HELD_WHILE_UNBOUND

        await until(expired_are_settled)
        assert max(held) == HELD_WHILE_UNBOUND
        assert bench.results() == {one["messageId"]: ["EXPIRED"] for one in late}
        assert bench.gateway.handed == []
        assert bench.throttle.asked == []
        bench.bind(window_size=50)
        await until(bench.settled)
    assert bench.gateway.names == [f"{n:03}/1" for n in range(4, HELD_WHILE_UNBOUND + 34)]


async def test_what_was_taken_in_under_other_rules_is_built_anew_or_buried(bench: Bench) -> None:
    fit = await bench.send(1, text="plain")
    unfit = await bench.send(1, 2, text="سلام")
    async with running(bench) as lane:
        await until(lambda: lane._shelf.waiting == 2)
        bench.bind(rules=SendRules(strict=True, service_type="VMA"))
        await until(bench.settled)
        await until(lambda: len(bench.results()) == 2)
        await until(lambda: len(bench.dead()) == 1)
    (handed,) = bench.gateway.handed
    assert [(pdu.service_type, pdu.short_message) for pdu in handed.pdus] == [("VMA", b"plain")]
    assert bench.results() == {fit[0]["messageId"]: ["ACCEPTED"], unfit[0]["messageId"]: ["DEAD"]}
    assert bench.dead()[0][0]["Smpp-Reason"] == "bad_text"


async def test_what_plain_rules_refuse_waits_until_the_operators_own_are_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.intake.RULES_RETRY", 0.2)
    (flash,) = await bench.send(1, text="caf\u00e9", encoding="LATIN1", messageType="FLASH")
    async with running(bench):

        async def seen_more_than_once() -> bool:
            return ((await bench.consumer()).delivered.consumer_seq or 0) >= 2

        await until(seen_more_than_once)
        assert bench.dead() == []
        bench.bind(rules=SendRules(flash="subunit"))
        await until(bench.settled)
        await until(lambda: bench.results() == {flash["messageId"]: ["ACCEPTED"]})
    assert bench.dead() == []
    assert bench.gateway.names == ["001/1"]


async def test_how_long_it_is_valid_is_said_when_it_leaves(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[datetime] = []
    plainly = Outgoing.encode

    def encode(outgoing: Outgoing, rules: SendRules, carrier: str, now: datetime) -> None:
        built.append(now)
        plainly(outgoing, rules, carrier, now)

    monkeypatch.setattr(Outgoing, "encode", encode)
    rules = SendRules(validity=Validity(ValidityForm.RELATIVE))
    bench.holders.put(bench.record(state=State.UNBOUND, binds=0, rules=rules))
    await bench.send(1)
    async with running(bench) as lane:
        await until(lambda: lane._shelf.waiting == 1)
        await asyncio.sleep(VALIDITY_AGE.total_seconds())
        bench.bind(rules=rules)
        await until(bench.settled)
    assert len(built) == 2
    assert built[1] - built[0] >= VALIDITY_AGE
    (handed,) = bench.gateway.handed
    assert handed.pdus[0].validity_period


async def test_what_is_no_command_is_buried_and_holds_nobody_up(bench: Bench) -> None:
    bench.bind()
    await bench.platform.send_raw(bench.operator_id, b"not json")
    await bench.send(1)
    async with running(bench):
        await until(bench.settled)
        await until(lambda: len(bench.dead()) == 1)
    assert bench.gateway.names == ["001/1"]
    assert bench.dead()[0][1] == b"not json"


async def test_unsent_parts_go_in_front_and_are_sent_once(bench: Bench) -> None:
    bench.bind(window_size=1)
    fates = iter([Fate.NOT_SENT, Fate.ACCEPTED])

    def first_answer(key: str) -> PartFate:
        bench.gateway.open.clear()
        return PartFate(key, next(fates), reason="window")

    bench.gateway.scripts.append(first_answer)
    sent = await bench.send(6)
    async with running(bench) as lane:
        await until(lambda: len(bench.gateway.handed) == 3 and lane._shelf.waiting == 3)
        bench.gateway.open.set()
        await until(bench.settled)
        await until(lambda: len(bench.results()) == 6)
    assert [handed.names[0] for handed in bench.gateway.handed[:3]] == ["001/1", "003/1", "001/1"]
    assert bench.gateway.names == ["001/1", "002/1", "003/1", "001/1", "004/1", "005/1", "006/1"]
    assert bench.results() == {one["messageId"]: ["ACCEPTED"] for one in sent}


async def test_unsent_parts_of_a_long_message_keep_their_order(bench: Bench) -> None:
    bench.bind()
    bench.gateway.scripts += [lambda key: PartFate(key, Fate.NOT_SENT, reason="window")]
    (sent,) = await bench.send(1, text=LONG)
    async with running(bench):
        await until(bench.settled)
        await until(lambda: len(bench.results()) == 1)
    assert bench.gateway.names == ["001/1", "001/2", "001/3"] * 2
    assert bench.results() == {sent["messageId"]: ["ACCEPTED"]}


async def test_all_replicas_that_hold_binds_are_used(bench: Bench) -> None:
    bench.bind(window_size=3)
    bench.bind(replica="r2", epoch="e2", window_size=3, binds=2)
    bench.gateway.open.clear()
    await bench.send(60)
    async with running(bench):
        await until(lambda: len(bench.gateway.names) == 2 * 9)
        out = {"r1": 0, "r2": 0}
        for handed in bench.gateway.handed:
            out[handed.replica] += len(handed.keys)
        bench.gateway.open.set()
        await until(bench.settled)
    assert out == {"r1": 6, "r2": 12}
    assert sorted(bench.gateway.names) == [f"{n:03}/1" for n in range(1, 61)]
    assert {(handed.replica, handed.epoch) for handed in bench.gateway.handed} == {("r1", "e1"), ("r2", "e2")}


async def test_the_parts_of_a_message_stay_with_one_replica(bench: Bench) -> None:
    bench.bind(window_size=2)
    bench.bind(replica="r2", epoch="e2", window_size=2)
    bench.throttle.at_once = 2
    await bench.send(8, text="x" * 153 * 5)
    async with running(bench):
        await until(bench.settled)
    went: dict[str, list[tuple[str, str]]] = {}
    for handed in bench.gateway.handed:
        for name in handed.names:
            went.setdefault(name.split("/")[0], []).append((handed.replica, name.split("/")[1]))
    assert all([part for _, part in parts] == ["1", "2", "3", "4", "5"] for parts in went.values())
    assert all(len({replica for replica, _ in parts}) == 1 for parts in went.values())
    assert len({parts[0][0] for parts in went.values()}) == 2


@pytest.mark.parametrize("reason", ["no_holder", "epoch", "unbound", "stopping", "drained"])
async def test_a_replica_that_refuses_is_not_asked_until_it_is_heard_of_again(bench: Bench, reason: str) -> None:
    bench.bind()
    bench.gateway.fate = not_sent(reason)
    await bench.send(1)
    async with running(bench):
        await until(lambda: bench.holders.holder(bench.operator_id) is None)
        assert len(bench.gateway.handed) == 1
        bench.gateway.fate = lambda key: PartFate(key, Fate.ACCEPTED, "id")
        bench.bind(epoch="e2")
        await until(bench.settled)
    assert [handed.epoch for handed in bench.gateway.handed] == ["e1", "e2"]


async def test_a_request_never_exceeds_what_the_server_takes(bench: Bench) -> None:
    bench.bind()
    bench.gateway.max_octets = 150
    await bench.send(3)
    async with running(bench):
        await until(bench.settled)
    assert [handed.names for handed in bench.gateway.handed] == [["001/1", "002/1"], ["003/1"]]


@pytest.mark.parametrize("function", [prepare, record])
async def test_after_a_fault_of_ours_the_stream_brings_the_command_again(bench: Bench, function: Any) -> None:
    bench.bind()
    await bench.short_ack_wait()
    bench.works.script(function, raising(ValueError("a fault")))
    (sent,) = await bench.send(1)
    async with running(bench) as lane:

        async def told() -> bool:
            await lane.renew(NOW_AND_EVER)
            return len(bench.results()) == 1

        await until(told)
        await until(bench.settled)
        assert lane._shelf.held == 0
        assert len(lane._hands) <= 1
    assert bench.gateway.names == ["001/1"], "sent once: after a lost record the gateway is asked"
    assert len(bench.gateway.asked) == (1 if function is record else 0)
    assert bench.results() == {sent["messageId"]: ["ACCEPTED"]}


async def test_a_fault_while_the_gateway_is_asked_lets_the_command_lapse(bench: Bench) -> None:
    bench.bind()
    await bench.short_ack_wait()
    bench.works.script(record, raising(ValueError("lost")), raising(ValueError("again")))
    await bench.send(1)
    async with running(bench) as lane:

        async def settled() -> bool:
            await lane.renew(NOW_AND_EVER)
            return await bench.settled()

        await until(settled)
        assert lane._shelf.held == 0
    assert (len(bench.gateway.handed), len(bench.gateway.asked)) == (1, 2)


@pytest.mark.parametrize("state", [State.BOUND, State.UNBOUND])
async def test_by_rules_this_release_does_not_know_nothing_is_taken_in_and_nothing_lapses(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    monkeypatch.setattr(intake, "IDLE_TICK", 0.01)
    looks: list[bool] = []
    stuck = bench.holders.stuck

    def look(operator_id: str) -> bool:
        looks.append(stuck(operator_id))
        return looks[-1]

    monkeypatch.setattr(bench.holders, "stuck", look)
    binds = 1 if state is State.BOUND else 0
    bench.bind(state=state, binds=binds, rules=SendRules(locking_shift=("klingon",)))
    await bench.send(2)
    async with running(bench):
        await until(lambda: looks.count(True) > 5)
        consumer = await bench.consumer()
        assert (consumer.num_pending, consumer.num_ack_pending) == (2, 0)
        bench.bind()
        await until(bench.settled)
        assert (await bench.consumer()).num_redelivered == 0
    assert bench.gateway.names == ["001/1", "002/1"]


async def test_commands_in_hand_wait_out_rules_that_cannot_be_followed(bench: Bench) -> None:
    bench.bind(state=State.UNBOUND, binds=0)
    await bench.send(2)
    async with running(bench) as lane:
        await until(lambda: lane._shelf.waiting == 2)
        bench.bind(rules=SendRules(transliteration="loud"))
        bench.bind(rules=SendRules(transliteration="loud"), replica="r2")
        lane._changed.set()
        await until(lambda: not lane._changed.is_set(), "the lane has looked")
        assert (lane._shelf.waiting, bench.gateway.names) == (2, [])
        bench.bind(rules=SendRules(service_type="VMA"), replica="r2")
        await until(bench.settled)
    assert bench.gateway.names == ["001/1", "002/1"]
    assert {(one.replica, pdu.service_type) for one in bench.gateway.handed for pdu in one.pdus} == {("r2", "VMA")}


async def test_what_waits_is_renewed_once_it_is_old_enough(bench: Bench, wire: list[tuple[str, bytes]]) -> None:
    await bench.send(2)
    async with running(bench) as lane:
        await until(lambda: lane._shelf.waiting == 2)
        await lane.renew(0.0)
        await bench.bus.flush()
        assert [data for kind, data in wire if kind == "ack"] == []
        await lane.renew(asyncio.get_running_loop().time())
        await until(lambda: [data for kind, data in wire if kind == "ack"] == [b"+WPI"] * 2)


async def test_while_many_wait_for_their_retry_nothing_new_is_pulled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "MAX_ACK_PENDING", 4)
    monkeypatch.setattr(intake, "IDLE_TICK", 0.05)
    monkeypatch.setattr(intake, "FETCH_TIMEOUT", 0.2)
    bench.bind(window_size=1)
    bench.gateway.fate = lambda key: PartFate(key, Fate.REJECTED, command_status=THROTTLED)
    await bench.send(3)
    labels = {"operator_id": bench.operator_id}

    def waiting() -> float | None:
        return REGISTRY.get_sample_value("smpp_connector_lane_retries_waiting", labels)

    async with running(bench):
        await until(lambda: waiting() == 3)
        bench.gateway.fate = lambda key: PartFate(key, Fate.ACCEPTED, "id")
        await bench.send(3, 4)
        assert (await bench.consumer()).num_pending == 3
        await until(bench.settled)
        await until(lambda: waiting() == 0)
    assert bench.gateway.names[:3] == ["001/1", "002/1", "003/1"]


async def test_a_stop_gives_back_what_has_not_begun_and_finishes_the_rest(bench: Bench) -> None:
    bench.bind(window_size=1)
    bench.gateway.open.clear()
    sent = await bench.send(6)
    lane = Lane(bench.context, bench.operator_id)
    await lane.start()
    await until(lambda: len(bench.gateway.names) == 2 and lane._shelf.waiting == 4)
    stopping = asyncio.create_task(lane.stop(10.0))
    again = await bench.deliveries(4)
    assert [one.times for one in again] == [2] * 4
    assert not stopping.done()
    bench.gateway.open.set()
    await stopping
    await until(lambda: len(bench.results()) == 2)
    assert bench.results() == {one["messageId"]: ["ACCEPTED"] for one in sent[:2]}
    assert bench.gateway.names == ["001/1", "002/1"]
    for one in again:
        await one.ack()
    await until(bench.settled)


async def test_a_stop_without_a_bus_leaves_what_it_holds_to_the_ack_wait(bench: Bench) -> None:
    bench.bind(window_size=1)
    bench.gateway.open.clear()
    await bench.send(3)
    lane = Lane(bench.context, bench.operator_id)
    await lane.start()
    await until(lambda: len(bench.gateway.names) == 2 and lane._shelf.waiting == 1)
    await bench.bus.nc.close()
    bench.gateway.open.set()
    with capture_logs() as lines:
        await lane.stop(1.0)
    assert "lane.not_given_back" in {line["event"] for line in lines}


async def test_a_stop_between_rows_and_bytes_waits_for_the_bytes(bench: Bench) -> None:
    """The second claim begins in the very step that ended the first."""
    gate, inside = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        inside.set()
        await gate.wait()

    bench.bind()
    bench.throttle.at_once = 1
    bench.works.script(prepare, nothing, hold)
    sent = await bench.send(2)
    lane = Lane(bench.context, bench.operator_id)
    await lane.start()
    await asyncio.wait_for(inside.wait(), 60)
    stopping = asyncio.create_task(lane.stop(10.0))
    await until(lane._loops[0].done)
    gate.set()
    await stopping
    await until(bench.settled)
    await until(lambda: len(bench.results()) == 2)
    assert bench.results() == {one["messageId"]: ["ACCEPTED"] for one in sent}
    assert bench.gateway.names == ["001/1", "002/1"]


async def test_a_stop_does_not_wait_longer_than_it_may(bench: Bench) -> None:
    """The ledger is away for good: what is held goes back all the same."""
    gate = asyncio.Event()
    bench.bind()
    bench.works.script(prepare, gate.wait)
    await bench.send(1)
    lane = Lane(bench.context, bench.operator_id)
    await lane.start()
    await until(lambda: prepare in bench.works.calls)
    await asyncio.wait_for(lane.stop(0.1), 60)
    (again,) = await bench.deliveries(1)
    assert again.times == 2
    await again.ack()
    assert bench.gateway.handed == []


async def test_a_throttled_answer_lowers_the_rate_under_the_mark_of_its_permit(bench: Bench) -> None:
    bench.bind(tps_limit=70)
    bench.throttle.mark = 4711
    bench.gateway.scripts.append(lambda key: PartFate(key, Fate.REJECTED, command_status=THROTTLED))
    await bench.send(2)
    async with running(bench):
        await until(bench.settled)
    assert bench.throttle.slowed == [(bench.operator_id, 70, 4711)], "once for a hand-over"
    assert len(bench.gateway.names) == 4


async def test_only_what_asks_for_less_lowers_the_rate(bench: Bench) -> None:
    own = (StatusOverride(1039, "retry_soon"), StatusOverride("0x58", "retry_soon", slows_down=False))
    bench.bind(rules=SendRules(statuses=own))
    for status in (0x0B, THROTTLED, 1039):
        bench.gateway.scripts.append(lambda key, status=status: PartFate(key, Fate.REJECTED, command_status=status))
    bench.throttle.at_once = 1
    await bench.send(3)
    async with running(bench):
        await until(lambda: len(bench.throttle.slowed) == 1)
        await until(bench.settled)
    assert len(bench.throttle.slowed) == 1


async def test_the_gateway_hears_what_rate_is_sent(bench: Bench) -> None:
    bench.bind(tps_limit=100)
    await bench.send(1)
    async with running(bench):
        await until(bench.settled)
        bench.throttle.rate = 14
        await bench.send(1, 2)
        await until(bench.settled)
    assert bench.gateway.paces == [0, 14]
    labels = {"operator_id": bench.operator_id}
    assert REGISTRY.get_sample_value("smpp_connector_tps_effective", labels) in (14, 100)


async def test_a_part_nobody_understands_is_kept_told_and_acknowledged_at_once(bench: Bench) -> None:
    bench.bind()
    bench.gateway.fate = lambda key: PartFate(key, Fate.REJECTED, command_status=0x455)
    (sent,) = await bench.send(1)
    async with running(bench):
        await until(bench.settled)
        await until(lambda: len(bench.results()) == 1 and len(bench.dead()) == 1)
    assert bench.results() == {sent["messageId"]: ["IN_DOUBT"]}
    assert bench.dead()[0][0]["Smpp-Reason"] == "in_doubt:hold"
    assert bench.gateway.names == ["001/1"]
    labels = {"operator_id": bench.operator_id, "command_status": "0x00000455"}
    assert REGISTRY.get_sample_value("smpp_connector_status_held_total", labels) == 1


async def test_one_held_part_of_several_lets_the_others_go(bench: Bench) -> None:
    bench.bind()
    kinds = [PartFate("", Fate.ACCEPTED, "id"), PartFate("", Fate.REJECTED, command_status=0x455)]
    fates = iter([*kinds, kinds[0]])
    bench.gateway.fate = lambda key: replace(next(fates), key=key)
    (sent,) = await bench.send(1, text=LONG)
    async with running(bench):
        await until(bench.settled)
        await until(lambda: len(bench.results()) == 1)
    assert bench.results() == {sent["messageId"]: ["IN_DOUBT"]}
    assert bench.gateway.names == ["001/1", "001/2", "001/3"]


async def test_the_ledger_keeps_when_the_rate_let_it_leave_and_what_held_it_up(bench: Bench) -> None:
    [sent] = await bench.send(1)
    async with running(bench) as lane:
        await until(lambda: lane._blocks._why)
        lane._blocks._since = datetime.now(UTC) - timedelta(seconds=40)
        bench.bind()
        await until(bench.settled)
    [row] = await bench.works.plainly(lambda: list(MessageCorrelation.objects.filter(message_id=sent["messageId"])))
    stored, left = stored_at(row), permit_at(row)
    assert stored is not None
    assert left is not None
    assert stored < left <= row.prepared_at
    assert row.permit_wait == 0
    [waited] = delays_of(row)
    assert waited.why == "not bound"
    assert abs(waited.since - stored) < timedelta(milliseconds=3)
    assert stored < waited.until
    assert waited.until - timedelta(milliseconds=3) <= left
