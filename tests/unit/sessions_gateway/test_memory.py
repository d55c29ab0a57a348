from __future__ import annotations

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_gateway.memory import KEEP, MARGIN, REFUSED, STEP, UNANSWERED, Memory, key_age


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


@pytest.mark.parametrize("fact", ["id-1", "", 11, UNANSWERED, REFUSED])
def test_facts_come_back(fact: str | int) -> None:
    memory = Memory(0.0)
    memory.remember(name(1), fact, 0.0)
    assert memory.recall(name(1)) == fact
    assert memory.recall(name(2)) is None


def test_the_newest_fact_counts_over_generations() -> None:
    memory = Memory(0.0)
    memory.remember(name(1), UNANSWERED, 0.0)
    memory.remember(name(1), "late", STEP + 1)
    assert memory.recall(name(1)) == "late"


def test_forgetting_one_key_forgets_it_everywhere() -> None:
    memory = Memory(0.0)
    memory.remember(name(1), REFUSED, 0.0)
    memory.remember(name(1), REFUSED, STEP + 1)
    memory.forget(name(1))
    assert memory.recall(name(1)) is None
    assert len(memory) == 0


def test_at_least_a_quarter_of_an_hour() -> None:
    memory = Memory(0.0)
    memory.remember(name(1), "id", 59.0)
    for minute in range(1, 16):
        memory.remember(name(2), "id", minute * STEP)
    memory.remember(name(2), "id", 59.0 + KEEP)
    assert memory.recall(name(1)) == "id"
    memory.remember(name(2), "id", KEEP + 2 * STEP + MARGIN)
    assert memory.recall(name(1)) is None


def test_nothing_forgotten_means_everything_reached() -> None:
    memory = Memory(0.0)
    assert memory.reaches(None, 10_000.0)
    assert memory.reaches(5_000.0, 10_000.0)


def test_after_something_was_forgotten_only_young_keys_are_vouched_for() -> None:
    memory = Memory(0.0)
    memory.remember(name(1), "id", 0.0)
    for minute in range(1, 40):
        memory.remember(name(minute + 1), "id", minute * STEP)
    now = 39 * STEP
    assert memory.recall(name(1)) is None
    assert not memory.reaches(None, now)
    assert memory.reaches(KEEP, now)
    assert not memory.reaches(39 * STEP, now)


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0.0, 400.0)), max_size=200), st.integers(1, 40))
def test_bounded_and_honest(steps: list[tuple[int, float]], most: int) -> None:
    """A key the memory does not know was never there, or is older than it vouches for."""
    memory, now, seen = Memory(0.0, max_entries=most), 0.0, {}
    for number, pause in steps:
        now += pause
        memory.remember(name(number), "id", now)
        seen[number] = now
        assert len(memory) <= most
    for number, at in seen.items():
        if memory.recall(name(number)) is None:
            assert not memory.reaches(now - at, now)


def test_the_age_of_a_key_is_in_a_version_7_uuid() -> None:
    made_ms = 1_776_500_000_000
    key = uuid.UUID(int=(made_ms << 80) | (7 << 76) | (2 << 62) | 12345).hex
    assert key_age(key, made_ms + 2_500) == 2.5
    assert key_age(uuid.uuid4().hex, time.time() * 1000) is None
    assert key_age("not a uuid", 0) is None
