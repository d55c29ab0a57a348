"""What is shown of sessions: `/sessions` entries and the overall health of an operator."""

from __future__ import annotations

from typing import Any

import pytest

from ghasi.contracts.events import HealthStatus
from ghasi.contracts.sessions import SessionRecord, State
from sessions_gateway.health import overall
from sessions_gateway.http import sessions_of


def record(state: State, replica: str = "a", **changes: Any) -> SessionRecord:
    return SessionRecord(operator_id="op", replica=replica, epoch="e", state=state, **changes)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], None),
        ([State.DISCONNECTED], None),
        ([State.CONNECTING, State.DISCONNECTED], None),
        ([State.UNBOUND], HealthStatus.UNBOUND),
        ([State.UNBOUND, State.CONNECTING], HealthStatus.UNBOUND),
        ([State.UNBOUND, State.BOUND], HealthStatus.BOUND),
        ([State.UNBOUND, State.FAILBACK], HealthStatus.FAILBACK),
        ([State.FAILBACK, State.DISCONNECTED], HealthStatus.FAILBACK),
    ],
)
def test_one_status_out_of_all_replicas(states: list[State], status: HealthStatus | None) -> None:
    assert overall([record(state) for state in states])[0] is status


def test_the_reason_is_that_of_an_unbound_one() -> None:
    records = [record(State.UNBOUND), record(State.UNBOUND, reason="no connection")]
    assert overall(records) == (HealthStatus.UNBOUND, "no connection")
    assert overall([record(State.BOUND, reason="old")]) == (HealthStatus.BOUND, None)


def test_a_replica_that_has_not_heard_of_the_failover_does_not_count() -> None:
    over = record(State.FAILBACK, "a", failover_term=1, carried_by="backup", reason="no connection")
    assert overall([over, record(State.BOUND, "b")]) == (HealthStatus.FAILBACK, "no connection")
    back = record(State.BOUND, "b", failover_term=2)
    assert overall([over, back]) == (HealthStatus.BOUND, None)


def test_a_standby_shows_the_holder() -> None:
    own = record(State.DISCONNECTED, "a")
    holder = record(State.BOUND, "b", binds=1, last_bound_at=0.5)
    (entry,) = sessions_of([own], [holder, record(State.DISCONNECTED, "c")])
    assert (entry["replica"], entry["state"]) == ("b", "BOUND")
    assert entry["lastBoundAt"] == "1970-01-01T00:00:00.500Z"
    assert entry["nextReconnectAt"] is None


def test_what_an_operator_takes_now_is_shown_beside_what_it_says() -> None:
    given: dict[str, Any] = {"binds": 2, "window_size": 10, "tps_limit": 100}
    (plain,) = sessions_of([record(State.BOUND, **given)], [])
    assert (plain["window"], plain["tpsEffective"]) == ({"size": 10, "used": 0, "effective": 20}, 100)
    (less,) = sessions_of([record(State.BOUND, window_effective=7, tps_effective=14, **given)], [])
    assert (less["window"]["effective"], less["tpsEffective"]) == (7, 14)


def test_without_a_holder_its_own_state_is_shown() -> None:
    (entry,) = sessions_of([record(State.UNBOUND, reason="no connection")], [])
    assert (entry["replica"], entry["state"], entry["reason"]) == ("a", "UNBOUND", "no connection")


def test_both_holders_of_a_shared_operator_are_shown() -> None:
    entries = sessions_of([record(State.BOUND, "b", binds=1)], [record(State.BOUND, "a", binds=2)])
    assert [(entry["replica"], entry["binds"]) for entry in entries] == [("a", 2), ("b", 1)]
