"""ghasi.operators.session_groups: sessions as the admin shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ghasi.contracts.sessions import SessionRecord, State, Wanted, WantedRecord
from ghasi.operators.live import Live
from ghasi.operators.session_groups import Group, groups, since

NOW = datetime(2026, 11, 21, 18, 45, tzinfo=UTC)
ONE, OTHER = str(uuid4()), str(uuid4())


def session(operator_id: str = ONE, state: State = State.BOUND, replica: str = "gw-1", **more: Any) -> SessionRecord:
    return SessionRecord(operator_id, replica, "e", state, **({"operator_name": "Nordwind"} | more))


def group(*sessions: SessionRecord, wanted: Wanted | None = None) -> Group:
    order = {ONE: WantedRecord(wanted, "a", "b", 1.0)} if wanted else {}
    return groups(Live(list(sessions), order), [], NOW)[0]


def test_replicas_of_one_operator_stand_together_by_the_best_state() -> None:
    made = group(session(state=State.DISCONNECTED, replica="gw-0"), session(replica="gw-1"))
    assert ([row.record.replica for row in made.rows], made.state) == (["gw-0", "gw-1"], State.BOUND)


def test_an_operator_nobody_reports_is_shown_too_and_names_come_first() -> None:
    made = groups(Live([session(OTHER, operator_name="")]), [(ONE, "Seeblick")], NOW)
    assert [(one.operator_id, one.name, one.state) for one in made] == [
        (ONE, "Seeblick", None),
        (OTHER, "", State.BOUND),
    ]


@pytest.mark.parametrize(
    ("state", "wanted", "level"),
    [
        (State.BOUND, None, "good"),
        (State.UNBOUND, None, "bad"),
        (State.UNBOUND, Wanted.DRAINED, "warn"),
        (State.BOUND, Wanted.UNBOUND, "warn"),
        (State.FAILBACK, Wanted.BOUND, "warn"),
    ],
)
def test_a_state_is_judged_by_what_is_wanted(state: State, wanted: Wanted | None, level: str) -> None:
    assert group(session(state=state), wanted=wanted).level == level


def test_since_follows_the_state() -> None:
    bound, unbound = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    times = {"last_bound_at": bound.timestamp(), "last_unbound_at": unbound.timestamp()}
    assert since(session(**times)) == bound
    assert since(session(state=State.UNBOUND, **times)) == unbound
    assert since(session(state=State.CONNECTING)) is None


def test_when_it_was_heard_and_who_carries_instead() -> None:
    carried = session(state=State.FAILBACK, carried_by=OTHER, heard_at=NOW.timestamp() - 7)
    made = groups(Live([carried, session(OTHER, operator_name="Seeblick")]), [], NOW)
    (row,) = made[0].rows
    assert (row.heard, row.over) == (7, "Seeblick")
    assert made[1].rows[0].heard is None
