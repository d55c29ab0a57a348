"""ghasi.overview.lines: what the first page's table says of an operator."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ghasi.contracts.sessions import State, Wanted
from ghasi.overview.facts import Backlog, OperatorFacts
from ghasi.overview.lines import line_of

AT = datetime(2026, 3, 1, 9, 8, 7, tzinfo=UTC)
QUIET = OperatorFacts(
    operator_id="a-1",
    name="",
    state=None,
    wanted=Wanted.BOUND,
    reason="",
    since=None,
    over="",
    binds=0,
    max_binds=0,
    tps=0,
    tps_limit=0,
    tps_effective=0,
    window_used=0,
    window_size=0,
    backlog=Backlog(0, 0),
    receipts_waiting=0,
    in_doubt=0,
    held=0,
    inbox=0,
    untold=None,
    dead=0,
    unexplained=0,
    receipts=Counter(),
)


def test_everything_that_is_known() -> None:
    one = replace(
        QUIET,
        name="Roshan",
        state=State.BOUND,
        since=AT,
        binds=2,
        max_binds=4,
        tps=71,
        tps_limit=70,
        tps_effective=35,
        window_used=3,
        window_size=100,
        backlog=Backlog(5, 2, AT),
        receipts_waiting=6,
        in_doubt=3,
        held=1,
        receipts=Counter(EXPIRED=1, DELIVERED=1200),
    )
    line = line_of(one, unknown=False)
    assert (line.name, line.level, line.state) == ("Roshan", "good", "BOUND")
    assert (line.since, line.since_iso) == ("2026-03-01 09:08:07", "2026-03-01T09:08:07+00:00")
    assert (line.binds, line.window, line.in_doubt) == ("2 of 4", "3 of 100", "3 (1 held)")
    assert (line.tps, line.tps_now, line.tps_limit) == ("71 of 70, slowed to 35", "71", "70")
    assert line.backlog == ("7 (2 in hand)", "oldest since 09:08:07", "6 receipts wait")
    assert line.receipts == ("delivered 1200", "expired 1")


def test_nothing_is_known() -> None:
    line = line_of(QUIET, unknown=False)
    assert (line.name, line.level, line.state, line.since) == ("a-1", "bad", "NOT REPORTED", "")
    assert (line.backlog, line.receipts, line.in_doubt) == (("0",), (), "0")
    assert line_of(QUIET, unknown=True).state == "NOT KNOWN"


@pytest.mark.parametrize(
    ("state", "wanted", "level"),
    [
        (State.BOUND, Wanted.BOUND, "good"),
        (State.BOUND, Wanted.DRAINED, "warn"),
        (State.FAILBACK, Wanted.BOUND, "warn"),
        (State.CONNECTING, Wanted.BOUND, "warn"),
        (State.UNBOUND, Wanted.BOUND, "bad"),
        (State.DISCONNECTED, Wanted.PAUSED, "warn"),
    ],
)
def test_levels(state: State, wanted: Wanted, level: str) -> None:
    assert line_of(replace(QUIET, state=state, wanted=wanted), unknown=False).level == level


def test_what_the_database_cannot_say_is_not_nought() -> None:
    line = line_of(QUIET, unknown=False, uncounted=True, unheard=True)
    assert (line.in_doubt, line.inbox, line.dead, line.receipts) == (*["not known"] * 3, ("not known",))
