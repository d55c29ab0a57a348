"""`manage.py up`: the whole connector on this machine, without samples (`make up`)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from ghasi.devstack.ending import ends_on_signal, wait_for_signal
from ghasi.devstack.errors import DevstackError
from ghasi.devstack.joining import NAME, write_env
from ghasi.devstack.paths import RUN_ROOT
from ghasi.devstack.scenario import DEMO
from ghasi.devstack.stack import Options, Stack
from ghasi.devstack.view import line


class Command(BaseCommand):
    help = (
        "Start servers, simulated operators and every process of the connector until Ctrl-C. Servers that NATS_URL, "
        "DATABASE_URL or REDIS_URL name are used instead of our own. Data is kept for the next time. "
        "Exit codes: 1 not started, 130 ended by Ctrl-C."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scenario", type=Path, default=DEMO, metavar="FILE.yaml", help="the simulated operators"
        )
        parser.add_argument("--dispatch-processes", type=int, default=1, metavar="N")
        parser.add_argument("--gateways", type=int, default=1, metavar="N")
        parser.add_argument("--run-dir", type=Path, default=RUN_ROOT / "up", metavar="DIR", help="where it all lives")
        parser.add_argument("--fresh", action="store_true", help="drop what an earlier run stored")

    def handle(self, *_: Any, **options: Any) -> None:
        console = Console()
        given = {name: os.environ[name] for name in ("NATS_URL", "DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
        wanted = Options(
            scenario=options["scenario"],
            dispatch_processes=options["dispatch_processes"],
            gateways=options["gateways"],
            fresh=options["fresh"],
            given=given,
            say=lambda text: line(console, text),
        )
        try:
            with ends_on_signal():
                self._run(console, options["run_dir"], wanted)
        except DevstackError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)

    def _run(self, console: Console, run_dir: Path, options: Options) -> None:
        stack = Stack.start(run_dir, options)
        try:
            joining = write_env(stack.path, stack.joining_env())
            for name, value in (*stack.shown_env().items(), *stack.metrics_urls.items()):
                line(console, f"{name:<18}{value}")
            line(console, f"{'admin':<18}{stack.admin_login}")
            line(console, f"{'logs':<18}{stack.path / 'logs'}")
            line(console, f"{'commands':<18}. {joining}")
            line(console, "Ctrl-C stops everything.")
            wait_for_signal()
        except KeyboardInterrupt:
            line(console, "")
        finally:
            line(console, "stopping")
            (stack.path / NAME).unlink(missing_ok=True)
            stack.stop()
