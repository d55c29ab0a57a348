"""What is left of an operator to this replica."""

from __future__ import annotations

from typing import Any

from ghasi.contracts.sessions import SessionRecord, State
from ghasi.operator_settings import OperatorSettings
from sessions_gateway.share import Share

SETTINGS = OperatorSettings(operator_id="op", operator_name="", hosts=(("smsc", 2775),), tps_limit=10, max_binds=2)


class Sessions:
    def __init__(self, *records: SessionRecord) -> None:
        self.records = records

    def fresh_of(self, first: str, within: float) -> list[SessionRecord]:
        return [record for record in self.records if record.operator_id == first]


def share(*records: SessionRecord) -> Share:
    sessions: Any = Sessions(*records)
    return Share("op", "a", sessions)


def record(replica: str, operator_id: str = "op", **changes: Any) -> SessionRecord:
    return SessionRecord(operator_id=operator_id, replica=replica, epoch="e", state=State.BOUND, **changes)


def test_binds_of_other_replicas_count_beside_our_own() -> None:
    told = share(record("a", binds=9), record("b", binds=2), record("c", binds=1), record("b", "other", binds=5))
    assert told.all_binds(1) == 4
    assert share().all_binds(1) == 1


def test_how_many_binds_there_may_be_is_heard_until_it_is_known() -> None:
    told = share(record("a", max_binds=9), record("b", max_binds=4))
    assert (told.max_binds(None), told.max_binds(SETTINGS)) == (4, 2)
    assert share().max_binds(None) == 1
