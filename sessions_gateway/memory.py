"""What became of the parts handed over: kept for at least a quarter of an hour, within a bound.

After a crash a dispatch worker asks for the parts it may have handed over. The answer decides between "record",
"send" and "in doubt", so the memory must know what it may have forgotten. Pure: `now` is monotonic seconds.

Entries are plain `bytes`, `str` and `int` in dictionaries by age: the garbage collector does not visit those, and
dropping the oldest dictionary is one operation, however many entries it holds.
"""

from __future__ import annotations

from collections import deque
from uuid import UUID

KEEP = 900.0
STEP = 60.0
MAX_ENTRIES = 3_000_000
MARGIN = 5.0

UNANSWERED = 0
"""Instead of a command_status: octets may have left and no answer came."""
REFUSED = -1
"""Asked for before it came: the first hand-over of this key is not sent."""

Fact = str | int
"""A str is the operator's message id (accepted), an int > 0 the command_status of a refusal."""


class Memory:
    """Facts by key, newest generation first."""

    def __init__(self, now: float, *, keep: float = KEEP, step: float = STEP, max_entries: int = MAX_ENTRIES) -> None:
        self._keep = keep
        self._step = step
        self._max = max_entries
        self._most_in_one = max(1, max_entries // 16)
        self._generations: deque[tuple[float, dict[bytes, Fact]]] = deque([(now, {})])
        self._entries = 0
        self._complete = True

    def __len__(self) -> int:
        return self._entries

    def remember(self, key: bytes, fact: Fact, now: float) -> None:
        """The newest fact about a key counts."""
        self._turn(now)
        newest = self._generations[0][1]
        if key not in newest:
            self._entries += 1
        newest[key] = fact
        while self._entries > self._max:
            self._drop_oldest()

    def recall(self, key: bytes) -> Fact | None:
        for _, facts in self._generations:
            fact = facts.get(key)
            if fact is not None:
                return fact
        return None

    def forget(self, key: bytes) -> None:
        """Certainly not sent after all: the key may come again."""
        for _, facts in self._generations:
            if facts.pop(key, None) is not None:
                self._entries -= 1

    def reaches(self, age: float | None, now: float) -> bool:
        """Whether a key that came to be `age` seconds ago (None: unknown) would still be here had it ever come."""
        self._turn(now)
        if self._complete:
            return True
        return age is not None and age + MARGIN < now - self._generations[-1][0]

    def _turn(self, now: float) -> None:
        began, newest = self._generations[0]
        if now - began >= self._step or len(newest) >= self._most_in_one:
            self._generations.appendleft((now, {}))
        # A generation holds facts up to the start of the next one: that start must be out of reach.
        while len(self._generations) > 1 and now - self._generations[-2][0] > self._keep + MARGIN:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, facts = self._generations.pop()
        self._entries -= len(facts)
        self._complete = self._complete and not facts


def key_age(key: str, now_ms: float) -> float | None:
    """Seconds since the key (32 hex digits of a row id) was made, where it is a UUIDv7; else None."""
    try:
        identity = UUID(hex=key)
    except ValueError:
        return None
    return (now_ms - (identity.int >> 80)) / 1000.0 if identity.version == 7 else None
