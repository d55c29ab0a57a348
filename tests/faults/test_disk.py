"""The disk itself: one that a killed run left is swept, one in use is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import disk

_HOLD = """
import sys
from pathlib import Path
from tests.faults.disk import Disk
with Disk(Path(sys.argv[1]), 64 * 2**20):
    print("mounted", flush=True)
    sys.stdin.read()
"""


def mounted(folder: Path) -> bool:
    return os.path.ismount(folder)


@pytest.mark.needs_disk
def test_what_a_killed_run_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = [sys.executable, "-c", _HOLD, str(folder)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"mounted\n"
        disk.sweep()
        assert mounted(folder), "its run lives"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert mounted(folder), "nobody has tidied up"
        assert disk.sweep() >= 1
        assert not mounted(folder)
    finally:
        process.kill()
        process.communicate()
