"""How far a window is open: what it learns from a peer whose queue takes fewer."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ghasi.smpp.opening import MOST_PATIENCE, PATIENCE, Opening
from ghasi.smpp.window import InFlight, Window


def full(opening: Opening, at: float) -> None:
    opening.filled(at)


def well(opening: Opening, answers: int, at: float) -> None:
    for _ in range(answers):
        opening.answered(at)


def test_a_full_queue_at_a_full_window_halves_it_once_a_round() -> None:
    opening = Opening(10)
    full(opening, 1.0)
    assert opening.refused(1.0, 1.2)
    assert opening.open == 5
    assert not opening.refused(1.0, 1.3), "sent before the window became smaller"
    full(opening, 1.4)
    assert opening.refused(1.4, 1.5)
    assert opening.open == 2


def test_a_full_queue_at_a_window_that_is_not_full_is_the_subscribers_own() -> None:
    opening = Opening(10)
    full(opening, 1.0)
    assert not opening.refused(1.1, 1.2)
    assert opening.open == 10


def test_it_never_closes() -> None:
    opening = Opening(3)
    for round_ in range(5):
        full(opening, round_ + 0.5)
        opening.refused(round_ + 0.5, round_ + 0.6)
    assert opening.open == 1


def test_a_full_window_answered_well_opens_it_by_one() -> None:
    opening = Opening(10)
    full(opening, 1.0)
    opening.refused(1.0, 1.0)
    well(opening, 4, 2.0)
    assert opening.open == 5
    well(opening, 1, 2.0)
    assert opening.open == 6
    well(opening, 6 + 7 + 8, 2.0)
    assert opening.open == 9


def test_answers_to_what_was_sent_before_say_nothing_of_the_smaller_window() -> None:
    opening = Opening(4)
    full(opening, 1.0)
    opening.refused(1.0, 2.0)
    well(opening, 100, 1.9)
    assert opening.open == 2


def test_a_size_that_was_refused_is_tried_again_after_a_while_and_then_more_seldom() -> None:
    opening = Opening(4)
    full(opening, 1.0)
    opening.refused(1.0, 1.0)
    well(opening, 2, 2.0)
    assert opening.open == 3
    well(opening, 3 * PATIENCE - 1, 2.0)
    assert opening.open == 3
    well(opening, 1, 2.0)
    assert opening.open == 4
    full(opening, 3.0)
    opening.refused(3.0, 3.0)
    well(opening, 2 + 3 * 2 * PATIENCE - 1, 4.0)
    assert opening.open == 3
    well(opening, 1, 4.0)
    assert opening.open == 4


def test_a_peer_that_has_room_again_gets_the_whole_window_soon() -> None:
    opening = Opening(20)
    full(opening, 1.0)
    opening.refused(1.0, 1.0)
    full(opening, 2.0)
    opening.refused(2.0, 2.0)
    assert opening.open == 5
    answers = 0
    while opening.is_narrowed:
        opening.answered(3.0)
        answers += 1
    assert answers <= sum(range(5, 20)) + 2 * PATIENCE * 20


def test_a_new_size() -> None:
    opening = Opening(10)
    opening.size = 4
    assert opening.open == 4
    opening.size = 20
    assert opening.open == 20
    full(opening, 1.0)
    opening.refused(1.0, 1.0)
    opening.size = 30
    assert opening.open == 10
    opening.size = 5
    assert (opening.open, opening.is_narrowed) == (5, False)


@given(st.integers(1, 12), st.integers(2, 24), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_it_settles_at_what_the_peers_queue_takes(takes: int, size: int, slow: int) -> None:
    """A peer that refuses what is more than `takes` in its queue: after a while few are refused, and the window is
    used as far as the queue goes."""
    window = Window(size)
    number = refused = answered = 0
    queue: deque[tuple[InFlight, int]] = deque()
    widths: list[int] = []
    for turn in range(3000):
        now = float(turn)
        burst = [InFlight(number + n, None, now, now + 1e9) for n in range(1, window.free + 1)]
        number += len(burst)
        for request in burst:
            window.add(request)
        for request in burst:
            if len(queue) < takes:
                queue.append((request, turn + slow))
            else:
                window.take(request.sequence_number)
                window.answered(request, queue_full=True, now=now + 0.5)
                refused += turn >= 1000
        while queue and queue[0][1] <= turn:
            request, _ = queue.popleft()
            window.take(request.sequence_number)
            window.answered(request, queue_full=False, now=now + 0.5)
            answered += turn >= 1000
        if turn >= 1000:
            widths.append(window.open)
    assert refused <= answered * 0.03 + 2
    assert sum(widths) / len(widths) >= min(takes, size) * 0.75


class Openings(RuleBasedStateMachine):
    """Whatever is answered in whatever order: at least one, at most the size, one halving a round."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.number = 0
        self.narrowed_at = float("-inf")

    @initialize(size=st.integers(1, 20))
    def begin(self, size: int) -> None:
        self.window = Window(size)
        self.flying: list[InFlight] = []

    @rule(count=st.integers(1, 25))
    def send(self, count: int) -> None:
        for _ in range(min(count, self.window.free)):
            self.number += 1
            request = InFlight(self.number, None, self.now, self.now + 30)
            self.window.add(request)
            self.flying.append(request)

    @rule(seconds=st.sampled_from([0.0, 0.01, 1.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 100), queue_full=st.booleans())
    def answer(self, which: int, queue_full: bool) -> None:
        request = self.flying.pop(which % len(self.flying))
        before = self.window.open
        assert self.window.take(request.sequence_number) is request
        narrowed = self.window.answered(request, queue_full=queue_full, now=self.now)
        if narrowed:
            assert queue_full
            assert request.sent_at > self.narrowed_at
            assert self.window.open == max(1, before // 2)
            self.narrowed_at = self.now
        else:
            assert before <= self.window.open <= before + (not queue_full)

    @rule(size=st.integers(1, 20))
    def resize(self, size: int) -> None:
        self.window.size = size

    @invariant()
    def bounds_hold(self) -> None:
        if hasattr(self, "window"):
            assert 1 <= self.window.open <= self.window.size
            assert self.window.free == max(0, self.window.open - self.window.used)
            assert PATIENCE <= self.window._opening._patience <= MOST_PATIENCE


TestOpenings = Openings.TestCase
TestOpenings.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
