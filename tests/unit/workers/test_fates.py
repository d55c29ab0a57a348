"""workers.fates: what the gateway answered becomes what the ledger records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations.types import Part, PartFateKind, PartOutcome
from ghasi.smpp.status_rules import parse_status_rules
from workers import fates

NOW = datetime(2026, 4, 18, 10, 31, tzinfo=UTC)


def part(attempt: int = 1, same: int = 0, last: int | None = None) -> Part:
    return Part(uuid4(), NOW.date(), uuid4(), 1, attempt, same_refusals=same, last_refusal=last)


def outcome(fate: PartFate, attempt: int = 1, base: str = "text") -> PartOutcome:
    return fates.outcome_of(part(attempt), fate, now=NOW, id_base=base, jitter=0.5)


def test_an_accepted_part_keeps_its_raw_id_and_gets_keys_to_find_it_by() -> None:
    result = outcome(PartFate("k", Fate.ACCEPTED, " 00AB12\x00", answered_ms=1_776_508_261_000))
    assert result.kind is PartFateKind.ACCEPTED
    assert result.operator_message_id == "00AB12"
    assert result.lookup_keys[0] == "ab12"
    assert result.at == datetime.fromtimestamp(1_776_508_261, UTC)


def test_an_empty_id_is_accepted_without_keys() -> None:
    result = outcome(PartFate("k", Fate.ACCEPTED, ""))
    assert (result.kind, result.operator_message_id, result.lookup_keys) == (PartFateKind.ACCEPTED, None, ())


def test_an_id_longer_than_the_ledgers_column_is_cut_not_refused() -> None:
    result = outcome(PartFate("k", Fate.ACCEPTED, "x" * 65))
    assert result.operator_message_id == "x" * 64


@pytest.mark.parametrize(
    ("status", "attempt", "seconds"),
    [(0x58, 1, 1.0), (0x58, 2, 2.0), (0x58, 12, 60.0), (0x14, 1, 20.0), (0x45, 1, 20.0), (0x04, 1, 1.0)],
)
def test_a_retryable_refusal_says_when(status: int, attempt: int, seconds: float) -> None:
    result = outcome(PartFate("k", Fate.REJECTED, command_status=status), attempt)
    assert result.kind is PartFateKind.REJECTED
    assert result.retry_at is not None
    assert (result.retry_at - NOW).total_seconds() == pytest.approx(seconds)


@pytest.mark.parametrize(("status", "attempt"), [(0x0B, 1), (0x0104, 1), (0xFE, 3)])
def test_a_permanent_refusal_has_no_next_try(status: int, attempt: int) -> None:
    result = outcome(PartFate("k", Fate.REJECTED, command_status=status), attempt)
    assert (result.kind, result.command_status, result.retry_at) == (PartFateKind.REJECTED, status, None)


@pytest.mark.parametrize("status", [0x0455, 0x12345, 0x0E])
def test_what_nobody_knows_is_held_and_never_tried_again(status: int) -> None:
    result = outcome(PartFate("k", Fate.REJECTED, command_status=status), 7)
    assert (result.kind, result.command_status, result.retry_at) == (PartFateKind.HELD, status, None)
    assert result.reason == "unknown_status"


def by_rules(status: int, tries: Part, *entries: dict[str, Any]) -> PartOutcome:
    rules = parse_status_rules(list(entries))
    fate = PartFate("k", Fate.REJECTED, command_status=status)
    return fates.outcome_of(tries, fate, now=NOW, id_base="text", jitter=0.5, statuses=rules)


def test_an_operators_own_meaning_decides() -> None:
    final = by_rules(0x455, part(), {"code": "0x0400-0x04FF", "action": "permanent", "cause": "spam"})
    assert (final.kind, final.reason, final.retry_at) == (PartFateKind.REJECTED, "spam", None)
    held = by_rules(0x0B, part(), {"code": 0x0B, "action": "hold"})
    assert held.kind is PartFateKind.HELD


def test_an_operators_own_schedule_counts_the_tries_that_met_its_status() -> None:
    entry = {"code": 1038, "action": "retry_later", "delays": [5, 60], "tries": 3}
    waits = []
    for same in range(3):
        again = by_rules(1038, part(5 + same, same=same, last=1038), entry)
        assert again.retry_at is not None
        waits.append((again.retry_at - NOW).total_seconds())
    assert waits == [5, 60, 60]
    assert by_rules(1038, part(8, same=3, last=1038), entry).retry_at is None


def test_unsent_and_unknown_are_never_mixed_up() -> None:
    assert outcome(PartFate("k", Fate.NOT_SENT, reason="window")).kind is PartFateKind.NOT_SENT
    for fate in (Fate.UNANSWERED, Fate.FORGOTTEN):
        result = outcome(PartFate("k", fate))
        assert result.kind is PartFateKind.IN_DOUBT
        assert result.reason == fate.value


def test_only_refusals_of_the_same_status_in_a_row_end_the_tries() -> None:
    fate = PartFate("k", Fate.REJECTED, command_status=0x45)
    twice = fates.outcome_of(part(3, same=2, last=0x45), fate, now=NOW, id_base="text", jitter=0.5)
    assert twice.retry_at is None
    after_throttling = fates.outcome_of(part(3, same=2, last=0x58), fate, now=NOW, id_base="text", jitter=0.5)
    assert after_throttling.retry_at is not None
