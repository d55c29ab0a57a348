"""What the three servers of the local stack have in common: start until it answers, restart, crash, stop."""

import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

from ghasi.devstack.child import Child
from ghasi.devstack.errors import StartFailed
from ghasi.devstack.rundir import RunDir

READY_TIMEOUT_S = 20.0
_PROBE_PAUSE_S = 0.01
_RETRY_PAUSE_S = 0.1
_TRIES = 8


class Server(ABC):
    """One real server as a child process. Its address and its data stay the same over restarts."""

    name: str
    passing_failures: tuple[str, ...] = ()
    """What the log says (lower case) when a start fails on something that goes away by itself."""

    def __init__(self, run: RunDir, *, fixed_port: bool = False) -> None:
        self.run = run
        self._fixed_port = fixed_port
        self.child: Child | None = None

    @abstractmethod
    def make_child(self) -> Child:
        """The process for the current port; prepares what it needs on disk."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server serves a real client now. Must not raise for a server that does not yet."""

    @abstractmethod
    def move(self) -> None:
        """Choose another port, after somebody was quicker on the first one."""

    @property
    def pid(self) -> int:
        """Process number of the running server."""
        return self._child().pid

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.child is not None and self.child.running

    def start(self) -> None:
        """Start and wait until a real connection works.

        Raises StartFailed with the end of the log when it ends or stays silent.
        """
        for left in reversed(range(_TRIES)):
            self.child = self.make_child()
            self.child.start()
            try:
                self._await_answer()
            except StartFailed as failure:
                self.child.stop()
                if not left or not self._worth_another_try(failure):
                    raise
                time.sleep(_RETRY_PAUSE_S)
            else:
                self._fixed_port = True
                return

    def stop(self) -> None:
        """Stop in order; the data stays."""
        if self.child is not None:
            self.child.stop()

    def kill(self) -> None:
        """Kill -9, as a crash."""
        self._child().kill()

    def restart(self) -> None:
        """Stop in order (if it still runs) and start again on the same address with the same data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server: connections stay open, nothing is answered."""
        self._child().pause()

    def resume(self) -> None:
        """Let a frozen server go on."""
        self._child().resume()

    def _worth_another_try(self, failure: StartFailed) -> bool:
        """Whether the same start may succeed now; moves to another port where the first was taken."""
        said = str(failure).lower()
        if "address already in use" in said and not self._fixed_port:
            self.move()
            return True
        return any(passing in said for passing in self.passing_failures)

    def _child(self) -> Child:
        if self.child is None:
            raise RuntimeError(f"{self.name} is not started")
        return self.child

    def _await_answer(self) -> None:
        child = self._child()
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self.answers():
            if not child.running:
                raise child.failure("ended while starting")
            if time.monotonic() > deadline:
                raise child.failure(f"does not answer after {READY_TIMEOUT_S:.0f} s")
            time.sleep(_PROBE_PAUSE_S)
        if not child.running:
            # Somebody else answers on the port, our server found it taken.
            raise child.failure("ended: address already in use")


def plain_env() -> Mapping[str, str]:
    """Environment for a server program: nothing of ours, so that no PG* or similar variable bends it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def ask(port: int, question: bytes, answer: bytes, *, greeting: bytes = b"") -> bool:
    """Whether the server on the loopback port greets as expected and gives `answer` to `question`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.settimeout(1.0)
            if greeting and greeting not in _read_line(connection):
                return False
            connection.sendall(question)
            return answer in _read_line(connection)
    except OSError:
        return False


def _read_line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = connection.recv(4_096)
        if not piece:
            break
        line += piece
    return line
