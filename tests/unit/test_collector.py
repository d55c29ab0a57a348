"""ghasi.collector: a process that makes many objects looks through them seldom, and cycles still go."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
from ghasi.collector import YOUNGEST, spare_the_collector
spare_the_collector()
class Ring: pass
ring = Ring(); ring.self = ring
gone = weakref.ref(ring)
del ring
kept = [[] for _ in range(YOUNGEST + 1000)]
print(gc.get_freeze_count() > 1000, gone() is None, gc.get_threshold()[0] == YOUNGEST)
"""


def test_cycles_are_found_after_many_more_objects() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]
