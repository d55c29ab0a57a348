"""workers.metrics_dir: where the processes of one pool share their metrics."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ghasi.env import SettingsError
from workers import metrics_dir


def value_file(path: Path, pid: int, age: float = 0.0) -> Path:
    file = path / f"counter_{pid}.db"
    file.write_bytes(b"")
    os.utime(file, (time.time() - age, time.time() - age))
    return file


@pytest.mark.parametrize("environ", [{}, {"WORKER_HTTP_PORT": "0"}, {"WORKER_HTTP_PORT": ""}])
def test_without_a_port_nothing_is_made(environ: dict[str, str]) -> None:
    assert metrics_dir.prepare(environ) is None
    assert metrics_dir.VARIABLE not in environ


def test_the_directory_is_made_where_it_is_missing(tmp_path: Path) -> None:
    wanted = tmp_path / "pools" / "dispatch"
    environ = {"WORKER_HTTP_PORT": "9100", metrics_dir.VARIABLE: str(wanted)}
    assert metrics_dir.prepare(environ) == wanted
    assert wanted.is_dir()


def test_without_a_directory_it_is_named_after_the_master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environ = {"WORKER_HTTP_PORT": "9100"}
    path = metrics_dir.prepare(environ)
    assert path == metrics_dir.default_path(os.getppid()) == Path(environ[metrics_dir.VARIABLE])
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o700


def test_what_an_earlier_run_left_goes_and_what_this_one_made_stays(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    master_age = time.time() - metrics_dir.started_at(os.getppid())
    old, dead, ours = (
        value_file(tmp_path, os.getppid(), master_age + 60),
        value_file(tmp_path, ended.pid),
        value_file(tmp_path, os.getpid()),
    )
    other = tmp_path / "notes.txt"
    other.write_text("not ours")
    metrics_dir.prepare({"WORKER_HTTP_PORT": "9100", metrics_dir.VARIABLE: str(tmp_path)})
    assert (old.exists(), dead.exists(), ours.exists(), other.exists()) == (False, False, True, True)


def test_a_path_that_is_no_directory_stops_the_start_by_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SettingsError, match=r"^PROMETHEUS_MULTIPROC_DIR: "):
        metrics_dir.prepare({"WORKER_HTTP_PORT": "9100", metrics_dir.VARIABLE: str(file)})


def test_others_run_while_a_process_with_values_lives_that_is_not_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(metrics_dir.VARIABLE, raising=False)
    assert not metrics_dir.others_run()
    monkeypatch.setenv(metrics_dir.VARIABLE, str(tmp_path))
    value_file(tmp_path, os.getpid())
    (tmp_path / "counter_strange.db").write_bytes(b"")
    assert not metrics_dir.others_run()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        value_file(tmp_path, process.pid)
        assert metrics_dir.others_run()
        process.communicate(b"\n")
    assert not metrics_dir.others_run()


def test_the_start_of_a_process_is_known() -> None:
    before = time.time()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert before - 2 <= metrics_dir.started_at(process.pid) <= time.time() + 1
        process.communicate(b"\n")
    assert metrics_dir.started_at(process.pid) == 0.0
