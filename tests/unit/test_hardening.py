"""ghasi.hardening: no core dump, and nobody of the same user reads a process that holds secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ghasi.env import Env, SettingsError
from ghasi.hardening import harden

PROGRAM = """
import ctypes, resource, sys
from ghasi.hardening import harden
try:
    resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))
except ValueError:
    pass  # 0 is the limit here, and only root may raise it
harden()
# 3 is PR_GET_DUMPABLE (prctl(2)); elsewhere than on Linux nothing is closed, and nothing fails.
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform.startswith("linux") else 0
print(*resource.getrlimit(resource.RLIMIT_CORE), dumpable)
"""


def run(**env: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), **env},
    )
    return done.stdout.split()


def test_no_dump_and_no_look_inside() -> None:
    assert run() == ["0", "0", "0"]


def test_who_asks_for_inspection_gets_it_but_no_dump() -> None:
    inspected = "1" if sys.platform.startswith("linux") else "0"
    assert run(PROCESS_INSPECTION="1") == ["0", "0", inspected]


def test_a_word_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="PROCESS_INSPECTION"):
        harden(Env({"PROCESS_INSPECTION": "perhaps"}))
