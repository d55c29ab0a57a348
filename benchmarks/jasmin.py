"""Jasmin beside us."""

from __future__ import annotations

from typing import Any

from benchmarks.load import Load
from benchmarks.missing import PeerMissing


def version() -> str:
    """Raises PeerMissing."""
    raise PeerMissing("Jasmin is not installed")


async def measure(load: Load) -> dict[str, Any]:
    """One run. Raises PeerMissing."""
    raise PeerMissing("Jasmin is not installed")
