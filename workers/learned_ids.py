"""Which id relations are in force, as the receipts pool reads by them, and what it sees of ids (docs/architecture.md,
"Ids that differ"). A table lookup every few seconds a process; nothing of it is done for a single receipt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection
from msgspec.structs import replace

from ghasi.contracts.sessions import SendRules
from ghasi.correlations import id_collecting, id_store
from ghasi.correlations.types import MatchedReceipt, ReceiptFacts
from ghasi.logs import get_logger
from ghasi.smpp.id_inference import Pair
from ghasi.smpp.id_relation import Relation, read_again

REFRESH_EVERY: Final = 5.0
NOTED_EVERY: Final = 60.0
SAMPLES: Final = 10
"""Matched receipts of an operator whose ids are kept from one writing to the next."""

log = get_logger()
_PLAIN: Final = SendRules()


def leaves_ids_open(rules: SendRules) -> bool:
    """Whether an operator's rules say nothing of its ids, so that they may be learned: what is learned begins from
    the id as the receipt has it, and knows nothing of what the rules take from it."""
    form, plain = rules.receipts, _PLAIN.receipts
    return (
        rules.id_base == _PLAIN.id_base
        and form.id_source == plain.id_source
        and form.id_prefix == plain.id_prefix
        and form.id_cut == plain.id_cut
    )


def reread(facts: ReceiptFacts, read: Callable[[str], tuple[str, ...]]) -> ReceiptFacts:
    """The receipt with the keys that a relation's `reader` gives its ids; one that names none keeps none."""
    if not facts.lookup_keys:
        return facts
    return replace(facts, lookup_keys=read_again(read, facts.operator_message_id, facts.lookup_keys))


class LearnedIds:
    """The relations in force, read anew every `every` seconds. Used by the threads of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, every: float = REFRESH_EVERY) -> None:
        self._clock = clock
        self._every = every
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._in_force: dict[str, Relation] = {}

    def of(self, operator_id: str) -> Relation | None:
        """Raises DatabaseError: a receipt that is read by other rules than its operator's would match nothing."""
        with self._lock:
            if self._read_at is None or self._clock() >= self._read_at + self._every:
                self._in_force = id_store.in_force()
                self._read_at = self._clock()
            return self._in_force.get(operator_id)


@dataclass(slots=True)
class _Noted:
    """What one operator's receipts have shown since `since`."""

    since: float
    taken: int = 0
    missed: int = 0
    matched: dict[Pair, str] = field(default_factory=dict)


class SeenIds:
    """Counts receipts and keeps a few matched ones; writes them down once a minute an operator."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, every: float = NOTED_EVERY) -> None:
        self._clock = clock
        self._every = every
        self._lock = threading.Lock()
        self._noted: dict[UUID, _Noted] = {}

    def note(self, receipts: Sequence[ReceiptFacts], matched: Sequence[MatchedReceipt], now: datetime) -> None:
        """One operator's batch. Never raises: what cannot be written is forgotten."""
        if not receipts:
            return
        operator_id = receipts[0].operator_id
        with self._lock:
            noted = self._noted.setdefault(operator_id, _Noted(self._clock()))
            noted.taken += len(receipts)
            noted.missed += max(0, len(receipts) - len(matched))
            for one in matched[: SAMPLES - len(noted.matched)]:
                if one.operator_message_id and one.proof is None:
                    pair = Pair(one.operator_message_id, one.facts.operator_message_id)
                    noted.matched[pair] = one.facts.destination
            if self._clock() < noted.since + self._every:
                return
            del self._noted[operator_id]
        try:
            _write(operator_id, noted, now)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            log.warning("ids.not_noted", operatorId=str(operator_id), errorType=type(error).__name__)


def _write(operator_id: UUID, noted: _Noted, now: datetime) -> None:
    if noted.matched:
        id_store.add_pairs(operator_id, id_collecting.confirm(operator_id, noted.matched, now=now), now)
    id_store.count_receipts(operator_id, noted.taken, noted.missed)
