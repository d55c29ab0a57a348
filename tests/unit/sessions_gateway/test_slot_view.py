"""What the watched buckets hint at: whose slots to leave alone, and what our share is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ghasi.contracts import subjects
from ghasi.contracts.sessions import ReplicaRecord, SlotRecord
from ghasi.contracts.topology import REPLICA_TTL
from sessions_gateway import slot_view
from sessions_gateway.mirror import Mirror
from sessions_gateway.slot_view import SlotView


class Buckets:
    """Mirrors without a bucket behind them."""

    def __init__(self) -> None:
        bus: Any = None
        self.slots = Mirror(bus, subjects.BUCKET_SLOTS, SlotRecord, lambda _: None)
        self.replicas = Mirror(bus, subjects.BUCKET_REPLICAS, ReplicaRecord, lambda _: None)

    def view(self, *, sole: bool = False) -> SlotView:
        return SlotView("me", self.slots, self.replicas, sole=sole)

    def holds(self, replica: str, slot: int, epoch: str = "e") -> None:
        record = msgspec.json.encode(SlotRecord(replica, epoch, 0.0))
        self.slots._apply(subjects.slot_key("op", slot), None, record, 1)

    def lives(self, replica: str, *operators: str, epoch: str = "e") -> None:
        record = msgspec.json.encode(ReplicaRecord(replica, epoch, 0.0, list(operators)))
        self.replicas._apply(replica, None, record, 1)

    def fell_silent(self, replica: str, seconds: float) -> None:
        value, heard, revision = self.replicas._items[replica]
        self.replicas._items[replica] = (value, heard - seconds, revision)


async def test_only_a_slot_of_a_living_replica_is_not_asked_for() -> None:
    buckets = Buckets()
    view = buckets.view()
    assert not view.held_elsewhere("op", 0)
    buckets.holds("other", 0)
    assert not view.held_elsewhere("op", 0), "its key is gone"
    buckets.lives("other", "op")
    assert view.held_elsewhere("op", 0)
    buckets.fell_silent("other", slot_view.SILENT_AFTER)
    assert not view.held_elsewhere("op", 0)
    buckets.lives("other", "op", epoch="another life")
    assert not view.held_elsewhere("op", 0)
    buckets.holds("me", 1)
    buckets.lives("me", "op")
    assert not view.held_elsewhere("op", 1)


@pytest.mark.parametrize(("most", "shares"), [(1, [1, 1, 1]), (2, [2, 1, 1]), (5, [5, 3, 2])])
async def test_living_replicas_share_evenly(most: int, shares: list[int]) -> None:
    buckets = Buckets()
    view = buckets.view()
    buckets.lives("me", "op")
    got = [view.share("op", most)]
    for name in ("a", "b"):
        buckets.lives(name, "op")
        got.append(view.share("op", most))
    assert got == shares


async def test_who_is_gone_going_or_not_assigned_has_no_share() -> None:
    buckets = Buckets()
    buckets.lives("other operator's", "another")
    buckets.lives("stopping")
    buckets.lives("dead", "op")
    buckets.fell_silent("dead", REPLICA_TTL + 1)
    assert buckets.view().share("op", 4) == 4


async def test_the_only_replica_asks_nobody_and_shares_with_nobody() -> None:
    buckets = Buckets()
    buckets.holds("ghost", 0)
    buckets.lives("ghost", "op")
    view = buckets.view(sole=True)
    assert not view.held_elsewhere("op", 0)
    assert view.share("op", 3) == 3
