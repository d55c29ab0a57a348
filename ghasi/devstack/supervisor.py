"""Runs the product's processes: starts them until they are ready, restarts what ends, stops all in order."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ghasi.devstack.child import Child
from ghasi.devstack.errors import StartFailed
from ghasi.devstack.ready import Ready
from ghasi.devstack.rundir import RunDir

WATCH_EVERY_S = 0.1
_PROBE_PAUSE_S = 0.05
_RESTART_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_STEADY_S = 30.0
"""A process that ran so long is taken for healthy: its next restart comes at once again."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of the product. Times in seconds; `env` goes on top of the supervisor's."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready: Ready | None = None
    ready_timeout: float = 30.0
    stop_timeout: float = 10.0
    restart: bool = True


@dataclass(slots=True)
class _Kept:
    spec: ProcessSpec
    child: Child
    restarts: int = 0
    started_at: float = 0.0
    start_again_at: float | None = None
    wanted: bool = True


class Supervisor:
    """The processes of a run. Restarts what ends unasked, with growing delays; Dramatiq's master, for one, ends
    when one of its workers is killed. `on_end(name, exit code)` is called for each such end, from a thread.
    """

    def __init__(
        self,
        run: RunDir,
        env: Mapping[str, str],
        *,
        cwd: Path,
        on_end: Callable[[str, int], None] | None = None,
    ) -> None:
        self._run = run
        self._env = dict(env)
        self._cwd = cwd
        self._on_end = on_end
        self._kept: dict[str, _Kept] = {}
        self._mutex = threading.RLock()
        self._ending = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self, *specs: ProcessSpec) -> None:
        """Start processes at once and wait until each is ready. Raises StartFailed with the end of a log."""
        with self._mutex:
            for spec in specs:
                self._start_one(spec)
            self._watch()
        for spec in specs:
            self._await_ready(spec)

    def run_once(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], timeout: float) -> None:
        """Run a process to its end. Raises StartFailed where it fails or takes longer."""
        child = self._child(ProcessSpec(name, argv, env))
        child.start()
        deadline = time.monotonic() + timeout
        while child.running:
            if time.monotonic() > deadline:
                child.kill()
                raise child.failure(f"did not end within {timeout:.0f} s")
            time.sleep(_PROBE_PAUSE_S)
        child.reap()
        if child.returncode != 0:
            raise child.failure(f"ended with exit code {child.returncode}")

    def child(self, name: str) -> Child:
        """The process of that name. Raises KeyError for a name never started."""
        return self._kept[name].child

    @property
    def names(self) -> list[str]:
        """Names of the processes, in the order of their start."""
        return list(self._kept)

    def restarts(self, name: str) -> int:
        """How often the process was started again after an end nobody asked for."""
        return self._kept[name].restarts

    def stop_one(self, name: str) -> None:
        """Stop one process; it stays stopped until `restart`."""
        with self._mutex:
            kept = self._kept[name]
            kept.wanted = False
        kept.child.stop()

    def restart(self, name: str) -> None:
        """Stop one process if it runs, start it again and wait until it is ready."""
        self.stop_one(name)
        spec = self._kept[name].spec
        with self._mutex:
            self._start_one(spec)
        self._await_ready(spec)

    def stop(self, *groups: Sequence[str]) -> None:
        """Stop all: the named groups one after the other, each at once, then what is left."""
        self._ending.set()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()
        with self._mutex:
            for kept in self._kept.values():
                kept.wanted = False
        named = {name for group in groups for name in group}
        rest = [name for name in reversed(self._kept) if name not in named]
        for group in (*groups, rest):
            self._stop_group([name for name in group if name in self._kept])

    def _stop_group(self, names: Sequence[str]) -> None:
        if names:
            with ThreadPoolExecutor(len(names)) as pool:
                list(pool.map(lambda name: self._kept[name].child.stop(), names))

    def _child(self, spec: ProcessSpec) -> Child:
        return Child(
            spec.name,
            spec.argv,
            run=self._run,
            env={**self._env, **spec.env},
            cwd=self._cwd,
            stop_timeout=spec.stop_timeout,
        )

    def _start_one(self, spec: ProcessSpec) -> None:
        child = self._child(spec)
        before = self._kept.get(spec.name)
        self._kept[spec.name] = _Kept(
            spec, child, restarts=before.restarts if before else 0, started_at=time.monotonic()
        )
        child.start()

    def _await_ready(self, spec: ProcessSpec) -> None:
        kept = self._kept[spec.name]
        before = kept.restarts
        deadline = time.monotonic() + spec.ready_timeout
        while True:
            if kept.restarts != before or not kept.child.running:
                raise kept.child.failure("ended while starting")
            if spec.ready is None or spec.ready():
                return
            if time.monotonic() > deadline:
                raise kept.child.failure(f"is not ready after {spec.ready_timeout:.0f} s")
            time.sleep(_PROBE_PAUSE_S)

    def _watch(self) -> None:
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch_for_ever, name="supervisor", daemon=True)
            self._watcher.start()

    def _watch_for_ever(self) -> None:
        while not self._ending.wait(WATCH_EVERY_S):
            with self._mutex:
                for kept in self._kept.values():
                    if kept.wanted:
                        self._look_after(kept)

    def _look_after(self, kept: _Kept) -> None:
        now = time.monotonic()
        if kept.start_again_at is not None:
            if now >= kept.start_again_at:
                self._start_again(kept, now)
            return
        if kept.child.running:
            return
        kept.child.reap()
        if self._on_end is not None:
            self._on_end(kept.spec.name, kept.child.returncode or 0)
        if not kept.spec.restart:
            kept.wanted = False
            return
        quick = 0 if now - kept.started_at > _STEADY_S else kept.restarts
        kept.start_again_at = now + _RESTART_DELAYS_S[min(quick, len(_RESTART_DELAYS_S) - 1)]

    def _start_again(self, kept: _Kept, now: float) -> None:
        kept.started_at = now
        kept.start_again_at = None
        try:
            kept.child.start()
            kept.restarts += 1
        except (StartFailed, subprocess.SubprocessError):
            kept.start_again_at = now + _RESTART_DELAYS_S[-1]
