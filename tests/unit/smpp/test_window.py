import pytest

from ghasi.smpp.errors import WindowFull
from ghasi.smpp.window import InFlight, SequenceNumbers, Window


def request(number: int, deadline: float = 30.0) -> InFlight:
    return InFlight(number, f"context {number}", 0.0, deadline)


def nothing_in_use(number: int) -> bool:
    return False


def test_numbers_count_from_one():
    numbers = SequenceNumbers()
    assert [numbers.take(nothing_in_use) for _ in range(3)] == [1, 2, 3]


def test_numbers_wrap_to_one():
    numbers = SequenceNumbers(0x7FFFFFFE)
    assert [numbers.take(nothing_in_use) for _ in range(3)] == [0x7FFFFFFE, 0x7FFFFFFF, 1]


def test_numbers_in_use_are_left_out():
    numbers = SequenceNumbers(0x7FFFFFFF)
    assert numbers.take({0x7FFFFFFF, 1, 2, 4}.__contains__) == 3
    assert numbers.take({4}.__contains__) == 5


def test_a_window_counts():
    window = Window(2)
    window.add(request(1))
    assert (window.used, window.free) == (1, 1)
    window.add(request(2))
    with pytest.raises(WindowFull):
        window.add(request(3))
    assert not window.knows(3)


def test_an_answer_frees_its_place_once():
    window = Window(1)
    window.add(request(1))
    taken = window.take(1)
    assert taken is not None
    assert taken.context == "context 1"
    assert window.take(1) is None
    assert window.free == 1


def test_a_smaller_size_binds_the_next():
    window = Window(3)
    for number in (1, 2, 3):
        window.add(request(number))
    window.size = 1
    assert window.free == 0
    window.drain()
    assert window.free == 1


def test_expiry_is_in_order_and_at_the_deadline():
    window = Window(5)
    window.add(request(1, 10.0))
    window.add(request(2, 11.0))
    assert window.next_deadline == 10.0
    assert window.expire(9.99) == []
    assert [expired.sequence_number for expired in window.expire(10.0)] == [1]
    assert window.next_deadline == 11.0
    assert (window.used, window.free) == (1, 4)


def test_an_expired_request_stays_known_for_one_late_answer():
    window = Window(1)
    window.add(request(1, 10.0))
    window.expire(10.0)
    assert window.knows(1)
    assert window.take(1) is None
    late = window.take_given_up(1)
    assert late is not None
    assert late.context == "context 1"
    assert window.take_given_up(1) is None
    assert not window.knows(1)


def test_the_oldest_given_up_are_forgotten():
    window = Window(10, remembered=2)
    for number in (1, 2, 3):
        window.add(request(number, 10.0))
    window.expire(10.0)
    assert [window.knows(number) for number in (1, 2, 3)] == [False, True, True]


def test_drain_hands_over_everything_once():
    window = Window(3)
    window.add(request(2))
    window.add(request(1))
    assert [lost.sequence_number for lost in window.drain()] == [2, 1]
    assert window.drain() == []
    assert window.next_deadline is None
