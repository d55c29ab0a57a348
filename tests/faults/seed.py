"""The seed of a run, and how much of it is run.

`FAULTS_POINTS` (crash points, comma-separated) leaves out all others, to look into one.
`FAULTS_SEED` repeats a run's choices. `FAULTS` is `short` (part of `make test`), `full` (`make faults`) or `long`
(`make faults LONG=1`).
"""

from __future__ import annotations

import os
import random
import secrets

SETS = ("short", "full", "long")
SEED = int(os.environ.setdefault("FAULTS_SEED", "") or secrets.randbelow(1_000_000))
os.environ["FAULTS_SEED"] = str(SEED)  # the workers of a parallel run choose alike
ONLY = tuple(filter(None, os.environ.get("FAULTS_POINTS", "").split(",")))
SET = os.environ.get("FAULTS") or "short"
if SET not in SETS:
    raise SystemExit(f"FAULTS: must be one of {', '.join(SETS)}")


def at_least(name: str) -> bool:
    """Whether the set chosen includes another."""
    return SETS.index(SET) >= SETS.index(name)


def rng(use: str) -> random.Random:
    """A generator for one use: a draw more in one leaves the others as they were."""
    return random.Random(f"{SEED}:{use}")
