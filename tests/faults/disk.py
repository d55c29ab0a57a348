"""A disk that can be filled, and whose power can be cut: an ext4 file system on a loop device, shut down without
flushing its log.

What had not been synced when the power went is gone, as on a real machine; what the kernel still held in memory does
not count. Needs Linux, root, loop devices and mkfs.ext4.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN of Linux."""
_WITHOUT_FLUSHING = struct.pack("I", 2)
_WHERE = "/var/tmp"
_PREFIX = "ghasi-disk-"
_LOCK = "lock"
_SETTLED = 60.0
_TRIES = 50
_BALLAST = "ballast"
_LARGEST = 2**23
SIZE = 768 * 2**20


class Disk:
    """`with Disk(folder) as disk:`; `folder` is the mount point, empty at first. Raises CalledProcessError."""

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self.folder = folder
        self._image = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_WHERE)) / "image"
        self._size = size
        self._life = ExitStack()

    def __enter__(self) -> Self:
        sweep()
        lock = self._life.enter_context((self._image.parent / _LOCK).open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        with self._image.open("wb") as file:
            file.truncate(self._size)
        _run("mkfs.ext4", "-q", str(self._image))
        self._mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unmount()
        shutil.rmtree(self._image.parent)
        self._life.close()

    def cut_power(self) -> None:
        """Nothing that is written from now on arrives, nor what was not synced before."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, _WITHOUT_FLUSHING)
        finally:
            os.close(handle)

    def power_on(self) -> None:
        """Mounted again, its journal replayed. Whoever had files open there must have ended."""
        self._unmount()
        self._mount()

    def fill(self) -> None:
        """Not a block is left, not even of those kept for root."""
        with (self.folder / _BALLAST).open("wb", buffering=0) as file:
            size = _LARGEST
            while size:
                try:
                    file.write(bytes(size))
                    os.fsync(file.fileno())
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def make_room(self) -> None:
        """What `fill` took is free again."""
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def sync(self) -> None:
        """Everything written so far is safe."""
        _run("sync", "-f", str(self.folder))

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.folder))

    def _unmount(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                _run("umount", str(self.folder))
                return
            except subprocess.CalledProcessError:
                if not left:
                    raise
                time.sleep(0.1)


def sweep() -> int:
    """Unmounts and removes the disks of runs that were killed; how many. A disk in use is locked by its run."""
    swept = 0
    for folder in Path(_WHERE).glob(f"{_PREFIX}*"):
        if time.time() - folder.stat().st_mtime < _SETTLED and not (folder / _LOCK).exists():
            # One that another run has just made and not locked yet.
            continue
        with (folder / _LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _let_go(folder / "image")
            shutil.rmtree(folder)
            swept += 1
    return swept


def _let_go(image: Path) -> None:
    """Whatever is mounted from the image is not any more, also where a process still has files open there."""
    devices = subprocess.run(
        ["losetup", "--associated", str(image), "--noheadings", "--output", "NAME"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split()
    mounts = [line.split()[:2] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for device, place in mounts:
        if device in devices:
            _run("umount", "--lazy", place)


@cache
def why_not() -> str:
    """Why this machine has no such disk; "" where it has."""
    if os.name != "posix" or os.uname().sysname != "Linux":
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root, to mount a loop device"
    missing = [name for name in ("mkfs.ext4", "mount", "umount", "sync", "losetup") if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        try:
            with Disk(Path(folder), 64 * 2**20) as disk:
                disk.cut_power()
        except (OSError, subprocess.CalledProcessError) as error:
            return f"no loop device with ext4 here ({type(error).__name__})"
    return ""


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
