"""The benchmarks' programs in C: compiled at need, their running totals read from a page they share."""

from __future__ import annotations

import hashlib
import mmap
import shutil
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ghasi.devstack.child import Child
from ghasi.devstack.paths import RUN_ROOT

HERE = Path(__file__).parent
_BUILT = RUN_ROOT / "bench" / "bin"
_FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra")
_START_TIMEOUT = 10.0


class NoCompiler(Exception):
    """There is no C compiler here; the text says how to get one."""


def build(name: str) -> Path:
    """The program made of `benchmarks/NAME/*.c`, compiled unless that was done for these sources.

    Raises NoCompiler, and CalledProcessError where the sources do not compile.
    """
    sources = sorted((HERE / name).glob("*.[ch]"))
    state = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    program = _BUILT / f"{name}-{state}"
    if program.exists():
        return program
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler(
            "the benchmarks' SMSC is written in C and there is no compiler (Debian: apt-get install gcc)"
        )
    _BUILT.mkdir(parents=True, exist_ok=True)
    aside = program.with_suffix(".new")
    units = [str(source) for source in sources if source.suffix == ".c"]
    subprocess.run([compiler, *_FLAGS, "-o", str(aside), *units], check=True)
    aside.rename(program)
    return program


class Page:
    """Numbers of 8 octets each in a file that a running program maps and writes."""

    def __init__(self, path: Path, count: int) -> None:
        self._form = struct.Struct(f"={count}Q")
        with path.open("rb") as file:
            self._page = mmap.mmap(file.fileno(), self._form.size, access=mmap.ACCESS_READ)

    def read(self) -> tuple[int, ...]:
        return self._form.unpack_from(self._page)


def start_listening(child: Child, ports_file: Path) -> Sequence[int]:
    """Starts a program and gives the ports it writes once it listens. Raises StartFailed."""
    ports_file.unlink(missing_ok=True)
    child.start()
    end = time.monotonic() + _START_TIMEOUT
    while not ports_file.exists():
        if not child.running or time.monotonic() > end:
            raise child.failure("did not start")
        time.sleep(0.01)
    return [int(line) for line in ports_file.read_text().split()]
