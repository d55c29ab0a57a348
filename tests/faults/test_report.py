"""The document is what the figures say, and every fault that is run has its row."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import figures, report
from tests.faults.catalogue import SECTIONS
from tests.faults.figures import ROOT, Figures
from tests.faults.rendering import render

RAN = Figures(
    "kill nats", commands=100, in_doubt=3, recovered=4.2, test="tests/faults/test_servers.py::x", commit="abc"
)
NAMES = [fault.name for section in SECTIONS for fault in section.faults]


def line_of(text: str, what: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {what}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_document_agrees_with_its_figures() -> None:
    assert report.main(["--check"]) == 0


def test_names_are_unique_and_what_was_run_has_a_row() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {one.fault for one in report.kept()} <= set(NAMES)


def test_every_test_that_is_named_exists() -> None:
    for one in report.kept():
        if not one.not_run:
            file, _, name = one.test.partition("::")
            names = [node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if hasattr(node, "name")]
            assert name in names, one.test


def test_a_fault_that_was_not_run_says_so() -> None:
    assert "not run: not yet" in line_of(render([]), "NATS killed")
    impossible = Figures("power cut nats", runs=0, not_run="needs root")
    assert "not run: needs root" in line_of(render([impossible]), "power cut of the disk of NATS")


def test_a_run_shows_its_figures() -> None:
    cells = line_of(render([RAN]), "NATS killed")
    assert cells[2:9] == ["yes", "1", "100", "0", "0", "0", "3"]
    assert cells[9:11] == ["4.2", "`test_servers.py::x`"]


@pytest.mark.parametrize("kind", ["lost", "doubled", "unexplained"])
def test_a_promise_that_does_not_hold_is_written_as_it_is(kind: str) -> None:
    text = render([replace(RAN, kinds=("what it was",), **{kind: 2})])  # type: ignore[arg-type]
    assert line_of(text, "NATS killed")[2] == "**no**"
    assert "Promises that did not hold: NATS killed" in text
    assert "what it was" in text


def test_the_last_run_of_a_variant_counts_and_variants_are_added() -> None:
    def crash(note: str, **changes: object) -> Figures:
        return replace(RAN, fault="crash dispatch.claimed", note=note, **changes)  # type: ignore[arg-type]

    text = render([crash("window 1", lost=5), crash("window 1", recovered=9.0), crash("window 10")])
    cells = line_of(text, "`dispatch.claimed`")
    assert (cells[2], cells[3], cells[4], cells[9]) == ("yes", "2 (window 1, window 10)", "200", "9.0")


def test_a_machine_that_cannot_replaces_no_figures_of_one_that_could() -> None:
    could = replace(RAN, fault="power cut nats")
    text = render([could, Figures("power cut nats", runs=0, not_run="needs root")])
    assert line_of(text, "power cut of the disk of NATS")[4] == "100"


def test_a_test_that_failed_says_so_whatever_it_counted() -> None:
    text = render([replace(RAN, failed=True)])
    assert line_of(text, "NATS killed")[2] == "**no**"
    assert "Promises that did not hold: NATS killed" in text
    assert "the test failed" in text


def test_a_run_that_compared_no_messages_shows_none() -> None:
    took = Figures("lease killed", runs=2, recovered=11.0, note="at most 2 binds", test="tests/faults/x.py::y")
    cells = line_of(render([took]), "one of three replicas killed")
    assert cells[2:10] == ["yes", "2", "", "", "", "", "", "11.0"]


def test_a_failing_test_fails_what_it_wrote_and_what_it_did_not_get_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "FILE", tmp_path / "results.jsonl")
    monkeypatch.setattr(figures, "_of_this_test", [])
    figures.record("lease killed", commands=3)
    figures.fail(["lease killed", "lease stopped"])
    rows = figures.latest(figures.read(figures.FILE)).values()
    assert {one.fault: (one.failed, one.commands) for one in rows} == {
        "lease killed": (True, 3),
        "lease stopped": (True, 0),
    }
