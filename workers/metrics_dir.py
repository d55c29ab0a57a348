"""Where the processes of one pool share their metrics, settled before prometheus_client is first imported.

Call `prepare()` first thing in `workers.app`: at its first import prometheus_client chooses, once and for all,
between values in memory and values in files that PROMETHEUS_MULTIPROC_DIR names. This module must not import it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from ghasi.env import SettingsError

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PORT = "WORKER_HTTP_PORT"
MARGIN = 2.0
"""Seconds; a start time is known to one, and no file of a living sibling may go."""


def prepare(environ: MutableMapping[str, str] | None = None) -> Path | None:
    """The pool's directory, made and freed of what an earlier run of the pool left; None where no port is set.

    Without PROMETHEUS_MULTIPROC_DIR it is one named after the pool's master process. Every process of the pool calls
    this, at any time: only what no process of this pool can have made is removed. Raises SettingsError where the
    directory cannot be used.
    """
    environ = os.environ if environ is None else environ
    if environ.get(PORT, "0") in ("", "0"):
        return None
    master = os.getppid()
    path = Path(environ[VARIABLE]) if environ.get(VARIABLE) else default_path(master)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path == default_path(master) and path.stat().st_uid != os.getuid():
            raise SettingsError(f"{VARIABLE}: must be set, the default directory belongs to somebody else")
        remove_left(path, started_at(master))
    except OSError as error:
        raise SettingsError(f"{VARIABLE}: {type(error).__name__} on the directory it gives") from None
    environ[VARIABLE] = str(path)
    return path


def default_path(master: int) -> Path:
    """The directory of the pool whose master process is `master`, where no other is set."""
    return Path(tempfile.gettempdir()) / f"smpp-connector-metrics-{os.getuid()}-{master}"


def remove_left(path: Path, started: float) -> None:
    """Removes value files of processes that are gone, and those last changed well before `started` (Unix time)."""
    for file in path.glob("*.db"):
        try:
            if file.stat().st_mtime < started - MARGIN or not _runs(file.stem.rpartition("_")[2]):
                file.unlink()
        except FileNotFoundError:
            # Another process of the pool was quicker.
            continue


def _runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True


def others_run() -> bool:
    """Whether any process that keeps values in the pool's directory lives, this one aside."""
    path = os.environ.get(VARIABLE)
    pids = {file.stem.rpartition("_")[2] for file in Path(path).glob("*.db")} if path else set()
    return any(pid.isdecimal() and int(pid) != os.getpid() and _runs(pid) for pid in pids)


def started_at(pid: int) -> float:
    """Unix time at which a process started; 0.0 where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(stat.rpartition(")")[2].split()[19])
        boot = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text(encoding="ascii").splitlines()
            if line.startswith("btime ")
        )
    except (OSError, ValueError, IndexError, StopIteration):
        return 0.0
    return boot + ticks / os.sysconf("SC_CLK_TCK")
