"""workers.holders: who may be handed PDUs, as the gateways say it in the sessions bucket."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import msgspec
import pytest

from ghasi.bus import Bus, BusSettings
from ghasi.contracts.sessions import SendRules, SessionRecord, State
from ghasi.contracts.subjects import BUCKET_SESSIONS, session_key
from workers.holders import FORGET_AFTER, STALE_AFTER, Holders


def record(operator_id: str, replica: str = "r1", state: State = State.BOUND, binds: int = 1) -> SessionRecord:
    return SessionRecord(operator_id=operator_id, replica=replica, epoch="e", state=state, binds=binds)


def test_only_a_bound_replica_heard_of_lately_is_a_holder() -> None:
    now = [0.0]
    holders = Holders(lambda: now[0])
    assert holders.holder("o") is None
    holders.put(record("o", state=State.UNBOUND, binds=0))
    assert holders.holder("o") is None
    holders.put(record("o"))
    assert holders.holder("o") is not None
    now[0] = STALE_AFTER + 1
    assert holders.holder("o") is None


def test_nothing_is_kept_of_a_replica_that_has_long_been_gone() -> None:
    now = [0.0]
    holders = Holders(lambda: now[0])
    for life in range(50):
        holders.put(record("o", f"r-{life}"))
        now[0] += FORGET_AFTER + 1
    assert len(holders._records["o"]) == 1


def test_rules_are_those_of_a_gateway_that_had_credentials_and_outlive_it() -> None:
    """A standby writes its records too, and never fetched any."""
    holders = Holders(lambda: 0.0)
    holders.put(SessionRecord("o", "standby", "e", State.DISCONNECTED, updated_at=1.0))
    assert holders.rules("o") is None
    own = SendRules(id_base="hex")
    holders.put(SessionRecord("o", "r1", "e", State.BOUND, tps_limit=5, rules=own, updated_at=2.0))
    holders.put(SessionRecord("o", "standby", "e", State.DISCONNECTED, updated_at=3.0))
    assert holders.rules("o") == own
    holders.drop("o", "r1")
    assert holders.rules("o") == own


def test_of_several_the_same_one_is_chosen_until_it_goes() -> None:
    holders = Holders(lambda: 0.0)
    holders.put(record("o", "r2"))
    holders.put(record("o", "r1"))
    first = holders.holder("o")
    assert first is not None
    assert first.replica == "r1"
    holders.drop("o", "r1")
    second = holders.holder("o")
    assert second is not None
    assert second.replica == "r2"


def test_the_one_with_more_binds_is_preferred() -> None:
    holders = Holders(lambda: 0.0)
    holders.put(record("o", "r1", binds=1))
    holders.put(record("o", "r2", binds=2))
    chosen = holders.holder("o")
    assert chosen is not None
    assert chosen.replica == "r2"


def test_all_that_are_bound_are_known_by_name() -> None:
    now = [0.0]
    holders = Holders(lambda: now[0])
    holders.put(record("o", "r3"))
    holders.put(record("o", "r2", state=State.UNBOUND, binds=0))
    now[0] = STALE_AFTER - 1
    holders.put(record("o", "r1", binds=2))
    assert [one.replica for one in holders.bound("o")] == ["r1", "r3"]
    now[0] = STALE_AFTER + 1
    assert [one.replica for one in holders.bound("o")] == ["r1"]
    assert holders.bound("p") == []


def test_a_refusal_counts_against_the_record_it_was_asked_by_and_no_later_one() -> None:
    holders = Holders(lambda: 0.0)
    first = record("o")
    holders.put(first)
    holders.put(record("o", binds=2))
    holders.refused(first)
    (later,) = holders.bound("o")
    assert later.binds == 2
    holders.refused(later)
    holders.refused(later)
    assert holders.bound("o") == []


def test_listeners_hear_of_their_operator_only() -> None:
    heard: list[str] = []
    holders = Holders(lambda: 0.0)
    holders.listen("o", lambda: heard.append("o"))
    holders.put(record("p"))
    holders.put(record("o"))
    holders.drop("o", "r1")
    holders.drop("o", "r1")
    assert heard == ["o", "o"]


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    await made.ensure()
    yield made
    await made.close()


async def test_the_bucket_is_followed(bus: Bus) -> None:
    operator_id = str(uuid.uuid4())
    changed = asyncio.Event()
    holders = Holders(asyncio.get_running_loop().time)
    holders.listen(operator_id, changed.set)
    await holders.start(bus)
    try:
        bucket = await bus.bucket(BUCKET_SESSIONS)
        key = session_key(operator_id, "r1")
        await bucket.put(key, b"not a record")
        await bucket.put(key, msgspec.json.encode(record(operator_id)))
        await asyncio.wait_for(changed.wait(), 60)
        assert holders.holder(operator_id) == record(operator_id)
        changed.clear()
        await bucket.delete(key)
        await asyncio.wait_for(changed.wait(), 60)
        assert holders.holder(operator_id) is None
    finally:
        await holders.stop()
