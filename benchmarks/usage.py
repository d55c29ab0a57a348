"""CPU time and memory of processes, read from /proc (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class Stat:
    """What is needed of /proc/PID/stat; `cpu` in seconds, that of reaped children included."""

    pid: int
    parent: int
    cpu: float


def parse_stat(line: str) -> Stat:
    """One line of /proc/PID/stat. The command stands in parentheses and may hold anything, parentheses too."""
    pid, _, rest = line.partition(" ")
    fields = rest[rest.rindex(")") + 2 :].split()
    return Stat(int(pid), int(fields[1]), sum(map(int, fields[11:15])) / _TICK)


def parse_pss(text: str) -> float:
    """MiB of /proc/PID/smaps_rollup: own memory, and of shared memory this process's share."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def trees(stats: Iterable[Stat], roots: Mapping[str, int]) -> dict[str, list[Stat]]:
    """By name: the process `roots` names and all its descendants."""
    children: dict[int, list[Stat]] = {}
    by_pid: dict[int, Stat] = {}
    for stat in stats:
        children.setdefault(stat.parent, []).append(stat)
        by_pid[stat.pid] = stat
    return {name: _tree(by_pid.get(pid), children) for name, pid in roots.items()}


def _tree(root: Stat | None, children: Mapping[int, list[Stat]]) -> list[Stat]:
    found = [root] if root else []
    for stat in found:
        found += children.get(stat.pid, [])
    return found


def _stats() -> list[Stat]:
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                found.append(parse_stat((entry / "stat").read_text()))
            except OSError:
                continue
    return found


def cpu_seconds(roots: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds so far, by name, children included."""
    return {name: sum(stat.cpu for stat in tree) for name, tree in trees(_stats(), roots).items()}


def memory_mib(roots: Mapping[str, int]) -> dict[str, float]:
    """Resident memory by name, children included; what several processes share is counted once."""
    return {name: sum(map(_pss, tree)) for name, tree in trees(_stats(), roots).items()}


def _pss(stat: Stat) -> float:
    try:
        return parse_pss((_PROC / str(stat.pid) / "smaps_rollup").read_text())
    except OSError:
        return 0.0


class Peak:
    """The highest memory of several samples, by name."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = roots
        self.mib: dict[str, float] = {}

    def sample(self) -> None:
        for name, now in memory_mib(self._roots).items():
            self.mib[name] = max(now, self.mib.get(name, 0.0))
