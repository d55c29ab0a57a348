"""Which process a number means: numbers are given again, a start time with a command line is not."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
MARKER = "GHASI_DEVSTACK_RUN"
"""Environment variable every child of a run carries; its value is the run directory."""
INSPECTION = "PROCESS_INSPECTION"
"""Lets us read that mark in the environment of our own processes (ghasi.hardening)."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process as the system knows it: `started` is an opaque token, equal only for the same process."""

    pid: int
    started: str
    command: str


def identify(pid: int) -> ProcessIdentity | None:
    """The process with this number, None where there is none; one waiting to be reaped counts as none."""
    if _PROC.joinpath("self", "stat").exists():
        return _from_proc(pid)
    return _from_ps(pid)


def _from_proc(pid: int) -> ProcessIdentity | None:
    fields = _stat_fields(pid)
    if not fields or fields[0] in "ZX":
        return None
    try:
        command = _PROC.joinpath(str(pid), "cmdline").read_bytes()
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    words = command.replace(b"\0", b" ").decode(errors="replace")
    return ProcessIdentity(pid, f"{boot}:{fields[19]}", words.strip())


def _from_ps(pid: int) -> ProcessIdentity | None:
    shown = subprocess.run(
        ["ps", "-ww", "-o", "lstart=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    words = shown.stdout.split(None, 5)
    if len(words) < 6:
        return None
    return ProcessIdentity(pid, " ".join(words[:5]), words[5].strip())


def marked(run_dir: Path) -> list[ProcessIdentity]:
    """Living processes with this run directory's mark, however they were orphaned (Linux; elsewhere none)."""
    wanted = f"{MARKER}={run_dir}".encode()
    return [found for pid in _pids() if wanted in _environ(pid) and (found := identify(pid)) is not None]


def _pids() -> Iterator[int]:
    if _PROC.is_dir():
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _environ(pid: int) -> list[bytes]:
    try:
        return _PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def group_alive(pgid: int) -> bool:
    """Whether the process group has a member that is more than a zombie (some containers never reap those)."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if not _PROC.joinpath("self", "stat").exists():
        return True
    return any(_stat_fields(pid)[:1] not in ([], ["Z"], ["X"]) for pid in _pids() if _group(pid) == pgid)


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; empty where there is no such process.

    The name before them stands in parentheses and may hold spaces, so they count from the last one (proc(5)).
    """
    try:
        return _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def wait_for_group(pgid: int, *, patience: float = 2.0) -> None:
    """Wait until the system has taken away every member of a killed process group."""
    deadline = time.monotonic() + patience
    while group_alive(pgid) and time.monotonic() < deadline:
        time.sleep(0.01)


def kill_group(pgid: int) -> None:
    """Kill every member of a process group and wait until they are gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signal.SIGKILL)
    wait_for_group(pgid)
