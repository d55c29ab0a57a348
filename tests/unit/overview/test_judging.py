"""ghasi.overview: one line per operator, and whether everything is all right."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ghasi.contracts.sessions import SessionRecord, State, Wanted, WantedRecord
from ghasi.operators.live import Live
from ghasi.operators.minutes import Tallies, Tally
from ghasi.overview.combine import operators
from ghasi.overview.facts import Backlog, Everything, FromLedger, FromNats, OperatorFacts
from ghasi.overview.judging import SESSIONS, Finding, findings

NOW = datetime(2026, 11, 21, 17, 30, 20, tzinfo=UTC)
ONE = str(uuid4())
WORKERS = {"dispatch": 1, "receipts": 1}


def session(state: State = State.BOUND, replica: str = "gw-1", **changes: Any) -> SessionRecord:
    given: dict[str, Any] = {"operator_name": "Nordwind", "binds": 1, "tps_limit": 100, "window_size": 20}
    return SessionRecord(ONE, replica, "e", state, **(given | changes))


def everything(
    *sessions: SessionRecord,
    wanted: WantedRecord | None = None,
    ledger: FromLedger | None = None,
    minutes: Tallies | None = None,
    **nats: Any,
) -> Everything:
    live = Live(list(sessions), {ONE: wanted} if wanted else {})
    from_nats = FromNats(**({"live": live, "workers": WORKERS} | nats))
    return Everything(from_nats, ledger or FromLedger(), minutes or {}, {}, NOW)


def only(found: Everything) -> OperatorFacts:
    (one,) = operators(found)
    return one


def wrong(found: Everything) -> list[Finding]:
    return findings(found, operators(found))


def test_replicas_are_added_up_and_the_best_state_counts() -> None:
    one = only(
        everything(
            session(State.DISCONNECTED, "gw-0", binds=0),
            session(replica="gw-1", tps_current=30, window_used=3, last_bound_at=NOW.timestamp() - 60),
            session(replica="gw-2", tps_current=20, window_used=4),
        )
    )
    assert (one.state, one.binds, one.tps, one.window_used, one.window_size) == (State.BOUND, 2, 50, 7, 40)
    assert one.since == NOW - timedelta(seconds=60)


def test_all_is_well() -> None:
    assert wrong(everything(session())) == []


def test_receipts_of_the_last_minutes_only() -> None:
    minute = NOW.replace(second=0)
    tallies = {
        (minute, ONE): Tally(Counter(dlr_delivered=2, submitted=9)),
        (minute - timedelta(minutes=5), ONE): Tally(Counter(dlr_delivered=3, dlr_expired=1)),
        (minute - timedelta(minutes=6), ONE): Tally(Counter(dlr_delivered=100)),
    }
    assert only(everything(session(), minutes=tallies)).receipts == {"DELIVERED": 5, "EXPIRED": 1}


@pytest.mark.parametrize(
    ("state", "level", "word"),
    [
        (State.UNBOUND, "bad", "is UNBOUND: refused"),
        (State.DISCONNECTED, "bad", "is DISCONNECTED"),
        (State.CONNECTING, "warn", "is connecting"),
        (State.FAILBACK, "warn", "goes over"),
    ],
)
def test_a_state_that_is_not_bound_is_told_with_its_reason(state: State, level: str, word: str) -> None:
    (one,) = wrong(everything(session(state, reason="refused")))
    assert (one.level, word in one.text) == (level, True)


@pytest.mark.parametrize(
    ("wanted", "level"), [(Wanted.DRAINED, "warn"), (Wanted.UNBOUND, "warn"), (Wanted.PAUSED, "bad")]
)
def test_what_somebody_wanted_is_told_with_who_and_why(wanted: Wanted, level: str) -> None:
    record = WantedRecord(wanted, "ahmad", "cable works", NOW.timestamp() - 90)
    found = everything(session(State.UNBOUND), wanted=record)
    (one,) = wrong(found)
    assert one.level == level
    assert "cable works (ahmad)" in one.text
    assert only(found).since == NOW - timedelta(seconds=90)


def test_a_gateway_or_a_pool_that_is_gone_is_an_alarm() -> None:
    texts = [one.text for one in wrong(everything(workers={"dispatch": 0, "receipts": 1}))]
    assert texts == ["No gateway reports a session.", "No worker of the pool dispatch lives."]
    known = FromLedger(names={ONE: "Nordwind"})
    assert "Nordwind is not reported by any gateway." in [one.text for one in wrong(everything(ledger=known))]


def test_nats_away_is_one_alarm_and_not_one_for_each_operator() -> None:
    found = everything(ledger=FromLedger(names={ONE: "Nordwind"}), live=Live(), trouble="NATS cannot be reached")
    assert [one.text for one in wrong(found) if "cannot be read" in one.text]
    assert not [one.text for one in wrong(found) if "not reported" in one.text]


def test_a_ledger_that_cannot_be_read_is_an_alarm_and_its_minutes_a_note() -> None:
    found = everything(session(), ledger=FromLedger(trouble="it is slow"))
    (one,) = wrong(found)
    assert (one.level, one.text.partition(" (")[0]) == ("bad", "The ledger cannot be read: it is slow")
    (one,) = wrong(replace(everything(session()), minutes_trouble="it is slow"))
    assert (one.level, "cannot be read: it is slow" in one.text) == ("warn", True)


def test_a_backlog_is_told_once_it_is_old() -> None:
    young = {ONE: Backlog(5, 0, NOW - timedelta(seconds=30))}
    assert wrong(everything(session(), backlogs=young)) == []
    old = {ONE: Backlog(5, 2, NOW - timedelta(minutes=5))}
    (one,) = wrong(everything(session(), backlogs=old))
    assert "7 in the backlog, the oldest for 5 min" in one.text


def test_binds_that_are_missing_are_told() -> None:
    two = [session(max_binds=3), session(replica="gw-2", max_binds=3, reason="ESME_RALYBND")]
    (one,) = wrong(everything(*two))
    assert (one.level, one.page) == ("warn", SESSIONS)
    assert "Nordwind has 2 of 3 binds" in one.text
    assert wrong(everything(*two, session(replica="gw-3", max_binds=3))) == []
    record = WantedRecord(Wanted.DRAINED, "ahmad", "cable works", NOW.timestamp())
    assert not [one for one in wrong(everything(*two, wanted=record)) if "binds" in one.text]


def test_a_bind_that_only_receives_is_not_counted_against_the_others() -> None:
    """`binds` are those that can send: an operator without any has none to miss."""
    assert wrong(everything(session(binds=0))) == []


def test_receipts_that_wait_for_their_pool_are_told() -> None:
    just = {ONE: NOW - timedelta(seconds=5)}
    assert wrong(everything(session(), receipts={ONE: 1000}, settled=just)) == []
    (one,) = wrong(everything(session(), receipts={ONE: 1001}, settled=just))
    assert (one.level, one.text) == ("warn", "Nordwind: 1001 receipts wait for the receipts pool.")
    long_ago = {ONE: NOW - timedelta(minutes=7)}
    (one,) = wrong(everything(session(), receipts={ONE: 1}, settled=long_ago))
    assert one.text == "Nordwind: 1 receipt waits for the receipts pool, which has settled none for 7 min."
    assert wrong(everything(session(), receipts={ONE: 0}, settled=long_ago)) == [], "nothing waits"
    assert wrong(everything(session(), receipts={ONE: 1})) == [], "a server that has just started does not know"


def test_a_profile_that_is_not_followed_is_told() -> None:
    there = session(profile_problem="live:alpine does not exist")
    (one,) = wrong(everything(session(replica="gw-0"), there))
    assert (one.level, one.page) == ("warn", SESSIONS)
    assert one.text == "Nordwind does not follow the profile it should: live:alpine does not exist."


def test_what_the_ledger_knows_is_told_with_its_page() -> None:
    ledger = FromLedger(
        in_doubt={ONE: 5},
        held={ONE: 2},
        inbox={ONE: 4},
        untold={ONE: NOW - timedelta(hours=3)},
        dead={ONE: 7},
        unexplained={ONE: 1},
    )
    found = wrong(everything(session(), ledger=ledger))
    assert found[0].level == "bad"
    assert {one.query for one in found} == {"", "list=held", "list=in_doubt", "state=waiting", "letter=open"}
    assert any("3 parts in doubt" in one.text for one in found)
    assert any("7 dead letters" in one.text for one in found)


def test_one_is_told_as_one() -> None:
    ledger = FromLedger(in_doubt={ONE: 2}, held={ONE: 1}, dead={ONE: 1}, unexplained={ONE: 1})
    found = wrong(everything(session(), ledger=ledger))
    said = " ".join(one.text for one in found)
    assert "1 part waits for" in said
    assert "1 part in doubt." in said
    assert "1 dead letter within" in said
    assert "1 command lost" in said


def test_a_slow_operator_is_told() -> None:
    (one,) = wrong(everything(session(tps_effective=40)))
    assert "throttles: 40 of 100" in one.text
