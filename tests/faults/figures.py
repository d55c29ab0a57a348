"""The figures of a run, a JSON line for each fault: docs/reliability.md is made of them (tests/faults/report.py)."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.faults.evidence import Evidence
from tests.faults.oracle import Verdict
from tests.faults.seed import SEED, SET

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(os.environ.get("FAULTS_RESULTS") or ROOT / ".run" / "faults" / "results.jsonl")
_of_this_test: list[Figures] = []
SESSION = os.environ.setdefault("FAULTS_SESSION", f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}")
"""One for all workers of a parallel run, which inherit it."""


def _commit() -> str:
    """What ran: the commit, with a "+" where the product's files differed from it."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "ghasi", "workers", "sessions_gateway")
    return (name + ("+" if changed else "")) or "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one fault in one run. `recovered`: seconds from the fault until the last event of its batch, None where that
    says nothing. `not_run`: why, where this machine could not do it."""

    fault: str
    runs: int = 1
    commands: int = 0
    lost: int = 0
    doubled: int = 0
    unexplained: int = 0
    in_doubt: int = 0
    resent: int = 0
    recovered: float | None = None
    note: str = ""
    not_run: str = ""
    kinds: tuple[str, ...] = ()
    """What was lost, doubled or unexplained, in words."""
    failed: bool = False
    """The test of the promise did not pass, whatever the counts say."""
    test: str = ""
    seed: int = SEED
    set: str = SET
    session: str = SESSION
    date: str = field(default_factory=lambda: time.strftime("%Y-%m-%d", time.gmtime()))
    commit: str = field(default_factory=_commit)


def of(
    fault: str,
    verdict: Verdict,
    evidence: Evidence,
    *,
    batch: str | None = None,
    at: float | None = None,
    note: str = "",
) -> Figures:
    """A fault's share of a verdict: the messages of its batch, all of them where it names none."""
    mine = {one.message_id for one in evidence.commands if batch is None or one.batch == batch}
    found = {
        name: [finding for finding in getattr(verdict, name) if batch is None or finding.batch == batch]
        for name in ("lost", "doubled", "unexplained")
    }
    rows = [row for row in evidence.rows if row.message_id in mine]
    return Figures(
        fault=fault,
        commands=len(mine),
        lost=len(found["lost"]),
        doubled=len(found["doubled"]),
        unexplained=len(found["unexplained"]),
        in_doubt=sum(row.was_in_doubt for row in rows),
        resent=sum(row.possible_duplicate for row in rows),
        recovered=None if at is None else _last_event(evidence, mine, at),
        note=note,
        kinds=tuple(sorted({finding.what for findings in found.values() for finding in findings})),
        test=this_test(),
    )


def this_test() -> str:
    """The test that runs, without its parameters."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0].split("[")[0]


def _last_event(evidence: Evidence, mine: set[str], at: float) -> float:
    times = [one.at for one in (*evidence.results, *evidence.dlrs) if one.message_id in mine]
    return round(max(0.0, max(times, default=at) - at), 1)


def record(fault: str, **counted: Any) -> None:
    """The figures of a test that does its own counting; `counted` as the fields of Figures. To be called before the
    test asserts its promise: a promise that does not hold has figures too."""
    recovered = counted.pop("recovered", None)
    seconds = None if recovered is None else round(recovered, 1)
    write([Figures(fault, recovered=seconds, test=this_test(), **counted)])


def write(figures: Iterable[Figures]) -> None:
    """Appends lines to the run's results."""
    made = list(figures)
    _of_this_test.extend(made)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(one)) + "\n" for one in made)


def begin() -> None:
    """Another test begins."""
    _of_this_test.clear()


def fail(faults: Iterable[str]) -> None:
    """The test failed: all it wrote, and those of `faults` it did not get to, is a promise that does not hold."""
    written = {one.fault for one in _of_this_test}
    missing = [Figures(fault, test=this_test()) for fault in faults if fault not in written]
    write([replace(one, failed=True) for one in (*_of_this_test, *missing)])


def read(file: Path = FILE) -> list[Figures]:
    """All lines there are, oldest first; fields of an older harness are left out."""
    if not file.exists():
        return []
    known = set(Figures.__dataclass_fields__)
    lines = file.read_text(encoding="utf-8").splitlines()
    made = [{name: value for name, value in json.loads(line).items() if name in known} for line in lines]
    return [Figures(**one | {"kinds": tuple(one.get("kinds", ()))}) for one in made]


def latest(figures: Iterable[Figures]) -> dict[tuple[str, str], Figures]:
    """The last figures of each fault and variant. A run that could not be made replaces nothing that was."""
    found: dict[tuple[str, str], Figures] = {}
    for one in figures:
        key = (one.fault, variant(one))
        if not one.not_run or key not in found:
            found[key] = one
    return found


def variant(one: Figures) -> str:
    """What makes two runs of one fault different: the window, the timers, or the seed of random faults."""
    if one.fault.startswith("mixed"):
        return f"seed {one.seed}, {one.set}"
    return one.note if one.fault.startswith("crash ") else ""
