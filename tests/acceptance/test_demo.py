"""`manage.py demo` as a person runs it, in a run directory of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghasi.devstack import postgres_home
from ghasi.devstack.identity import marked
from ghasi.devstack.paths import CHECKOUT


@pytest.fixture
def run_dir(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "demo"
    yield path
    for left in marked(path):
        os.kill(left.pid, signal.SIGKILL)
    postgres_home.remove(path)


def demo(run_dir: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHECKOUT / "manage.py"), "demo", "--run-dir", str(run_dir), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
    )


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Output up to and with the line that holds the words."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"{words!r} never came: {seen}")


def wait_until(true: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.05)


@pytest.mark.slow
def test_every_sample_reaches_its_outcome_and_nothing_is_left(run_dir: Path) -> None:
    process = demo(run_dir, "--exit")
    said, _ = process.communicate(timeout=110)
    assert process.returncode == 0, said
    assert "60 of 60 messages reached the outcome expected of them" in said
    assert "FAIL" not in said
    assert marked(run_dir) == []


@pytest.mark.slow
def test_it_stays_up_with_an_admin_to_log_in_to_until_a_signal(run_dir: Path) -> None:
    process = demo(run_dir)
    said = read_until(process, "Ctrl-C stops everything")
    admin = next(line.split()[1] for line in said.splitlines() if line.startswith("admin"))
    with urllib.request.urlopen(admin) as page:
        assert b"csrfmiddlewaretoken" in page.read()
    second = demo(run_dir, "--exit")
    refused, _ = second.communicate(timeout=90)
    assert second.returncode == 1
    assert f"in use by process {process.pid}" in refused
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)
    assert process.returncode == 0
    assert marked(run_dir) == []


@pytest.mark.slow
def test_a_killed_demo_leaves_nothing_running(run_dir: Path) -> None:
    process = demo(run_dir)
    read_until(process, "starting the gateway")
    process.kill()
    process.communicate(timeout=90)
    wait_until(lambda: marked(run_dir) == [])


def test_a_signal_while_starting_stops_in_order(run_dir: Path) -> None:
    process = demo(run_dir)
    read_until(process, "starting the simulated operators")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=90)
    assert process.returncode == 130
    assert marked(run_dir) == []
