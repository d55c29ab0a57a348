"""What a run says of its faults: the seed at its head, the table at its end."""

from __future__ import annotations

from typing import Any

from tests.faults import figures
from tests.faults.seed import SEED, SET


def header() -> str:
    return f"faults: set {SET}, seed {SEED} (FAULTS_SEED={SEED} repeats it)"


def table(terminalreporter: Any) -> None:
    """The table of this run, of all its workers."""
    made = figures.latest(one for one in figures.read() if one.session == figures.SESSION).values()
    if not made:
        return
    terminalreporter.section(f"faults, seed {SEED}")
    head = (
        f"{'fault':44} {'runs':>5} {'msgs':>6} {'lost':>5} {'doubled':>7} {'unexpl.':>7} {'doubt':>6} {'back s':>7}"
    )
    terminalreporter.write_line(head)
    for one in made:
        back = "" if one.recovered is None else f"{one.recovered:.1f}"
        counts = f"{one.runs:5} {one.commands:6} {one.lost:5} {one.doubled:7} {one.unexplained:7} {one.in_doubt:6}"
        failed = "FAILED" if one.failed else ""
        line = f"{one.fault:44} {counts} {back:>7} {failed} {one.note} {one.not_run}".rstrip()
        terminalreporter.write_line(line + (f"  {'; '.join(one.kinds)}" if one.kinds else ""))
