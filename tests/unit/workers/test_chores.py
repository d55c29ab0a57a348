"""workers.chores: purges behind the ack floor, where the stream keeps by limits; shows what waits."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from nats.js.api import RetentionPolicy, StreamConfig
from prometheus_client import REGISTRY

from ghasi import tasks
from ghasi.bus import Bus, BusSettings, Publication, client
from ghasi.contracts import subjects, timers, topology
from ghasi.devstack.servers import Servers
from tests.unit.workers.build import until
from workers import chores as module
from workers.chores import Chores
from workers.delivery import Delivery
from workers.presence import Presence


class Present:
    """What chores look at of a presence."""

    def __init__(self, *assigned: str, first: bool = True) -> None:
        self.first = first
        self.assigned = frozenset(assigned)


def chores(bus: Bus, pool: str, operator_id: str, present: Present | None = None) -> Chores:
    presence: Any = present or Present(operator_id)
    make = topology.dispatch_consumer if pool == "dispatch" else topology.receipt_consumer
    return Chores(bus, presence, pool, [make(operator_id)])


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"smpp_connector_{name}", labels)


async def kept(bus: Bus, operator_id: str) -> int:
    subject = subjects.dispatch(operator_id)
    info = await bus.js.stream_info(subjects.SMS_DISPATCH, subjects_filter=subject)
    return (info.state.subjects or {}).get(subject, 0)


async def fill(bus: Bus, operator_id: str, count: int) -> list[Delivery]:
    """`count` messages in the stream, all of them in hand."""
    consumer = topology.dispatch_consumer(operator_id)
    await bus.ensure_consumer(consumer)
    await bus.publish_many([Publication(consumer.filter_subject, b"x", uuid.uuid4().hex) for _ in range(count)])
    pull = await bus.pull(consumer)
    found: list[Delivery] = []
    while len(found) < count:
        found += [Delivery(bus, arrived, 0.0) for arrived in await pull.fetch(count, 5.0)]
    await pull.stop()
    return found


async def acknowledge(bus: Bus, deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        await delivery.ack_sync()


async def test_only_what_lies_behind_the_ack_floor_is_purged(bus: Bus, operator_id: str) -> None:
    neighbour = str(uuid.uuid4())
    await fill(bus, neighbour, 2)
    held = await fill(bus, operator_id, 5)
    one = chores(bus, "dispatch", operator_id)
    await one.turn()
    assert await kept(bus, operator_id) == 5
    await acknowledge(bus, [held[0], held[1], held[3]])
    await one.turn()
    assert await kept(bus, operator_id) == 3, "the fourth is acknowledged and stands before the floor"
    await acknowledge(bus, [held[2], held[4]])
    await one.turn()
    assert await kept(bus, operator_id) == 0
    assert await kept(bus, neighbour) == 2


async def test_a_stream_made_anew_is_purged_from_its_beginning(
    own_servers: Callable[..., Servers], operator_id: str
) -> None:
    bus = await Bus.connect(BusSettings((own_servers(only=["nats"]).nats_url,)), "test")
    try:
        await bus.ensure()
        one = chores(bus, "dispatch", operator_id)
        await acknowledge(bus, await fill(bus, operator_id, 5))
        await one.turn()
        await bus.js.delete_stream(subjects.SMS_DISPATCH)
        await bus.ensure()
        await acknowledge(bus, await fill(bus, operator_id, 2))
        await one.turn()
        assert await kept(bus, operator_id) == 0
    finally:
        await bus.close()


async def test_the_backlog_is_what_nobody_has_pulled_yet(bus: Bus, operator_id: str) -> None:
    held = await fill(bus, operator_id, 2)
    subject = subjects.dispatch(operator_id)
    await bus.publish_many([Publication(subject, b"x", uuid.uuid4().hex) for _ in range(3)])
    await chores(bus, "dispatch", operator_id).turn()
    assert sample("lane_backlog", operator_id=operator_id, pool="dispatch") == 3
    await acknowledge(bus, held)


async def test_receipts_are_purged_the_same_way_and_have_no_unassigned(bus: Bus, operator_id: str) -> None:
    consumer = topology.receipt_consumer(operator_id)
    await bus.ensure_consumer(consumer)
    await bus.publish(Publication(consumer.filter_subject, b"x"))
    pull = await bus.pull(consumer)
    (message,) = await pull.fetch(1, 60.0)
    await bus.settle_surely(message, 5.0)
    await pull.stop()
    stranger = str(uuid.uuid4())
    await bus.publish(Publication(subjects.dispatch(stranger), b"x"))
    await chores(bus, "receipts", operator_id).turn()
    info = await bus.js.stream_info(subjects.SMPP_RECEIPTS, subjects_filter=consumer.filter_subject)
    assert not info.state.subjects
    assert sample("unassigned_backlog", operator_id=stranger) is None


async def test_a_durable_that_is_not_there_yet_is_passed_over(bus: Bus, operator_id: str) -> None:
    other = str(uuid.uuid4())
    (held,) = await fill(bus, other, 1)
    await held.ack_sync()
    both: Any = Present(operator_id, other)
    consumers = [topology.dispatch_consumer(operator_id), topology.dispatch_consumer(other)]
    await Chores(bus, both, "dispatch", consumers).turn()
    assert await kept(bus, other) == 0


async def test_a_turn_purges_a_few_and_the_next_ones_the_others(
    bus: Bus, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PURGES_A_TURN", 2)
    operators = [operator_id, *(str(uuid.uuid4()) for _ in range(4))]
    for one in operators:
        await acknowledge(bus, await fill(bus, one, 1))
    both: Any = Present(*operators)
    work = Chores(bus, both, "dispatch", [topology.dispatch_consumer(one) for one in operators])
    left = []
    for _ in range(3):
        await work.turn()
        left.append(sum([await kept(bus, one) for one in operators]))
    assert left == [3, 1, 0]


async def test_consumers_beyond_the_first_page_are_seen_too(
    bus: Bus, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await fill(bus, operator_id, 1)
    one = chores(bus, "dispatch", operator_id)
    asked: list[int] = []
    listed = bus.js.consumers_info

    async def paged(stream: str, offset: int | None = None) -> list[Any]:
        asked.append(offset or 0)
        return (await listed(stream, offset=offset))[:1]

    monkeypatch.setattr(bus.js, "consumers_info", paged)
    monkeypatch.setattr(client, "CONSUMERS_A_PAGE", 1)
    await acknowledge(bus, held)
    await one.turn()
    assert await kept(bus, operator_id) == 0
    assert asked == list(range(len(asked)))
    assert len(asked) > 1


@pytest.fixture
async def purges(own_servers: Callable[..., Servers]) -> AsyncIterator[tuple[Bus, list[str]]]:
    """A NATS of its own, and every purge asked of it."""
    servers = own_servers(only=["nats"])
    bus = await Bus.connect(BusSettings((servers.nats_url,)), "test")
    asked: list[str] = []

    async def note(message: Any) -> None:
        asked.append(message.subject)

    await bus.nc.subscribe("$JS.API.STREAM.PURGE.>", cb=note)
    yield bus, asked
    await bus.close()


@pytest.mark.parametrize(("retention", "asked"), [(RetentionPolicy.LIMITS, 1), (RetentionPolicy.WORK_QUEUE, 0)])
async def test_a_stream_that_removes_by_itself_is_not_purged(
    purges: tuple[Bus, list[str]], operator_id: str, retention: RetentionPolicy, asked: int
) -> None:
    bus, seen = purges
    await bus.js.add_stream(
        StreamConfig(name=subjects.SMS_DISPATCH, subjects=["smpp.operator.*"], retention=retention)
    )
    await acknowledge(bus, await fill(bus, operator_id, 2))
    one = chores(bus, "dispatch", operator_id)
    await one.turn()
    await one.turn()
    await bus.flush()
    assert len(seen) == asked, "and the same floor is purged once"
    assert await kept(bus, operator_id) == 0


async def test_commands_nobody_is_assigned_to_are_shown_until_somebody_is(
    purges: tuple[Bus, list[str]], operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, _ = purges
    await bus.ensure(buckets=False)
    monkeypatch.setattr(module, "BACKLOG_EVERY", 0.0)
    stranger = str(uuid.uuid4())
    for subject in (stranger, stranger, operator_id, "not-a-uuid", stranger.upper()):
        await bus.publish(Publication(subjects.dispatch(subject), b"x"))
    present = Present(operator_id)
    one = chores(bus, "dispatch", operator_id, present)
    await one.turn()
    assert sample("unassigned_backlog", operator_id=stranger) == 2
    assert sample("unassigned_backlog", operator_id="other") == 2
    assert sample("unassigned_backlog", operator_id=operator_id) is None
    present.assigned |= {stranger}
    await one.turn()
    assert sample("unassigned_backlog", operator_id=stranger) == 0
    assert sample("unassigned_backlog", operator_id="other") == 2


async def test_labels_are_bounded_whatever_is_published(
    purges: tuple[Bus, list[str]], operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, _ = purges
    await bus.ensure(buckets=False)
    monkeypatch.setattr(module, "MAX_LABELS", 2)
    strangers = [str(uuid.uuid4()) for _ in range(5)]
    await bus.publish_many([Publication(subjects.dispatch(one), b"x", one) for one in strangers])
    await chores(bus, "dispatch", operator_id).turn()
    shown = [sample("unassigned_backlog", operator_id=one) for one in strangers]
    assert sorted(value or 0.0 for value in shown) == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert sample("unassigned_backlog", operator_id="other") == 3


async def test_only_the_first_process_works_and_a_failed_turn_is_not_the_last(
    bus: Bus, operator_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "PURGE_EVERY", 0.01)
    monkeypatch.setattr(tasks, "BEGIN_AGAIN", 0.01)
    await acknowledge(bus, await fill(bus, operator_id, 2))
    present = Present(operator_id, first=False)
    errors = [TimeoutError(), ValueError("a fault of ours")]
    one = chores(bus, "dispatch", operator_id, present)
    turns = 0
    turn = one.turn

    async def counted() -> None:
        nonlocal turns
        turns += 1
        if errors:
            raise errors.pop()
        await turn()

    monkeypatch.setattr(one, "turn", counted)
    asked = Asked(present)
    monkeypatch.setattr(one, "_presence", asked)
    one.start()
    try:
        await until(lambda: asked.times > 3)
        assert (turns, await kept(bus, operator_id)) == (0, 2)
        present.first = True

        async def purged() -> bool:
            return await kept(bus, operator_id) == 0

        await until(purged)
        assert turns >= 3
    finally:
        await one.stop()


class Asked:
    """A presence that counts how often it was asked who is first."""

    def __init__(self, present: Present) -> None:
        self._present = present
        self.times = 0

    @property
    def first(self) -> bool:
        self.times += 1
        return self._present.first

    @property
    def assigned(self) -> frozenset[str]:
        return self._present.assigned


async def test_stopped_before_it_started_is_stopped(bus: Bus, operator_id: str) -> None:
    presence = Presence(bus, "pool", (operator_id,))
    await Chores(bus, presence, "dispatch", [topology.dispatch_consumer(operator_id)]).stop()


async def test_the_oldest_that_is_not_settled_is_shown_by_its_time(bus: Bus, operator_id: str) -> None:
    began = time.time()
    held = await fill(bus, operator_id, 2)
    stored = time.time()
    await chores(bus, "dispatch", operator_id).turn()
    first = sample("lane_oldest_timestamp_seconds", operator_id=operator_id, pool="dispatch") or 0.0
    assert began - 1.0 < first < stored + 1.0
    await bus.publish_many([Publication(subjects.dispatch(operator_id), b"x", uuid.uuid4().hex)])
    await acknowledge(bus, held)
    await chores(bus, "dispatch", operator_id).turn()
    second = sample("lane_oldest_timestamp_seconds", operator_id=operator_id, pool="dispatch") or 0.0
    assert second > first, "what is settled is not counted, what nobody has pulled is"
    (last,) = await _pulled(bus, operator_id, 1)
    await last.ack_sync()
    await chores(bus, "dispatch", operator_id).turn()
    assert sample("lane_oldest_timestamp_seconds", operator_id=operator_id, pool="dispatch") == 0.0


async def _pulled(bus: Bus, operator_id: str, count: int) -> list[Delivery]:
    pull = await bus.pull(topology.dispatch_consumer(operator_id))
    found = [Delivery(bus, arrived, 0.0) for arrived in await pull.fetch(count, 5.0)]
    await pull.stop()
    return found
