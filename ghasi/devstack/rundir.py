"""A run directory: its lock, logs, record of processes, and the end of what an earlier run left behind."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from ghasi.devstack import guard as guard_module
from ghasi.devstack.errors import AlreadyRunning
from ghasi.devstack.identity import INSPECTION, MARKER, ProcessIdentity, identify, kill_group, marked


class RunDir:
    """Directory of one running stack. One living process at a time holds it; the lock dies with it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self._pids = self.path / "pids"
        self._lock: IO[str] | None = None
        self._guard: subprocess.Popen[str] | None = None
        self._mutex = threading.Lock()

    def claim(self) -> None:
        """Take the directory and end what an earlier holder left running.

        Raises AlreadyRunning while its holder lives.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        self._make_folders()
        lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise AlreadyRunning(f"{self.path} is in use by process {holder}: end it first") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        self._end_leftovers()
        self._start_guard()

    def release(self) -> None:
        """Give the directory back. Its processes must have been stopped."""
        if self._guard is not None:
            # No child is left on its list, so the end of the pipe makes it leave at once.
            with suppress(BrokenPipeError):
                self._guard.communicate(".\n")
            self._guard = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def clear(self) -> None:
        """Delete what an earlier run stored or logged."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()
        self._make_folders()

    def remove(self) -> None:
        """Delete the directory."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def held(self) -> bool:
        """Whether we hold the directory."""
        return self._lock is not None

    def child_env(self, env: dict[str, str]) -> dict[str, str]:
        """The environment with this run's mark, by which orphans are found."""
        return {INSPECTION: "1", **env, MARKER: str(self.path)}

    def record(self, name: str, pid: int, stop_signal: int) -> None:
        """Remember a started process group, on disk for a later start and at the guard for our own death."""
        self._tell_guard(f"+ {pid} {int(stop_signal)}\n")
        found = identify(pid)
        if found is not None:
            self._pid_file(name).write_text(json.dumps(asdict(found)))

    def forget(self, name: str, pid: int) -> None:
        """Drop a process group that has ended."""
        self._pid_file(name).unlink(missing_ok=True)
        self._tell_guard(f"- {pid}\n")

    def _make_folders(self) -> None:
        self.logs.mkdir(exist_ok=True)
        self._pids.mkdir(exist_ok=True)

    def _pid_file(self, name: str) -> Path:
        return self._pids / f"{name}.json"

    def _tell_guard(self, line: str) -> None:
        with self._mutex:
            if self._guard is not None and self._guard.stdin is not None:
                with suppress(BrokenPipeError):
                    self._guard.stdin.write(line)
                    self._guard.stdin.flush()

    def _start_guard(self) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard_module.__file__, f"{MARKER}={self.path}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            cwd="/",
            env={},
        )

    def _end_leftovers(self) -> None:
        for file in self._pids.glob("*.json"):
            with suppress(ValueError, TypeError, OSError):
                recorded = ProcessIdentity(**json.loads(file.read_text()))
                if identify(recorded.pid) == recorded:
                    kill_group(recorded.pid)
            file.unlink(missing_ok=True)
        for orphan in marked(self.path):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(orphan.pid, 9)


def is_held(path: Path) -> bool:
    """Whether a living process holds the run directory."""
    try:
        lock = (path / "lock").open("r")
    except OSError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
