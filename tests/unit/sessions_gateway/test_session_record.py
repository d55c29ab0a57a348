"""Which binds count."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ghasi.contracts.sessions import SessionRecord, State
from sessions_gateway.establish import BoundLinks, Plan
from sessions_gateway.failover import Diversion
from sessions_gateway.session_record import RETURNING, Standing, session_record


def standing(state: State, **changes: Any) -> Standing:
    given: dict[str, Any] = {"operator_id": "op", "replica": "a", "epoch": "e", "state": state, "reason": None}
    given |= {"window_used": 0, "tps_current": 0, "last_bound_at": None, "last_unbound_at": None}
    return Standing(**(given | changes))


@pytest.mark.parametrize(
    ("own", "diversion", "shown", "reason"),
    [
        (State.UNBOUND, Diversion(), State.UNBOUND, "down"),
        (State.UNBOUND, Diversion(trouble="backup not bound"), State.UNBOUND, "down; backup not bound"),
        (State.UNBOUND, Diversion("b", 1, True), State.FAILBACK, "down"),
        (State.UNBOUND, Diversion("b", 1, False, "backup not bound"), State.UNBOUND, "down; backup not bound"),
        (State.CONNECTING, Diversion("b", 1, True), State.FAILBACK, "down"),
        (State.BOUND, Diversion("b", 1, True), State.FAILBACK, RETURNING),
        (State.BOUND, Diversion("b", 1, False), State.UNBOUND, RETURNING),
        (State.BOUND, Diversion(None, 2), State.BOUND, None),
    ],
)
def test_what_is_shown_of_a_failover(own: State, diversion: Diversion, shown: State, reason: str | None) -> None:
    one = standing(own, reason=None if own is State.BOUND else "down", diversion=diversion)
    record = session_record(one, None, {}, ())
    assert (record.state, record.reason) == (shown, reason)
    assert (record.carried_by, record.failover_term) == (diversion.by, diversion.term)
    assert record.can_send is (own is State.BOUND), "of its own binds, whoever carries"
    assert msgspec.json.decode(msgspec.json.encode(record), type=SessionRecord) == record


def test_an_operator_here_as_a_backup_only_says_so() -> None:
    assert session_record(standing(State.BOUND), None, {}, ()).is_primary
    assert not session_record(standing(State.BOUND, assigned=False), None, {}, ()).is_primary


def test_only_binds_with_a_transmitter_count() -> None:
    bound = [BoundLinks(plan, ()) for plan in Plan]
    assert session_record(standing(State.BOUND), None, {}, bound).binds == 3
