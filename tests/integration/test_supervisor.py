"""The supervisor with real processes."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghasi.devstack.errors import StartFailed
from ghasi.devstack.identity import identify, marked
from ghasi.devstack.ready import file_written
from ghasi.devstack.rundir import RunDir
from ghasi.devstack.supervisor import ProcessSpec, Supervisor

SLEEPER = "import time; time.sleep(60)"
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write("ready")
time.sleep(60)
"""
FORKING = """
import os, sys, time
if os.fork() == 0:
    time.sleep(60)
open(sys.argv[1], "w").write("ready")
time.sleep(60)
"""


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    made = RunDir(tmp_path / "run")
    made.claim()
    yield made
    made.release()
    assert marked(made.path) == []


@pytest.fixture
def ends() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def supervisor(run: RunDir, tmp_path: Path, ends: list[tuple[str, int]]) -> Iterator[Supervisor]:
    made = Supervisor(
        run, {"PATH": os.environ["PATH"]}, cwd=tmp_path, on_end=lambda name, code: ends.append((name, code))
    )
    yield made
    made.stop()


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.02)


def test_a_process_that_ends_is_started_again(supervisor: Supervisor, ends: list[tuple[str, int]]) -> None:
    supervisor.start(ProcessSpec("one", python(SLEEPER)))
    first = supervisor.child("one").pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervisor.restarts("one") == 1)
    assert supervisor.child("one").pid != first
    assert ends == [("one", -9)]


def test_a_process_that_keeps_ending_is_started_ever_more_slowly(supervisor: Supervisor) -> None:
    supervisor.start(ProcessSpec("one", python("")))
    wait_until(lambda: supervisor.restarts("one") >= 2)
    time.sleep(0.3)
    assert supervisor.restarts("one") <= 3


def test_a_process_that_is_not_to_be_restarted_stays_down(
    supervisor: Supervisor, ends: list[tuple[str, int]]
) -> None:
    supervisor.start(ProcessSpec("one", python("raise SystemExit(3)"), restart=False))
    wait_until(lambda: ends == [("one", 3)])
    assert not supervisor.child("one").running


def test_a_start_that_fails_shows_the_log(supervisor: Supervisor) -> None:
    spec = ProcessSpec("one", python("print('settings: NATS_URL: must be set'); raise SystemExit(2)"), ready=bool)
    with pytest.raises(StartFailed, match="one ended while starting; its log ends: settings: NATS_URL: must be set"):
        supervisor.start(spec)


def test_one_that_is_never_ready_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(StartFailed, match="one is not ready after 0 s"):
        supervisor.start(ProcessSpec("one", python(SLEEPER), ready=bool, ready_timeout=0.2))


def test_a_program_that_is_not_there_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(StartFailed, match=r"one cannot be started: .*No such file"):
        supervisor.start(ProcessSpec("one", ["/nowhere/program"]))


def test_one_that_ignores_the_signal_is_killed_at_its_deadline(supervisor: Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    spec = ProcessSpec("one", python(STUBBORN, ready), ready=file_written(ready), stop_timeout=0.3)
    supervisor.start(spec)
    pid = supervisor.child("one").pid
    supervisor.stop()
    assert identify(pid) is None
    assert supervisor.child("one").returncode == -signal.SIGKILL


def test_what_a_process_forked_goes_with_it(supervisor: Supervisor, run: RunDir, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    supervisor.start(ProcessSpec("one", python(FORKING, ready), ready=file_written(ready)))
    assert len(marked(run.path)) == 2
    supervisor.stop()
    assert marked(run.path) == []


def test_what_a_dead_process_forked_is_gone_before_it_comes_back(
    supervisor: Supervisor, run: RunDir, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    supervisor.start(ProcessSpec("one", python(FORKING, ready), ready=file_written(ready)))
    before = {found.pid for found in marked(run.path)}
    ready.unlink()
    os.kill(supervisor.child("one").pid, signal.SIGKILL)
    wait_until(ready.exists)
    wait_until(lambda: len(marked(run.path)) == 2)
    assert not before & {found.pid for found in marked(run.path)}


def test_groups_stop_one_after_the_other(run: RunDir, tmp_path: Path) -> None:
    code = """
import signal, sys, time
def end(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + " ")
    raise SystemExit
signal.signal(signal.SIGTERM, end)
open(sys.argv[1] + sys.argv[2], "w").write("ready")
time.sleep(60)
"""
    order = tmp_path / "order"
    supervisor = Supervisor(run, {"PATH": os.environ["PATH"]}, cwd=tmp_path)
    supervisor.start(
        *(
            ProcessSpec(name, python(code, order, name), ready=file_written(tmp_path / f"order{name}"))
            for name in ("a", "b", "c")
        )
    )
    supervisor.stop(["b"], ["a"])
    assert order.read_text().split() == ["b", "a", "c"]


def test_restart_on_demand_gives_a_new_process_that_is_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(ProcessSpec("one", python(SLEEPER)))
    first = supervisor.child("one").pid
    supervisor.restart("one")
    assert supervisor.child("one").running
    assert supervisor.child("one").pid != first
    assert supervisor.restarts("one") == 0


def test_run_once_waits_for_the_end(supervisor: Supervisor) -> None:
    supervisor.run_once("once", python("print('done')"), env={}, timeout=60.0)
    with pytest.raises(StartFailed, match="once ended with exit code 4; its log ends: broken"):
        supervisor.run_once("once", python("print('broken'); raise SystemExit(4)"), env={}, timeout=60.0)
    with pytest.raises(StartFailed, match="did not end within"):
        supervisor.run_once("once", python(SLEEPER), env={}, timeout=0.2)


def test_a_thread_that_started_a_process_may_end(supervisor: Supervisor) -> None:
    starter = threading.Thread(target=supervisor.start, args=[ProcessSpec("one", python(SLEEPER))])
    starter.start()
    starter.join()
    pid = supervisor.child("one").pid
    time.sleep(0.3)
    assert supervisor.child("one").pid == pid
    assert supervisor.restarts("one") == 0
