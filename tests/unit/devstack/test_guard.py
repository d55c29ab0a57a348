"""devstack.guard: what it ends when its owner is gone, told of or not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghasi.devstack import guard
from ghasi.devstack.identity import MARKER

Start = Callable[[Path], "subprocess.Popen[bytes]"]


@pytest.fixture
def sleeper() -> Iterator[Start]:
    made: list[subprocess.Popen[bytes]] = []

    def start(run_dir: Path) -> subprocess.Popen[bytes]:
        made.append(
            subprocess.Popen(["sleep", "60"], env={MARKER: str(run_dir), "PATH": "/bin"}, start_new_session=True)
        )
        return made[-1]

    yield start
    for one in made:
        one.kill()
        one.wait()


def watching(run_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, f"{MARKER}={run_dir}"], stdin=subprocess.PIPE, env={}
    )


def test_a_process_the_owner_had_no_time_to_tell_of_is_ended(tmp_path: Path, sleeper: Start) -> None:
    told, untold, foreign = sleeper(tmp_path), sleeper(tmp_path), sleeper(tmp_path / "another")
    watcher = watching(tmp_path)
    watcher.communicate(f"+ {told.pid} 15\n".encode())
    assert watcher.returncode == 0
    assert (told.wait(10), untold.wait(10)) == (-15, -9)
    assert foreign.poll() is None


def test_an_orderly_end_looks_for_nobody(tmp_path: Path, sleeper: Start) -> None:
    untold = sleeper(tmp_path)
    watcher = watching(tmp_path)
    watcher.communicate(b".\n")
    assert watcher.returncode == 0
    assert untold.poll() is None


def test_a_later_run_is_left_alone(tmp_path: Path, sleeper: Start) -> None:
    before = guard.uptime() - 1.0
    one = sleeper(tmp_path)
    mark = f"{MARKER}={tmp_path}".encode()
    assert guard.strays(mark, before) == set()
    assert guard.strays(mark, guard.uptime() + 1.0) == {one.pid}
