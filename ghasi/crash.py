"""Named places where a process can be told to die, for the fault tests (docs/reliability.md).

`FAULT_POINT=name` ends the process with SIGKILL when it passes the point for the first time, `name:n` at the n-th
pass: nothing is flushed, closed or told, as in a real crash. `name:n:stop` freezes it there instead (SIGSTOP), until
somebody lets it go on. Unset, which is every installation, `point` and `soon` are empty functions.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Final

from ghasi.env import Env, SettingsError, exit_on_bad_settings

GATEWAY: Final = (
    "gateway.on_request",
    "gateway.before_write",
    "gateway.after_write",
    "gateway.on_response",
    "gateway.after_answer",
)
GATEWAY_RECEIPTS: Final = ("gateway.on_receipt", "gateway.receipt_stored", "gateway.receipt_answered")
DISPATCH: Final = (
    "dispatch.fetched",
    "dispatch.before_claim",
    "dispatch.claimed",
    "dispatch.before_request",
    "dispatch.before_record",
    "dispatch.recorded",
    "dispatch.before_publish",
    "dispatch.published",
    "dispatch.before_ack",
    "dispatch.acked",
)
RECEIPTS: Final = (
    "receipts.before_match",
    "receipts.committed",
    "receipts.before_publish",
    "receipts.published",
    "receipts.before_ack",
    "receipts.acked",
)
COMMANDS: Final = ("replay.begun", "replay.published")
"""In commands, and in the pool that carries out bulk actions: around the publish of each replay."""
ALLOWED: Final = "gateway.allowed"
"""Between the question whether a connection may write and its write, the bind itself included: a place to freeze."""
POINTS: Final = (*GATEWAY, *GATEWAY_RECEIPTS, *DISPATCH, *RECEIPTS)

SOON: Final = 0.05
"""Seconds from a pass of `soon` to the end: what was handed to a buffered connection has left by then."""

Passed = Callable[[str], None]


class Countdown:
    """Calls `end` at the n-th pass of one name. Passes may come from any thread."""

    def __init__(self, name: str, passes: int, end: Callable[[], object]) -> None:
        self._name = name
        self._left = passes
        self._end = end
        self._mutex = threading.Lock()

    def passed(self, name: str) -> None:
        """A point was reached."""
        if name != self._name:
            return
        with self._mutex:
            self._left -= 1
            due = self._left == 0
        if due:
            self._end()


def armed(env: Env, end: Callable[[], object]) -> Countdown | None:
    """What FAULT_POINT asks for; None where it is unset. Raises SettingsError."""
    text = env.text("FAULT_POINT", "")
    if not text:
        return None
    name, passes, how = (*text.split(":", 2), "", "")[:3]
    known = name in (*POINTS, *COMMANDS, ALLOWED) and how in ("", "stop")
    if not known or not (passes or "1").isdecimal() or int(passes or "1") < 1:
        raise SettingsError("FAULT_POINT: must be the name of a crash point, name:n with n from 1, or name:n:stop")
    return Countdown(name, int(passes or "1"), _freeze if how else end)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _die_soon() -> None:
    threading.Timer(SOON, _die).start()


def _nothing(_: str) -> None:
    """What a pass is everywhere but in a fault test."""


def _bound(end: Callable[[], object]) -> Passed:
    with exit_on_bad_settings():
        countdown = armed(Env(), end)
    return _nothing if countdown is None else countdown.passed


point: Final[Passed] = _bound(_die)
"""`point(name)`: the process may end here."""
soon: Final[Passed] = _bound(_die_soon)
"""`soon(name)`: the process may end here, once its connections have written what they hold."""
