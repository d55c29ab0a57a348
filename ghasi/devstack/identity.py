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
    try:
        stat = _PROC.joinpath(str(pid), "stat").read_text()
        command = _PROC.joinpath(str(pid), "cmdline").read_bytes()
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name in parentheses may hold spaces: fields are counted behind the last parenthesis (proc(5)).
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return ProcessIdentity(
        pid, f"{boot}:{fields[19]}", command.replace(b"\0", b" ").decode(errors="replace").strip()
    )


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
    """Whether the process group still has a member."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
