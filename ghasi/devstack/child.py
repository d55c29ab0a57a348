"""One child process of a run: started in a process group of its own, logged to a file, ended for certain."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ghasi.devstack.errors import StartFailed
from ghasi.devstack.identity import wait_for_group
from ghasi.devstack.rundir import RunDir

_LOG_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class Account:
    """User and group a child runs as."""

    uid: int
    gid: int


class Child:
    """A process, with whatever it forks, under our hand. Any thread may call its methods."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        run: RunDir,
        env: Mapping[str, str],
        cwd: Path | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout: float = 10.0,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log_file = run.logs / f"{name}.log"
        self._run = run
        self._env = dict(env)
        self._cwd = cwd or run.path
        self._account = account
        self._stop_signal = stop_signal
        self._stop_timeout = stop_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._returncode: int | None = None
        self._log_start = 0
        self._mutex = threading.Lock()

    @property
    def pid(self) -> int:
        """Number of the running process; raises RuntimeError where none was started."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        process = self._process
        return process is not None and not _ended(process)

    @property
    def returncode(self) -> int | None:
        """Exit code of the last run once tidied up (negative: the signal that ended it), else None."""
        return self._returncode

    def start(self) -> None:
        """Start the process. Raises StartFailed where it cannot be executed."""
        account = self._account
        try:
            with self.log_file.open("ab") as log:
                self._log_start = log.tell()
                self._process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._run.child_env(self._env),
                    cwd=self._cwd,
                    process_group=0,
                    user=account.uid if account else None,
                    group=account.gid if account else None,
                    extra_groups=[] if account else None,
                )
        except OSError as error:
            raise StartFailed(f"{self.name} cannot be started: {error}") from error
        self._run.record(self.name, self._process.pid, self._stop_signal)

    def stop(self) -> None:
        """Ask the process to stop; after its deadline kill it. Nothing it forked stays behind."""
        self.request_stop()
        deadline = time.monotonic() + self._stop_timeout
        while self.running and time.monotonic() < deadline:
            time.sleep(0.01)
        self._clear()

    def request_stop(self) -> None:
        """Send the stop signal and return at once."""
        self.signal(self._stop_signal)

    def kill(self) -> None:
        """Kill the process and all it forked, as a crash would."""
        self._clear()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process itself (not to its children); nothing happens where it has ended."""
        process = self._process
        if process is not None and not _ended(process):
            process.send_signal(number)

    def pause(self) -> None:
        """Freeze the process and all it forked: it keeps its connections and answers nothing."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def reap(self) -> None:
        """Tidy up after a process that ended by itself: kill what it left in its group and forget it."""
        if not self.running:
            self._clear()

    def log_tail(self) -> str:
        """The end of what it has logged since its start."""
        with suppress(OSError), self.log_file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - _LOG_TAIL))
            return log.read().decode(errors="replace")
        return ""

    def failure(self, what: str) -> StartFailed:
        """An error that names the process, what happened and what it said last."""
        return StartFailed(f"{self.name} {what}; its log ends: {self.log_tail().strip() or '(empty)'}")

    def _clear(self) -> None:
        """Kill the group while its number is taken (no stranger can be hit), then reap and forget it."""
        with self._mutex:
            process = self._process
            if process is None:
                return
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            self._returncode = process.wait()
            wait_for_group(process.pid)
            self._run.forget(self.name, process.pid)
            self._process = None


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended, without reaping it: its number stays taken until it is cleared away."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
