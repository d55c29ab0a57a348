"""Which binds count."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ghasi.contracts.sessions import SessionRecord, State
from sessions_gateway.establish import BoundLinks, Plan
from sessions_gateway.failover import Diversion
from sessions_gateway.session_record import RETURNING, Standing, failed_attempts, session_record, windows


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


class Slot:
    def __init__(self, failures: int, *, bound: bool) -> None:
        self.failures = failures
        self.bound = BoundLinks(Plan.TRX, ()) if bound else None


@pytest.mark.parametrize(
    ("slots", "attempts"),
    [
        ([], 0),
        ([Slot(3, bound=False)], 3),
        ([Slot(3, bound=True)], 0),
        ([Slot(3, bound=True), Slot(2, bound=False), Slot(1, bound=False)], 2),
    ],
)
def test_attempts_are_those_of_the_slots_that_still_try(slots: list[Any], attempts: int) -> None:
    assert failed_attempts(slots) == attempts


class Sending:
    can_submit = True
    window_size = 10

    def __init__(self, window_open: int) -> None:
        self.window_open = window_open


def test_a_narrowed_bind_makes_less_of_all() -> None:
    wide, narrow = Sending(10), Sending(3)
    links: list[Any] = [wide, narrow]
    bound = [BoundLinks(Plan.TRX, (one,)) for one in links]
    assert windows(bound) == (13, 20)
    assert session_record(standing(State.BOUND), None, {}, bound).window_effective == 13
    narrow.window_open = 10
    assert session_record(standing(State.BOUND), None, {}, bound).window_effective == 0
