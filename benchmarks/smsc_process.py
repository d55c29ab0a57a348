"""The SMSC for load (benchmarks/smsc) as a child process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from benchmarks.load import Load
from benchmarks.programs import Page, build, start_listening
from ghasi.devstack.child import Child
from ghasi.devstack.rundir import RunDir


@dataclass(frozen=True, slots=True)
class Counters:
    """`struct counters` of smsc.h: counts, and times in Unix nanoseconds (0: nothing came yet)."""

    submits: int
    responses: int
    receipts_due: int
    receipts_sent: int
    receipts_acked: int
    receipts_refused: int
    first_arrival: int
    last_arrival: int
    first_response: int
    last_response: int
    first_acked: int
    last_acked: int
    worst_second: int
    sessions: int


@dataclass(frozen=True, slots=True)
class SmscOptions:
    """Delays in milliseconds; `window`: receipts unanswered on one session; `log`: times of every PDU are written.

    `quick_ack`: TCP acknowledges without delay; delays cost a peer that does not set NODELAY most of its rate.
    """

    response_ms: int = 0
    receipt_ms: int = 0
    receipts: str = "requested"
    window: int = 100
    log: bool = False
    quick_ack: bool = False


def smsc_options(load: Load, *, log: bool = False) -> SmscOptions:
    """How the SMSC meets a load, ours and a peer's alike."""
    receipts = "requested" if load.receipts else "never"
    return SmscOptions(load.response_ms, load.receipt_ms, receipts, load.receipt_window, log, quick_ack=True)


class Smsc:
    """One SMSC. `ports` are what it listens on, in the order of its operators."""

    def __init__(
        self, run: RunDir, ports: Sequence[int], options: SmscOptions, *, before: Sequence[str] = ()
    ) -> None:
        self._ports_file = run.path / "smsc.ports"
        self._counters_file = run.path / "smsc.counters"
        self.log_file = run.path / "smsc.times"
        self._run = run
        self._options = options
        self._before = list(before)
        self.ports = list(ports)
        self.child = self._child()
        self._page: Page | None = None

    def start(self) -> Smsc:
        """Returns once every port listens; after a kill, on the same ports. Raises StartFailed."""
        self.child = self._child()
        self.ports = list(start_listening(self.child, self._ports_file))
        self._page = Page(self._counters_file, len(fields(Counters)))
        return self

    def _child(self) -> Child:
        argv = [*self._before, str(build("smsc")), *_argv(self.ports, self._options)]
        argv += ["--ports-file", str(self._ports_file), "--counters", str(self._counters_file)]
        if self._options.log:
            argv += ["--log", str(self.log_file)]
        return Child("smsc", argv, run=self._run, env={})

    @property
    def pid(self) -> int:
        return self.child.pid

    def counters(self) -> Counters:
        """The totals over all ports as they stand."""
        assert self._page is not None, "not started"
        return Counters(*self._page.read())

    def stop(self) -> dict[str, Any]:
        """Ends it and gives its summary."""
        self.child.stop()
        lines = self.child.log_file.read_text().splitlines()
        found: dict[str, Any] = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
        return found


def _argv(ports: Sequence[int], options: SmscOptions) -> list[str]:
    listening = [word for port in ports for word in ("--port", str(port))]
    return [
        *listening,
        *("--response-ms", str(options.response_ms)),
        *("--receipt-ms", str(options.receipt_ms)),
        *("--receipts", options.receipts),
        *("--window", str(options.window)),
        *(["--quick-ack"] if options.quick_ack else []),
    ]
