"""What commands that change something share: asking first, progress, an end at Ctrl-C (docs/commands.md)."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ghasi.management.exits import EXIT_USAGE

LINE_EVERY = 5.0


def counted(number: int, thing: str) -> str:
    """`1 part`, `2 parts`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def agreed(question: str, *, yes: bool) -> bool:
    """Whether a person says yes at the terminal, or `--yes` did. Raises CommandError where nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise CommandError("nothing was done: give --yes where nobody can be asked", returncode=EXIT_USAGE)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        return False


class Stop:
    """Set by the first Ctrl-C or SIGTERM: what is being done is finished, the rest is left. A second one kills."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked


@contextmanager
def interruptible() -> Iterator[Stop]:
    """For the main thread only: signals set `Stop` for as long as it lasts."""
    stop = Stop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def take(number: int, _frame: FrameType | None) -> None:
        stop.asked = True
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, take)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Told:
    """Progress on stderr, so that stdout is the answer's: a bar on a terminal, else a line every few seconds."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title = title
        self._quiet = quiet
        self._said_at = time.monotonic()
        self._bar = _bar(title) if sys.stderr.isatty() and not quiet else None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
        elif not self._quiet and time.monotonic() - self._said_at >= LINE_EVERY:
            self._said_at = time.monotonic()
            sys.stderr.write(f"{self._title}: {done} of {total}\n")
            sys.stderr.flush()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar(title: str) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    bar.add_task(title, total=None)
    bar.start()
    return bar


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Told]:
    """`told(done, total)` shows how far a piece of work has come; nothing at all where `quiet`."""
    told = Told(title, quiet=quiet)
    try:
        yield told
    finally:
        told.close()
