"""ghasi.operators.kept: what is kept for how long."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from ghasi.operators.kept import Kept


class Source:
    """A clock, and something to ask that counts how often it was asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.broken = False

    def __call__(self) -> int:
        self.asked += 1
        if self.broken:
            raise LookupError
        return self.asked


@pytest.fixture
def source() -> Source:
    return Source()


def test_it_is_asked_again_once_it_is_old(source: Source) -> None:
    kept = Kept(source, 2.0, clock=lambda: source.now)
    assert (kept.get(), kept.get()) == (1, 1)
    source.now = 1.9
    assert kept.get() == 1
    source.now = 2.0
    assert kept.get() == 2


def test_a_failure_is_not_kept(source: Source) -> None:
    kept = Kept(source, 2.0, clock=lambda: source.now)
    source.broken = True
    with pytest.raises(LookupError):
        kept.get()
    source.broken = False
    assert kept.get() == 2


def test_many_at_once_ask_once(source: Source) -> None:
    kept = Kept(source, 60.0)
    together = Barrier(8)
    found: list[int] = []

    def look() -> None:
        together.wait()
        found.append(kept.get())

    threads = [Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, source.asked) == ([1] * 8, 1)
