"""Runs pytest; in CI, what failed gets one more run by itself: `python -m tests.once_more ARGS`.

The suite runs real servers, kills processes and measures rates; on a shared machine one test of thousands may meet a
pause that no deadline foresaw. What fails twice fails. What passes by itself passes, and is named at the end and kept
in `.run/unsteady.txt`: its cause is to be found all the same. More than `MOST` failures are no accident and get no
second run. Without `CI` in the environment nothing is run twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
UNSTEADY = ROOT / ".run" / "unsteady.txt"
MOST = 5
TESTS_FAILED = 1
"""pytest's exit code; others say that the run itself did not come to its end."""


def main(arguments: Sequence[str]) -> int:
    FAILED.unlink(missing_ok=True)
    code = _pytest(arguments)
    failed = _failed()
    if code != TESTS_FAILED or not os.environ.get("CI") or not 0 < len(failed) <= MOST:
        return code
    print(f"once more, by themselves: {', '.join(failed)}", flush=True)
    code = _pytest(_again(arguments))
    if code == 0:
        _tell(failed)
    return code


def _pytest(arguments: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


def _failed() -> list[str]:
    try:
        return sorted(json.loads(FAILED.read_text()))
    except FileNotFoundError:
        return []


def _again(arguments: Sequence[str]) -> list[str]:
    """The arguments of the second run: one process, and its coverage is added to the first one's."""
    added = ["--cov-append"] if any(argument.startswith("--cov=") for argument in arguments) else []
    return [*arguments, *added, "--last-failed", "-n", "0"]


def _tell(names: Sequence[str]) -> None:
    lines = [f"failed once and passed by itself: {name}" for name in names]
    UNSTEADY.parent.mkdir(exist_ok=True)
    with UNSTEADY.open("a") as kept:
        kept.writelines(f"{line}\n" for line in lines)
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
