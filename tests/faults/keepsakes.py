"""What a mixed run that did not come out even leaves behind, for who looks for the cause."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.evidence import Evidence
from tests.faults.figures import ROOT
from tests.faults.line import Line
from tests.faults.oracle import Verdict, explain
from tests.faults.seed import SEED


async def keep(line: Line, evidence: Evidence, verdict: Verdict, done: Sequence[str]) -> Path:
    """The evidence, what the consumers say, the logs of the SMSCs and of all processes; where it is."""
    folder = ROOT / ".run" / "faults" / f"kept-{SEED}-{time.strftime('%H%M%S')}"
    folder.mkdir(parents=True)
    (folder / "faults.txt").write_text("\n".join(done), encoding="utf-8")
    (folder / "verdict.txt").write_text(explain(verdict, evidence, most=20), encoding="utf-8")
    (folder / "evidence.json").write_text(json.dumps(asdict(evidence), default=str), encoding="utf-8")
    (folder / "consumers.json").write_text(json.dumps(await _consumers(line), default=str), encoding="utf-8")
    shutil.copytree(line.log_dir, folder / "smsc")
    for child in line.children.values():
        shutil.copy(child.log_file, folder)
    return folder


async def _consumers(line: Line) -> list[dict[str, object]]:
    bus = await line.bus("keep")
    try:
        return [(await bus.js.consumer_info(one.stream, one.durable)).as_dict() for one in line.consumers()]
    finally:
        await bus.close()
