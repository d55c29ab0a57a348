"""The cases of tests/vectors/segmentation.json: texts, our cuts, and what other libraries made of them."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from ghasi.sms.coding import Coding
from ghasi.sms.septets import fill_bits
from tests.vectors.tools.segmentation import cut, expectation, numbers
from tests.vectors.tools.segmentation_cases import cases

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "segmentation.json").read_text())
CASES: list[dict[str, Any]] = VECTORS["cases"]


def _whole(case: dict[str, Any]) -> str:
    return "".join(piece * times for piece, times in case["text"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['case']}-{case['what']}")
def test_cut(case: dict[str, Any]) -> None:
    made = expectation(_whole(case), case.get("rules", {}))
    assert made == case["expect"]


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if "error" not in case["expect"]],
    ids=lambda case: f"{case['case']}-{case['what']}",
)
def test_no_part_is_too_long(case: dict[str, Any]) -> None:
    """By the octets alone, whatever the arithmetic says: 140 with the header, septets packed."""
    made = cut(_whole(case), case.get("rules", {}))
    for part in made.parts:
        if made.network_parts > len(made.parts):
            continue
        bits = len(part.udh) * 8 + made.coding.unit_bits * part.units
        assert bits + (fill_bits(len(part.udh)) if made.coding is Coding.GSM7 else 0) <= 1120


@pytest.mark.parametrize(
    "case", [case for case in CASES if "differ" in case], ids=lambda case: f"{case['case']}-{case['what']}"
)
def test_who_cuts_otherwise_needs_no_fewer_parts(case: dict[str, Any]) -> None:
    for name, differing in case["differ"].items():
        assert differing["why"]
        assert name in VECTORS["libraries"]
        if "characters" in differing and "larger than a part" not in differing["why"]:
            assert len(numbers(differing["characters"])) >= case["expect"]["networkParts"]


def test_who_cuts_within_clusters_only_puts_more_into_the_first_parts() -> None:
    for case in CASES:
        ours = list(accumulate(numbers(case["expect"].get("characters", []))))
        for differing in case.get("differ", {}).values():
            if differing["why"] == "cuts within grapheme clusters":
                theirs = list(accumulate(numbers(differing["characters"])))
                assert all(our <= their for our, their in zip(ours, theirs, strict=True))


def test_the_file_is_what_it_says() -> None:
    assert len(CASES) >= 150
    seen = [len(case["agree"]) + len(case.get("differ", {})) for case in CASES]
    assert sum(count >= 2 for count in seen) >= 150
    assert [case["case"] for case in CASES] == list(range(1, len(CASES) + 1))
    assert [(case["what"], _whole(case), case.get("rules", {})) for case in CASES] == [
        (case.what, case.whole, case.rules) for case in cases()
    ]
    assert all(VECTORS["libraries"].values())
