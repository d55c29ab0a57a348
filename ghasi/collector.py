"""The garbage collector of a process that makes thousands of short-lived objects a second.

By default Python looks through the youngest after every 700 more, and through everything now and then: measured, a
fifth of the dispatch workers' CPU. What goes in cycles here is little (a task, an exception), so it can wait.
"""

from __future__ import annotations

import gc

YOUNGEST = 50_000
OLDER = 20
OLDEST = 50


def spare_the_collector() -> None:
    """Call it once, when everything is imported: what is there now is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNGEST, OLDER, OLDEST)
