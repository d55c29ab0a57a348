"""The SMSC for load (benchmarks/smsc) as a child process: compiled at need, its totals read from a shared page."""

from __future__ import annotations

import hashlib
import json
import mmap
import shutil
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ghasi.devstack.child import Child
from ghasi.devstack.rundir import RunDir

SOURCES = Path(__file__).parent / "smsc"
BUILT = Path(__file__).resolve().parents[1] / ".run" / "bench" / "bin"
_FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra")
_COUNTERS = struct.Struct("=14Q")


class NoCompiler(Exception):
    """There is no C compiler here; the text says how to get one."""


@dataclass(frozen=True, slots=True)
class Counters:
    """`struct counters` of smsc.h: counts, and times in Unix nanoseconds (0: nothing came yet)."""

    submits: int
    responses: int
    receipts_due: int
    receipts_sent: int
    receipts_acked: int
    receipts_refused: int
    first_arrival: int
    last_arrival: int
    first_response: int
    last_response: int
    first_acked: int
    last_acked: int
    worst_second: int
    sessions: int


@dataclass(frozen=True, slots=True)
class SmscOptions:
    """Delays in milliseconds; `window`: receipts unanswered on one session."""

    response_ms: int = 0
    receipt_ms: int = 0
    receipts: str = "requested"
    window: int = 500
    log: bool = False


def build() -> Path:
    """The program, compiled unless that was done for these sources. Raises NoCompiler."""
    sources = sorted(SOURCES.glob("*.[ch]"))
    state = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    program = BUILT / f"smsc-{state}"
    if program.exists():
        return program
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("the benchmarks' SMSC is written in C and no compiler is here (Debian: apt-get install gcc)")
    BUILT.mkdir(parents=True, exist_ok=True)
    aside = program.with_suffix(".new")
    units = [str(source) for source in sources if source.suffix == ".c"]
    subprocess.run([compiler, *_FLAGS, "-o", str(aside), *units], check=True)
    aside.rename(program)
    return program


class Smsc:
    """One running SMSC. `ports` are what it listens on, in the order of its operators."""

    def __init__(
        self,
        run: RunDir,
        ports: Sequence[int],
        options: SmscOptions,
        *,
        before: Sequence[str] = (),
        name: str = "smsc",
    ) -> None:
        self._ports_file = run.path / f"{name}.ports"
        self._counters_file = run.path / f"{name}.counters"
        self.log_file = run.path / f"{name}.log.bin"
        argv = [*before, str(build()), *_argv(ports, options)]
        argv += ["--ports-file", str(self._ports_file), "--counters", str(self._counters_file)]
        if options.log:
            argv += ["--log", str(self.log_file)]
        self.child = Child(name, argv, run=run, env={})
        self._page: mmap.mmap | None = None
        self.ports: list[int] = []

    def start(self) -> Smsc:
        """Returns once every port listens."""
        self._ports_file.unlink(missing_ok=True)
        self.child.start()
        end = time.monotonic() + 10
        while not self._ports_file.exists():
            if not self.child.running or time.monotonic() > end:
                raise self.child.failure("did not start")
            time.sleep(0.01)
        self.ports = [int(line) for line in self._ports_file.read_text().split()]
        with self._counters_file.open("rb") as file:
            self._page = mmap.mmap(file.fileno(), _COUNTERS.size, access=mmap.ACCESS_READ)
        return self

    @property
    def pid(self) -> int:
        return self.child.pid

    def counters(self) -> Counters:
        """The totals over all ports as they stand."""
        assert self._page is not None, "not started"
        return Counters(*_COUNTERS.unpack_from(self._page))

    def stop(self) -> dict[str, Any]:
        """Ends it and gives its summary."""
        self.child.stop()
        lines = self.child.log_file.read_text().splitlines()
        found: dict[str, Any] = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
        return found


def _argv(ports: Sequence[int], options: SmscOptions) -> list[str]:
    listening = [word for port in ports for word in ("--port", str(port))]
    return [
        *listening,
        *("--response-ms", str(options.response_ms)),
        *("--receipt-ms", str(options.receipt_ms)),
        *("--receipts", options.receipts),
        *("--window", str(options.window)),
    ]
