"""Which gateway replica gets the next PDUs of an operator where several hold binds (docs/architecture.md, lanes).

Whole batches go to the replica with the most room. A message of which something has left stays with its replica, and
there with its bind, so that its parts arrive in order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from ghasi.contracts.sessions import SessionRecord
from workers.holders import Holders
from workers.shelf import Load

AHEAD = 2
"""Windows on their way: one in flight, one ready behind it, so that the wire never waits for a claim."""
UNABLE = frozenset({"no_holder", "epoch", "operator", "unbound", "stopping", "drained", "paused"})
"""Why a replica takes nothing at all: its next record will say when it does again."""


class Spread:
    """Of one lane: counts the PDUs it has on their way, by the operator that carries them and its replica."""

    def __init__(self, holders: Holders) -> None:
        self._holders = holders
        self._on_their_way: Counter[tuple[str, str]] = Counter()

    def window(self, operator_id: str) -> int:
        """PDUs that may be unanswered on all binds of the operator together; 0 where it has none."""
        return sum(_window(record) for record in self._holders.bound(operator_id))

    def credit(self, operator_id: str) -> int:
        """How many more PDUs may be on their way now."""
        gone = sum(count for (carrier, _), count in self._on_their_way.items() if carrier == operator_id)
        return AHEAD * self.window(operator_id) - gone

    def next(self, operator_id: str) -> SessionRecord | None:
        """The replica with the most room, in windows of its own size; None where nobody is bound."""
        return max(self._holders.bound(operator_id), key=self._share_free, default=None)

    def room(self, record: SessionRecord) -> int:
        """PDUs of the next batch for it, at least 1: what is handed over too much waits there."""
        return max(1, AHEAD * _window(record) - self._on_their_way[_place(record)])

    def by_replica(
        self, operator_id: str, loads: Iterable[Load], chosen: SessionRecord
    ) -> list[tuple[SessionRecord, list[Load]]]:
        """Loads by the replica to hand them to: `chosen`, or where the rest of their message went if it is bound."""
        bound = {record.replica: record for record in self._holders.bound(operator_id)}
        groups: dict[str, list[Load]] = defaultdict(list)
        for load in loads:
            begun_at = load.outgoing.replica if load.outgoing.left or load.outgoing.open_parts else ""
            groups[begun_at if begun_at in bound else chosen.replica].append(load)
        return [(bound.get(replica, chosen), group) for replica, group in groups.items()]

    def leave(self, record: SessionRecord, count: int) -> None:
        """So many PDUs are handed to the replica."""
        self._on_their_way[_place(record)] += count

    def back(self, record: SessionRecord, count: int) -> None:
        """So many of them have their fate."""
        self._on_their_way[_place(record)] -= count
        if self._on_their_way[_place(record)] <= 0:
            del self._on_their_way[_place(record)]

    def _share_free(self, record: SessionRecord) -> float:
        return 1.0 - self._on_their_way[_place(record)] / _window(record)


def _window(record: SessionRecord) -> int:
    return max(1, record.window_effective or record.window_size * record.binds)


def _place(record: SessionRecord) -> tuple[str, str]:
    return record.operator_id, record.replica
