"""The two terminals of docs/tutorial.md: the one that `make up` keeps, and a shell that remembers its variables."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import IO, Self

from tests.browser.tutorial_text import said_in_order

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
COMMAND_SECONDS = 120.0
START_SECONDS = 300.0
STOP_SECONDS = 60.0


class Terminal:
    """A process whose output is read as it comes; as a context manager it is ended, with all it started."""

    def __init__(self, argv: list[str], folder: Path) -> None:
        self.said = ""
        self._lines: SimpleQueue[str] = SimpleQueue()
        # What this process has in its environment a reader's shell has not: servers of the tests, for one.
        self._process = subprocess.Popen(
            argv,
            cwd=folder,
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin = self._process.stdin
        Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def write(self, text: str) -> None:
        self._stdin.write(text)
        self._stdin.flush()

    def until_line(self, pattern: str, seconds: float) -> str:
        """What is said before the line that matches. Raises TimeoutError or EOFError with what was said."""
        end, said = time.monotonic() + seconds, ""
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                raise TimeoutError(f"not within {seconds} s; it said:\n{said}") from None
            if not line:
                raise EOFError(f"it ended; it said:\n{said}")
            if re.search(pattern, line):
                self.said += said + line
                return said
            said += line

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(STOP_SECONDS)

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put("")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            try:
                self.interrupt()
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Shell(Terminal):
    """A shell in a folder; variables and what was sourced stay from one command to the next."""

    _MARK = "tutorial-command-ended"

    def __init__(self, folder: Path) -> None:
        super().__init__(["sh"], folder)

    def run(self, command: str) -> tuple[str, int]:
        """What the command says on both streams, and its exit code."""
        self.write(f"{command}\ncode=$?; echo; echo {self._MARK} $code\n")
        said = self.until_line(f"^{self._MARK} ", COMMAND_SECONDS)
        return said, int(self.said.split()[-1])

    def __exit__(self, *_: object) -> None:
        self._stdin.close()
        super().__exit__(None, None, None)


class Up(Terminal):
    """`make up` as it is written, until Ctrl-C."""

    def __init__(self, command: str, folder: Path) -> None:
        super().__init__(["sh", "-c", f"exec {command}"], folder)

    def await_said(self, expected: list[str]) -> str | None:
        """Waits for the last line expected; the first one that is missing from what it said."""
        self.until_line(f"^{re.escape(expected[-1])}$", START_SECONDS)
        return said_in_order(self.said, expected)

    @property
    def login(self) -> tuple[str, str]:
        """The address and the password of the admin that it printed."""
        found = re.search(r"^admin +(\S+) +login \S+ / (\S+)", self.said, re.MULTILINE)
        assert found, "it printed no login"
        return found[1], found[2]
