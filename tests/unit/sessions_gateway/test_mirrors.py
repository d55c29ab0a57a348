"""What a replica hears of the others: changes, and no renewals."""

from __future__ import annotations

from typing import Any

import msgspec

from ghasi.contracts.sessions import ReplicaRecord
from sessions_gateway.mirrors import Mirrors


def told(replica: str, epoch: str, at: float, *operators: str) -> bytes:
    return msgspec.json.encode(ReplicaRecord(replica, epoch, at, list(operators)))


async def test_a_replica_that_only_renews_is_no_change() -> None:
    bus: Any = object()
    changed: list[str] = []
    others: list[str] = []
    mirrors = Mirrors(
        bus,
        "a",
        session_changed=others.append,
        replica_changed=changed.append,
        slot_changed=others.append,
        wanted_changed=others.append,
        profile_changed=others.append,
    )
    seen = mirrors.replicas._apply
    seen("b", "PUT", told("b", "1", 1.0, "x", "y"))
    assert changed == ["b"]
    seen("b", "PUT", told("b", "1", 2.0, "x", "y"))
    seen("worker.1", "PUT", b"{}")
    assert changed == ["b"]
    seen("b", "PUT", told("b", "1", 3.0, "x"))
    seen("b", "PUT", told("b", "2", 4.0, "x"))
    seen("b", "DEL", None)
    seen("b", "PUT", told("b", "2", 5.0, "x"))
    assert changed == ["b"] * 5
    mirrors.sessions._apply("op.a", "PUT", b"{}")
    assert not others, "our own session records are known without reading them"
