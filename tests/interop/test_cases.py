"""The plan of the dialect suite is whole: nothing an interop suite has to have is left out without a word."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from tests.interop.cases import BINDS, CROSSED_RELATIONS, DIALECTS, KINDS, LONG_MODES, MISSING, RELATIONS, ZONES, plan
from tests.interop.messages import MESSAGES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "interop.md"


@pytest.mark.parametrize("kind", KINDS)
def test_every_dialect_meets_every_way_to_bind_and_the_relations_that_matter_most(kind: str) -> None:
    missing = MISSING.get(kind, {})
    seen = {("trx" if case.bind == "trx" else "pair", case.dialect, case.relation) for case in plan(kind)}
    dialects = [dialect for dialect in DIALECTS if dialect not in missing]
    assert set(product(("trx", "pair"), dialects, CROSSED_RELATIONS)) <= seen


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_played_that_is_not_named_as_missing(kind: str) -> None:
    cases, missing = plan(kind), MISSING.get(kind, {})
    assert len({case.name for case in cases}) == len(cases)
    assert {case.bind for case in cases} == set(BINDS) - set(missing)
    assert {case.dialect for case in cases} == set(DIALECTS) - set(missing)
    assert {case.relation for case in cases} == set(RELATIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_long_modes_and_zones_meet_everything_else(kind: str) -> None:
    cases = plan(kind)
    for other in ("bind", "dialect", "relation"):
        values = {getattr(case, other) for case in cases}
        assert {(case.long, getattr(case, other)) for case in cases} == set(product(LONG_MODES, values))
        assert {(case.zone, getattr(case, other)) for case in cases} == set(product(ZONES, values))
    assert {(case.long, case.zone) for case in cases} == set(product(LONG_MODES, ZONES))


def test_what_a_server_cannot_play_is_in_the_documents_with_the_reason() -> None:
    told = DOCUMENT.read_text(encoding="utf-8")
    for kind, gaps in MISSING.items():
        assert set(gaps) <= {*BINDS, *DIALECTS}
        for word, reason in gaps.items():
            assert f"| `{kind}` | `{word}` | {reason} |" in told


@pytest.mark.parametrize("kind", KINDS)
def test_the_documents_count_what_is_played(kind: str) -> None:
    cases = plan(kind)
    pairs = sum(case.bind != "trx" for case in cases)
    parts, receipts = (sum(getattr(message, key) for message in MESSAGES.values()) for key in ("parts", "receipts"))
    counts = (len(cases), pairs, *(len(cases) * each for each in (len(MESSAGES), parts, receipts)))
    row = " | ".join(map(str, counts))
    assert f"| `{kind}` | {row} |" in DOCUMENT.read_text(encoding="utf-8")
