"""sessions_gateway.failover: the decision, in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_gateway.failover import AFTER, BACK_AFTER, LONGEST_HOLD, MEMORY, Failover, FailoverTimers, Primary, View

TICK = 0.5
BOUND = View(Primary.BOUND, True)
DOWN = View(Primary.FAILED, True)
Change = tuple[float, bool]


class Link:
    """Plays a link by a schedule of (seconds, what is seen); keeps when the traffic went over and came back."""

    def __init__(self, **timers: float) -> None:
        self.failover = Failover(FailoverTimers(**timers))
        self.now = 0.0
        self.changes: list[Change] = []

    def play(self, seconds: float, view: View) -> Link:
        end = self.now + seconds
        while self.now < end:
            if self.failover.look(view, self.now):
                self.changes.append((self.now, self.failover.over))
            self.now += TICK
        return self

    def repeat(self, times: int, *steps: tuple[float, View]) -> Link:
        for _ in range(times):
            for seconds, view in steps:
                self.play(seconds, view)
        return self

    @property
    def overs(self) -> list[float]:
        return [at for at, over in self.changes if over]

    @property
    def backs(self) -> list[float]:
        return [at for at, over in self.changes if not over]


def test_a_drop_that_the_first_reconnect_mends_moves_nothing() -> None:
    assert Link().play(60, BOUND).play(6.5, DOWN).play(600, BOUND).changes == []


def test_a_primary_that_stays_away_goes_over_and_comes_back_once_it_held() -> None:
    link = Link().play(60, BOUND).play(100, DOWN).play(60, BOUND)
    assert link.changes == [(60 + AFTER, True), (160 + BACK_AFTER, False)]


def test_a_primary_that_never_binds_goes_over_after_the_grace_too() -> None:
    assert Link().play(20, View(Primary.PENDING, True)).overs == [AFTER]
    assert Link().play(20, DOWN).overs == [AFTER]


def test_what_the_staff_wants_is_no_blip() -> None:
    link = Link().play(60, BOUND).play(10, View(Primary.UNWANTED, True)).play(60, BOUND)
    assert link.changes == [(60, True), (70 + BACK_AFTER, False)]


def test_a_second_drop_goes_over_at_once_and_has_to_hold_for_longer() -> None:
    link = Link().play(60, BOUND).play(5, DOWN).play(60, BOUND).play(5, DOWN).play(120, BOUND)
    assert link.changes == [(125, True), (130 + 2 * BACK_AFTER, False)]


def test_a_link_that_drops_every_20_s_goes_over_once_and_comes_back_when_it_is_mended() -> None:
    link = Link().repeat(180, (15, BOUND), (5, DOWN))
    assert link.changes == [(35, True)], "an hour of drops"
    mended = link.now
    link.play(1200, BOUND)
    (back,) = link.backs
    assert mended + BACK_AFTER < back <= mended + LONGEST_HOLD
    assert link.play(3600, BOUND).changes[2:] == []


def test_drops_are_forgotten() -> None:
    link = Link().repeat(5, (MEMORY, BOUND), (5, DOWN))
    assert link.changes == [], "one drop now and then is one drop"
    assert link.failover.hold(link.now + MEMORY) == BACK_AFTER


def test_a_hand_over_between_replicas_is_no_drop() -> None:
    link = Link().repeat(5, (60, BOUND), (3, View(Primary.PENDING, True)))
    assert link.changes == []
    assert link.failover.hold(link.now) == BACK_AFTER


def test_without_a_backup_nothing_happens_and_one_that_is_not_bound_is_waited_for() -> None:
    assert Link().play(60, BOUND).play(600, View(Primary.FAILED, None)).changes == []
    link = Link().play(60, BOUND).play(100, View(Primary.FAILED, False))
    assert (link.changes, link.failover.due(link.now)) == ([], True)
    assert link.play(5, DOWN).overs == [160]


def test_a_backup_that_is_named_no_more_gives_the_traffic_back() -> None:
    link = Link().play(20, DOWN).play(5, View(Primary.FAILED, None))
    assert link.changes == [(AFTER, True), (20, False)]


def test_a_backup_that_goes_away_gives_it_back_to_a_primary_that_is_bound() -> None:
    link = Link().play(20, DOWN).play(5, BOUND).play(4, View(Primary.BOUND, False)).play(2, BOUND)
    assert link.backs == [], "a backup has its grace too"
    assert link.play(20, View(Primary.BOUND, False)).backs == [31 + AFTER]


def test_both_away_leaves_the_traffic_where_it_is() -> None:
    link = Link().play(20, DOWN).play(600, View(Primary.FAILED, False))
    assert link.changes == [(AFTER, True)]
    assert link.play(2, View(Primary.BOUND, False)).backs == [620], "whoever is there first carries"


def test_a_replica_that_followed_knows_what_it_saw_and_goes_on_from_the_word_it_heard() -> None:
    follower = Failover(FailoverTimers())
    for at, view in ((0.0, BOUND), (60.0, DOWN), (65.0, BOUND), (70.0, DOWN)):
        follower.note(view, at)
        assert follower.over is False
    follower.adopt(True)
    assert follower.look(BOUND, 80.0) is False
    assert follower.look(BOUND, 80.0 + BACK_AFTER) is False, "it saw both drops"
    assert follower.look(BOUND, 80.0 + 2 * BACK_AFTER) is True


def test_short_settings_are_taken_and_never_hold_for_less_than_they_say() -> None:
    link = Link(after=1.0, back_after=2.0).play(10, BOUND).play(5, DOWN).play(10, BOUND)
    assert link.changes == [(11, True), (17, False)]
    assert Failover(FailoverTimers(back_after=2 * LONGEST_HOLD)).hold(0.0) == 2 * LONGEST_HOLD


steps = st.lists(st.tuples(st.floats(0.5, 90), st.floats(0.5, 90)), min_size=1, max_size=60)


@given(steps)
def test_no_schedule_makes_it_flap(schedule: list[tuple[float, float]]) -> None:
    link = Link()
    for up, down in schedule:
        link.play(up, BOUND).play(down, DOWN)
    for over, back in zip(link.overs, link.backs, strict=False):
        assert back - over >= BACK_AFTER
    for back in link.backs:
        assert sum(back <= other < back + MEMORY for other in link.backs) <= 5


@given(steps, st.sampled_from([Primary.FAILED, Primary.PENDING, Primary.UNWANTED]))
def test_an_outage_that_lasts_always_ends_on_the_backup(schedule: list[tuple[float, float]], away: Primary) -> None:
    link = Link()
    for up, down in schedule:
        link.play(up, BOUND).play(down, DOWN)
    assert link.play(AFTER + 1, View(away, True)).failover.over
    assert not link.play(MEMORY + LONGEST_HOLD, BOUND).failover.over


@pytest.mark.parametrize("primary", list(Primary))
def test_nothing_goes_to_a_backup_that_is_not_bound(primary: Primary) -> None:
    assert Link().play(100, View(primary, False)).overs == []
