"""What a mirror takes over of its bucket."""

from __future__ import annotations

from typing import Any

import msgspec
from structlog.testing import capture_logs

from ghasi.contracts.sessions import ReplicaRecord
from sessions_gateway.gateway import WORKER_KEYS
from sessions_gateway.mirror import Mirror


async def test_records_of_the_workers_are_passed_over_in_silence() -> None:
    bus: Any = None
    changed: list[str] = []
    mirror = Mirror(bus, "smpp_replicas", ReplicaRecord, changed.append, foreign=(WORKER_KEYS,))
    with capture_logs() as lines:
        mirror._apply("worker.dispatch.1f", None, b'{"process":"1f"}')
        mirror._apply("worker.dispatch.1f", "DEL", None)
        mirror._apply("a", None, msgspec.json.encode(ReplicaRecord("a", "e", 0.0, [])))
        assert not lines
        mirror._apply("b", None, b'{"process":"1f"}')
    assert changed == ["a"]
    assert [line["event"] for line in lines] == ["bucket.unreadable"]
