"""Which other replicas serve an operator."""

from __future__ import annotations

from typing import Any

import msgspec

from ghasi.contracts.sessions import ReplicaRecord
from ghasi.contracts.topology import REPLICA_TTL
from sessions_gateway.mirror import Mirror
from sessions_gateway.roll import Roll


async def test_the_living_ones_by_their_last_word() -> None:
    bus: Any = None
    replicas = Mirror(bus, "smpp_replicas", ReplicaRecord, lambda _: None)
    roll = Roll("me", replicas)

    def says(replica: str, *operators: str) -> None:
        replicas._apply(replica, None, msgspec.json.encode(ReplicaRecord(replica, "e", 0.0, list(operators))))

    says("me", "x")
    says("a", "x", "y")
    says("b", "y")
    assert roll.others_serving("x") == ["a"]
    assert roll.others_serving("y") == ["a", "b"]
    says("a", "y")
    assert roll.others_serving("x") == []
    value, heard, revision = replicas._items["b"]
    replicas._items["b"] = (value, heard - REPLICA_TTL - 1, revision)
    assert roll.others_serving("y") == ["a"]
    says("c", "y")
    assert roll.others_serving("y") == ["a", "c"]
    assert "b" not in roll._served, "names of replicas come and go"
