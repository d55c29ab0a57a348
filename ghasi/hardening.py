"""What a process that holds secrets forbids the machine it runs on (docs/security.md, "Secrets in a process").

A core dump holds every password, number and text the process had in memory, and `/proc/PID/environ` what it was
started with. Both are closed here, in the entry points, before a secret is read.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

from ghasi.env import Env

_PR_SET_DUMPABLE: Final = 4


def harden(env: Env | None = None) -> None:
    """No core dumps; on Linux also no look into this process by others of the same user (prctl(2), PR_SET_DUMPABLE).

    PROCESS_INSPECTION=1 leaves the second one out, for a debugger or a profiler. Children that are forked inherit
    both. Raises SettingsError naming the variable.
    """
    inspection = (env or Env()).flag("PROCESS_INSPECTION")
    no_core_dumps()
    if not inspection:
        no_inspection()


def no_core_dumps() -> None:
    """Whatever the limit was: hard limit too, so that no child raises it again."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def no_inspection() -> bool:
    """Memory and environment of this process belong to root alone from now on. False where there is no such thing.

    A limit of 0 does not hold for a core_pattern that pipes dumps to a program (core(5)); this does.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return False
    return int(prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0
